#include "cuda/affine_warp.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

Status affine_warp(std::uint8_t* out, const std::uint8_t* in, const AffineMap* maps, Interpolation interpolation,
                   std::size_t N, int H, int W, Stream stream) {
    if (H < 0 || W < 0 || (W > 0 && H > (1 << 30) / W)) return {kInvalidValue};
    const LaunchConfig config = for_blocks(H && W ? N : 0);
    if (interpolation == Interpolation::kBilinear) {
        return launch(affine_warp_kernel<Interpolation::kBilinear>, config, stream, out, in, maps, H, W);
    }
    return launch(affine_warp_kernel<Interpolation::kNearest>, config, stream, out, in, maps, H, W);
}

}  // namespace warpvae

#include "cuda/degrade.cuh"

#include <cmath>

#include "cuda/device/launch.cuh"

namespace warpvae {

template <class T>
Status degrade(T* y, const T* x, Degradation noise, const std::uint64_t* seeds, std::size_t first_row, int R, int N,
               int H, int W, Stream stream, int C) {
    const bool is_share = noise.kind != DegradationKind::kGaussian;
    if (!seeds || R < 0 || N < 0 || H < 1 || W < 1 || C < 1 || H > (1 << 30) / W || H >= 1 << 24 || W >= 1 << 24 ||
        H * W > (1 << 30) / C)
        return {kInvalidValue};
    const int width = noise.kind == DegradationKind::kSaltAndPepper ? C : 1;
    if (!std::isfinite(noise.amount) || noise.amount < 0 || (is_share && noise.amount > 1)) return {kInvalidValue};
    switch (noise.kind) {
        case DegradationKind::kSaltAndPepper:
        case DegradationKind::kGaussian:
            return launch(degrade_pixels_kernel<T>, for_blocks(N, R), stream, y, x, noise.kind, noise.amount, seeds,
                          first_row, H * W * (C / width), width);
        case DegradationKind::kOcclusion:
            return launch(degrade_occlusion_kernel<T>, for_blocks(N, R), stream, y, x,
                          int(std::lround(noise.amount * float(H < W ? H : W))), seeds, first_row, H, W, C);
    }
    return {kInvalidValue};
}

#define WARPVAE_INSTANTIATE(T)                                                                                        \
    template Status degrade(T*, const T*, Degradation, const std::uint64_t*, std::size_t, int, int, int, int, Stream, \
                            int);
WARPVAE_INSTANTIATE(float)
WARPVAE_INSTANTIATE(double)
#undef WARPVAE_INSTANTIATE

}  // namespace warpvae

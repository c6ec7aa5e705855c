#include "cuda/glyphs.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

Status glyphs(std::uint8_t* images, std::uint8_t* labels, GlyphPose* poses, const GlyphSkeletons& skeletons,
              const GlyphOptions& options, std::uint64_t seed, std::uint64_t step, std::size_t first, std::size_t N,
              int H, int W, Stream stream) {
    if (H < 1 || W < 1 || H > (1 << 30) / W) return {kInvalidValue};
    return launch(glyphs_kernel<1024>, for_blocks(N, 1, Block::any(128)), stream, images, labels, poses, skeletons,
                  options, seed, step, first, H, W);
}

}  // namespace warpvae

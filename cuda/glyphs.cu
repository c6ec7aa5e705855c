#include "cuda/glyphs.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

Status glyphs(const GlyphBatch& out, const GlyphSkeletons& skeletons, const GlyphOptions& options,
              const GlyphNumbers& numbers, std::size_t N, int H, int W, Stream stream) {
    if (H < 1 || W < 1 || H > (1 << 30) / W) return {kInvalidValue};
    return launch(glyphs_kernel<1024>, for_blocks(N, 1, Block::any(128)), stream, out, skeletons, options, numbers, H,
                  W);
}

}  // namespace warpvae

#include "cuda/colour_glyphs.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

Status colour_glyphs(const GlyphBatch& out, const GlyphSkeletons& skeletons, const ColourGlyphOptions& options,
                     const GlyphNumbers& numbers, std::size_t N, int H, int W, Stream stream) {
    if (H < 1 || W < 1 || H > (1 << 28) / W) return {kInvalidValue};
    if (!(options.min_contrast >= 0 && options.min_contrast < 0.5f)) return {kInvalidValue};
    return launch(colour_glyphs_kernel<1024>, for_blocks(N, 1, Block::any(128)), stream, out, skeletons, options,
                  numbers, H, W);
}

}  // namespace warpvae

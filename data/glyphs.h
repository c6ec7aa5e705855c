// Digits drawn by the glyphs kernel from the stroke skeletons in glyphs.cpp: a set for a machine with no data and no
// network, and the only one whose poses are known.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "cuda/ops.h"
#include "data/registry.h"

namespace warpvae {

/// Images, labels and the pose that each was drawn in (GlyphPose in ops.h).
struct GlyphSet {
    ImageSet set;
    std::vector<GlyphPose> poses;
};

/// `count` glyphs of 28 x 28. Image i depends on (seed, part, options, i) only, not on the count.
GlyphSet make_glyphs(std::size_t count, std::uint64_t seed, Part part, const GlyphOptions& options = {});

/// `count` digits in colour with their neighbours, 32 x 32 x 3 (colour_glyphs in ops.h); the same holds of image i.
GlyphSet make_colour_glyphs(std::size_t count, std::uint64_t seed, Part part, const ColourGlyphOptions& options = {});

/// Writes <prefix>-images-idx3-ubyte.gz (idx4 in colour), <prefix>-labels-idx1-ubyte.gz and <prefix>-poses.npy (float32
/// [count, 8], in the order of GlyphPose's members).
void write_glyphs(const std::filesystem::path& folder, const char* prefix, const GlyphSet& glyphs);

/// The makers of `glyphs` and `glyphs-colour` for the registry.
ImageSet make_glyphs_part(const MakeRequest& request);
ImageSet make_colour_glyphs_part(const MakeRequest& request);

}  // namespace warpvae

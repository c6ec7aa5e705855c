// Digits drawn by this project. Letters and conventions: cuda/ops.h.
#pragma once
#include <cstddef>
#include <cstdint>

#include "cuda/device/device.h"

namespace warpvae {

// --- generated digits: glyphs.cuh ------------------------------------------------------------------------------------

/// Where and how bent a generated digit is. The skeleton's point (x, y), each about -1..1 with y down, lands at
///   centre + u R K S (x + bend_x (y^2 - 1/3), y + bend_y (x^2 - 1/6)) + (translate_x, translate_y),
/// u = 0.32 min(H, W) pixels, R the rotation, K the shear, S = diag(exp(log_scale_x), exp(log_scale_y)).
struct GlyphPose {
    float rotation;                  ///< radians, counter-clockwise as shown
    float log_scale_x, log_scale_y;  ///< of the digit's own axes
    float shear;                     ///< above 0 the digit leans right
    float translate_x, translate_y;  ///< pixels, right and down
    float bend_x, bend_y;            ///< what no affine map undoes
};
/// Ranges of what is drawn for each image; each number is uniform in [-max, max] (thickness in [min, max]).
struct GlyphOptions {
    float max_rotation = 0.3f;
    float max_log_scale = 0.2f;
    float max_shear = 0.35f;
    float max_translation = 1.5f;  ///< pixels
    float max_bend = 0.2f;
    float jitter = 0.07f;  ///< standard deviation of each skeleton point's own displacement; not part of the pose
    float min_thickness = 1.6f, max_thickness = 3.8f;  ///< pixels of a 28 pixel image
};

struct GlyphVertex {
    float x, y;
};
/// A piece of a stroke from vertex at[1] to at[2]: the Catmull-Rom spline through at[0..3], numbered within the style.
struct GlyphSpan {
    std::uint8_t at[4];
};
/// One way to write a digit.
struct GlyphStyle {
    int first_vertex, vertex_count, first_span, span_count;
};
inline constexpr int kMaxGlyphVertices = 48, kMaxGlyphSpans = 48;  ///< of one style
/// Device memory: the styles of digit k are first_style[k] .. first_style[k + 1] - 1, first_style [11].
struct GlyphSkeletons {
    const GlyphVertex* vertices;
    const GlyphSpan* spans;
    const GlyphStyle* styles;
    const int* first_style;
};
/// What N drawn glyphs are written to.
struct GlyphBatch {
    std::uint8_t* images;  ///< [N, H, W] or, in colour, [N, H, W, 3]
    std::uint8_t* labels;  ///< [N]
    GlyphPose* poses;      ///< [N]
};
/// Which glyphs are drawn: first .. first + N - 1 of (seed, step). Glyph i is the same whatever `first` and N.
struct GlyphNumbers {
    std::uint64_t seed, step;
    std::size_t first;
};
/// Draws N glyphs of H x W pixels, both from 1.
Status glyphs(const GlyphBatch& out, const GlyphSkeletons& skeletons, const GlyphOptions& options,
              const GlyphNumbers& numbers, std::size_t N, int H, int W, Stream stream);

// --- digits in colour, with neighbours: colour_glyphs.cuh ------------------------------------------------------------

struct ColourGlyphOptions {
    GlyphOptions glyph;       ///< of the digit in the middle, which `poses` and `labels` are of
    float neighbour = 0.75f;  ///< probability of another digit on the left, and of one on the right
    /// From digit to digit, uniform between the two; 1 is half a digit's height (the skeleton's unit).
    float min_distance = 1.35f, max_distance = 1.85f;
    float min_contrast = 0.35f;  ///< between the luminances (0..1) of ink and background; below 0.5
    float max_gradient = 0.12f;  ///< of the background's luminance, from the middle to an edge
    float noise = 0.02f;         ///< standard deviation, of each value of 0..1
};
/// Draws N colour glyphs; their labels and poses are those that `glyphs` gives to the same numbers.
Status colour_glyphs(const GlyphBatch& out, const GlyphSkeletons& skeletons, const ColourGlyphOptions& options,
                     const GlyphNumbers& numbers, std::size_t N, int H, int W, Stream stream);

}  // namespace warpvae

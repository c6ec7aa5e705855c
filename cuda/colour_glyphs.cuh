// Digits in colour with their neighbours, as a camera crops them from a house number: a stand-in for SVHN whose poses
// are known. The digit that glyphs.cuh draws has two colours of enough contrast. The background grows lighter to one
// side, parts of other digits stand at the left and right edges, and every value has a little noise.
//
// The digit in the middle is the glyph of the same number (glyphs.cuh: the same draws, so the same pose and strokes).
// A neighbour stands on the same line in the same pose, written with the same pen. The background's luminance is drawn
// from U[0.1, 0.9], and the ink's is at least min_contrast away from it. Each has a random hue, which does not change
// the luminance.
//
//   images [N, H, W, 3] bytes, labels [N], poses [N]; skeletons, see ops/glyphs.h.
// Randomness: Philox (seed, kDataset, step): the glyph's own blocks, and for each image kExtraDraws + H W blocks more,
// numbered after those of all glyphs. Block: any, one image each. Deterministic. Shared: 31 KB. Work per pixel: a dozen
// operations for each of some 100 segments, one Philox block.
#pragma once
#include "cuda/glyphs.cuh"
#include "cuda/ops/glyphs.h"

namespace warpvae {

inline constexpr std::uint64_t kBeyondGlyphs = std::uint64_t{1} << 40;  // the first block that no glyph uses
// Blocks of four numbers: the left and the right neighbour's, 64 background, 65 ink, 66 gradient, 67.. a pixel's noise.
inline constexpr int kExtraDraws = 2 * kGlyphDraws + 3;

struct Colour {
    float v[3];
};
__device__ inline float luminance(Colour c) { return 0.299f * c.v[0] + 0.587f * c.v[1] + 0.114f * c.v[2]; }

/// A colour of luminance `luma`, all channels within 0..1: the words of `hue` say how far each is from grey.
__device__ inline Colour colour_of(float luma, Random4 hue) {
    Colour c = {{2 * uniform_from(hue.v[1]) - 1, 2 * uniform_from(hue.v[2]) - 1, 2 * uniform_from(hue.v[3]) - 1}};
    const float grey = luminance(c), room = 0.5f * (luma < 0.5f ? luma : 1 - luma);
    for (float& v : c.v) v = luma + room * (v - grey);
    return c;
}

/// A luminance of 0..1 that is `contrast` or more away from `other`: uniform over all such luminances.
__device__ inline float contrasting(float other, float contrast, float uniform) {
    const float below = other > contrast ? other - contrast : 0;
    const float above = other + contrast < 1 ? 1 - other - contrast : 0;
    const float at = uniform * (below + above);
    return at < below ? at : other + contrast + (at - below);
}

template <int kTile>
__global__ void colour_glyphs_kernel(GlyphBatch out, GlyphSkeletons skeletons, ColourGlyphOptions options,
                                     GlyphNumbers numbers, int H, int W) {
    __shared__ GlyphVertex vertices[3 * kMaxGlyphVertices];
    __shared__ GlyphSegment segments[3 * kMaxGlyphSpans * kSegmentsPerSpan];
    __shared__ float pixel_x[kTile], pixel_y[kTile], nearest2[kTile];

    const std::size_t n = blockIdx.x;
    const int pixels = H * W;
    const std::uint64_t glyph_draws = (numbers.first + n) * std::uint64_t(kGlyphDraws);
    const std::uint64_t extra_draws = kBeyondGlyphs + (numbers.first + n) * std::uint64_t(kExtraDraws + pixels);
    const auto draw_at = [&](std::uint64_t block) {
        return philox(numbers.seed, Purpose::kDataset, numbers.step, block);
    };
    const auto draw = [&](int block) { return draw_at(glyph_draws + std::uint64_t(block)); };
    const auto extra = [&](int block) { return draw_at(extra_draws + std::uint64_t(block)); };

    const GlyphChoice glyph = glyph_choice(skeletons, options.glyph, draw(0), H, W);
    const GlyphPose pose = glyph_pose(options.glyph, draw(1), draw(2));
    const GlyphPlacement place = glyph_placement(pose, H, W);
    if (threadIdx.x == 0) {
        out.labels[n] = static_cast<std::uint8_t>(glyph.label);
        out.poses[n] = pose;
    }
    int segment_count = glyph_segments(segments, vertices, skeletons, glyph.style, options.glyph.jitter, place, draw);
    for (int side = 0; side < 2; ++side) {
        const Random4 choice = extra(side * kGlyphDraws);
        if (uniform_from(choice.v[2]) >= options.neighbour) continue;
        const float distance =
            options.min_distance + (options.max_distance - options.min_distance) * uniform_from(choice.v[3]);
        const float along = side == 0 ? -distance : distance;
        GlyphPlacement beside = place;
        beside.centre_x += along * place.xx;
        beside.centre_y += along * place.yx;
        segment_count +=
            glyph_segments(segments + segment_count, vertices + (side + 1) * kMaxGlyphVertices, skeletons,
                           glyph_choice(skeletons, options.glyph, choice, H, W).style, options.glyph.jitter, beside,
                           [&](int block) { return extra(side * kGlyphDraws + block); });
    }
    __syncthreads();

    const Random4 paper_words = extra(2 * kGlyphDraws), ink_words = extra(2 * kGlyphDraws + 1);
    const Random4 light = extra(2 * kGlyphDraws + 2);
    const float paper_luma = 0.1f + 0.8f * uniform_from(paper_words.v[0]);
    const Colour paper = colour_of(paper_luma, paper_words);
    const Colour ink =
        colour_of(contrasting(paper_luma, options.min_contrast, uniform_from(ink_words.v[0])), ink_words);
    // The background's luminance changes by `slope` from the middle to the edge that the gradient points at.
    float slope_x, slope_y;
    sincos_turn(uniform_from(light.v[0]), slope_y, slope_x);
    const float slope = options.max_gradient * uniform_from(light.v[1]) * 2.f / float(H > W ? H : W);

    for (int tile = 0; tile < pixels; tile += kTile) {
        __syncthreads();
        const auto mine = block_stride(pixels - tile < kTile ? pixels - tile : kTile);
        for (int i : mine) {
            pixel_x[i] = float((tile + i) % W);
            pixel_y[i] = float((tile + i) / W);
        }
        nearest_segment(nearest2, pixel_x, pixel_y, segments, segment_count, mine);
        for (int i : mine) {
            const float covered = ink_coverage(glyph.radius, nearest2[i]);
            const float lighter =
                slope * (slope_x * (pixel_x[i] - float(W - 1) / 2) + slope_y * (pixel_y[i] - float(H - 1) / 2));
            const Normal4 noise = normal_from(extra(kExtraDraws + tile + i));
            std::uint8_t* rgb = out.images + 3 * (n * std::size_t(pixels) + std::size_t(tile + i));
            for (int c = 0; c < 3; ++c) {
                const float below = paper.v[c] + lighter;
                const float value = below + covered * (ink.v[c] - below) + options.noise * noise.v[c];
                rgb[c] = static_cast<std::uint8_t>((value < 0.f ? 0.f : (value > 1.f ? 1.f : value)) * 255.f + 0.5f);
            }
        }
    }
}

}  // namespace warpvae

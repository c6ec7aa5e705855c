// Digits drawn from stroke skeletons. The data set needs no file, and every image comes with the pose (rotation,
// scales, shear, translation) and the non-rigid bend that made it.
//
// One block draws one image. Each vertex of the style is displaced a little. Catmull-Rom splines join the vertices, and
// are cut into straight segments, which are bent and placed (GlyphPose in ops/glyphs.h). Each pixel is inked by its
// distance to the nearest segment: full within half the pen's thickness, fading to none over one pixel (anti-aliasing).
// The pen's pressure varies along the stroke.
//
//   images [N, H, W] bytes, labels [N], poses [N]; skeletons, see ops/glyphs.h.
// Randomness: Philox (seed, kDataset, step), kGlyphDraws blocks for each image. Block: any, one image each.
// Deterministic. Shared: 48 vertices, 240 segments, three floats for each of kTile pixels (18 KB for 1024). Work per
// pixel: a dozen operations for each segment.
#pragma once
#include "cuda/ops/glyphs.h"
#include "cuda/philox.cuh"

namespace warpvae {

inline constexpr int kGlyphDraws = 32;  // blocks of four numbers: 0 choices, 1..2 pose, 3 pen, 8.. vertices
inline constexpr int kSegmentsPerSpan = 5;

/// A straight piece of ink: from (x, y) along (dx, dy), pixels. `pressure` divides squared distances: above 1, a wider
/// pen.
struct GlyphSegment {
    float x, y, dx, dy, per_length2, per_pressure2;
};

/// The skeleton's point (x, y) on the image (GlyphPose in ops/glyphs.h).
struct GlyphPlacement {
    float xx, xy, yx, yy, centre_x, centre_y, bend_x, bend_y;
    __device__ GlyphVertex operator()(GlyphVertex v) const {
        const float x = v.x + bend_x * (v.y * v.y - 1.f / 3), y = v.y + bend_y * (v.x * v.x - 1.f / 6);
        return {xx * x + xy * y + centre_x, yx * x + yy * y + centre_y};
    }
};
__device__ inline GlyphPlacement glyph_placement(const GlyphPose& pose, int H, int W) {
    const float unit = 0.32f * float(H < W ? H : W);
    const float turn = pose.rotation * 0.15915494f;
    float sine, cosine;
    sincos_turn(turn < 0 ? turn + 1 : turn, sine, cosine);
    const float scale_x = unit * exp_(pose.log_scale_x), scale_y = unit * exp_(pose.log_scale_y);
    // R = [cos sin; -sin cos] and K = [1 -shear; 0 1]: y points down.
    return {scale_x * cosine,
            scale_y * (sine - pose.shear * cosine),
            -scale_x * sine,
            scale_y * (cosine + pose.shear * sine),
            float(W - 1) / 2 + pose.translate_x,
            float(H - 1) / 2 + pose.translate_y,
            pose.bend_x,
            pose.bend_y};
}

__device__ inline GlyphPose glyph_pose(const GlyphOptions& options, Random4 first, Random4 second) {
    const auto within = [](float max, std::uint32_t bits) { return max * (2 * uniform_from(bits) - 1); };
    return {within(options.max_rotation, first.v[0]),     within(options.max_log_scale, first.v[1]),
            within(options.max_log_scale, first.v[2]),    within(options.max_shear, first.v[3]),
            within(options.max_translation, second.v[0]), within(options.max_translation, second.v[1]),
            within(options.max_bend, second.v[2]),        within(options.max_bend, second.v[3])};
}

/// The Catmull-Rom spline from p1 (t = 0) to p2 (t = 1).
__device__ inline float catmull_rom(float p0, float p1, float p2, float p3, float t) {
    return p1 + 0.5f * t * (p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0)));
}
__device__ inline GlyphVertex on_span(const GlyphVertex* vertices, GlyphSpan span, float t) {
    const GlyphVertex p0 = vertices[span.at[0]], p1 = vertices[span.at[1]], p2 = vertices[span.at[2]],
                      p3 = vertices[span.at[3]];
    return {catmull_rom(p0.x, p1.x, p2.x, p3.x, t), catmull_rom(p0.y, p1.y, p2.y, p3.y, t)};
}

/// The squared distance from (x, y) to the segment, in units of the pen's pressure there.
__device__ inline float distance2(const GlyphSegment& segment, float x, float y) {
    const float from_x = x - segment.x, from_y = y - segment.y;
    float t = (from_x * segment.dx + from_y * segment.dy) * segment.per_length2;
    t = t < 0.f ? 0.f : (t > 1.f ? 1.f : t);
    const float off_x = from_x - t * segment.dx, off_y = from_y - t * segment.dy;
    return (off_x * off_x + off_y * off_y) * segment.per_pressure2;
}

/// A style's strokes as straight segments, laid out by the whole block: its vertices displaced by the digit's own draws
/// (`draw(b)`: block b of four numbers), bent and placed. Returns how many; the caller syncs before it reads them.
template <class Draw>
__device__ int glyph_segments(GlyphSegment* segments, GlyphVertex* vertices, const GlyphSkeletons& skeletons,
                              GlyphStyle style, float jitter, const GlyphPlacement& place, Draw draw) {
    for (int pair : block_stride((style.vertex_count + 1) / 2)) {
        const Normal4 normals = normal_from(draw(8 + pair));
        const int v = 2 * pair;
        const GlyphVertex* skeleton = skeletons.vertices + style.first_vertex + v;
        vertices[v] = {skeleton[0].x + jitter * normals.v[0], skeleton[0].y + jitter * normals.v[1]};
        if (v + 1 < style.vertex_count) {
            vertices[v + 1] = {skeleton[1].x + jitter * normals.v[2], skeleton[1].y + jitter * normals.v[3]};
        }
    }
    __syncthreads();

    const int segment_count = style.span_count * kSegmentsPerSpan;
    const Random4 pen = draw(3);
    for (int s : block_stride(segment_count)) {
        const GlyphSpan span = skeletons.spans[style.first_span + s / kSegmentsPerSpan];
        const float t = float(s % kSegmentsPerSpan) / float(kSegmentsPerSpan);
        const GlyphVertex from = place(on_span(vertices, span, t));
        const GlyphVertex to = place(on_span(vertices, span, t + 1.f / float(kSegmentsPerSpan)));
        const float dx = to.x - from.x, dy = to.y - from.y;
        // Pressure swings by up to 25%, one to three times along the digit.
        float phase = uniform_from(pen.v[0]) + (1 + 2 * uniform_from(pen.v[1])) * float(s) / float(segment_count);
        phase -= float(int(phase));
        float sine, cosine;
        sincos_turn(phase, sine, cosine);
        const float pressure = 1 + 0.25f * uniform_from(pen.v[2]) * sine;
        segments[s] = {from.x, from.y, dx, dy, 1.f / (dx * dx + dy * dy + 1e-12f), 1.f / (pressure * pressure)};
    }
    return segment_count;
}

/// The digit and the way of writing it that the words of draw(0) choose, and half the pen's thickness in pixels.
struct GlyphChoice {
    int label;
    GlyphStyle style;
    float radius;
};
__device__ inline GlyphChoice glyph_choice(const GlyphSkeletons& skeletons, const GlyphOptions& options, Random4 choice,
                                           int H, int W) {
    const int label = int(uniform_from(choice.v[0]) * 10);
    const int first = skeletons.first_style[label], styles = skeletons.first_style[label + 1] - first;
    const float thickness =
        options.min_thickness + (options.max_thickness - options.min_thickness) * uniform_from(choice.v[2]);
    return {label, skeletons.styles[first + int(uniform_from(choice.v[1]) * float(styles))],
            thickness * (float(H < W ? H : W) / 56.f)};
}

/// nearest2[i] = the least of distance2 from pixel (pixel_x[i], pixel_y[i]) to the segments, for the pixels in `mine`.
__device__ inline void nearest_segment(float* nearest2, const float* pixel_x, const float* pixel_y,
                                       const GlyphSegment* segments, int segment_count, Stride<int> mine) {
    for (int i : mine) nearest2[i] = 1e30f;
    for (int s = 0; s < segment_count; ++s) {
        const GlyphSegment segment = segments[s];
        WARPVAE_SIMD()
        for (int i = mine.first; i < mine.last; i += mine.step) {
            const float d2 = distance2(segment, pixel_x[i], pixel_y[i]);
            nearest2[i] = d2 < nearest2[i] ? d2 : nearest2[i];
        }
    }
}
/// 0..1: how much of a pixel the ink covers.
__device__ inline float ink_coverage(float radius, float nearest2) {
    const float ink = radius + 0.5f - sqrt_(nearest2);
    return ink < 0.f ? 0.f : (ink > 1.f ? 1.f : ink);
}

template <int kTile>
__global__ void glyphs_kernel(GlyphBatch out, GlyphSkeletons skeletons, GlyphOptions options, GlyphNumbers numbers,
                              int H, int W) {
    __shared__ GlyphVertex vertices[kMaxGlyphVertices];
    __shared__ GlyphSegment segments[kMaxGlyphSpans * kSegmentsPerSpan];
    __shared__ float pixel_x[kTile], pixel_y[kTile], nearest2[kTile];

    const std::size_t n = blockIdx.x;
    const std::uint64_t draws = (numbers.first + n) * std::uint64_t(kGlyphDraws);
    const auto draw = [&](int block) {
        return philox(numbers.seed, Purpose::kDataset, numbers.step, draws + std::uint64_t(block));
    };

    // Which digit, in which style, with what pen, in which pose: every thread works it out for itself.
    const GlyphChoice glyph = glyph_choice(skeletons, options, draw(0), H, W);
    const GlyphPose pose = glyph_pose(options, draw(1), draw(2));
    if (threadIdx.x == 0) {
        out.labels[n] = static_cast<std::uint8_t>(glyph.label);
        out.poses[n] = pose;
    }
    const int segment_count =
        glyph_segments(segments, vertices, skeletons, glyph.style, options.jitter, glyph_placement(pose, H, W), draw);
    __syncthreads();

    // Within a tile every thread keeps to its own pixels. In the last, shorter tile these may be others than before.
    const int pixels = H * W;
    for (int tile = 0; tile < pixels; tile += kTile) {
        __syncthreads();
        const auto mine = block_stride(pixels - tile < kTile ? pixels - tile : kTile);
        for (int i : mine) {
            pixel_x[i] = float((tile + i) % W);
            pixel_y[i] = float((tile + i) / W);
        }
        nearest_segment(nearest2, pixel_x, pixel_y, segments, segment_count, mine);
        for (int i : mine) {
            out.images[n * std::size_t(pixels) + std::size_t(tile + i)] =
                static_cast<std::uint8_t>(ink_coverage(glyph.radius, nearest2[i]) * 255.f + 0.5f);
        }
    }
}

}  // namespace warpvae

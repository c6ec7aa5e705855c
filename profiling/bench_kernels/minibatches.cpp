// Minibatches of byte images, random numbers, and digits drawn here.
#include <cmath>

#include "profiling/bench_kernels/rows.h"

namespace warpvae {
namespace {

constexpr int kInSet = 7;  // other images of a class that stand for it

/// Labelled images of ten classes, class after class.
ClassIndex class_index(Arrays& a) {
    std::vector<std::uint32_t> members(kImages), starts;
    for (std::uint32_t i = 0; i < kImages; ++i) members[i] = i;
    for (std::uint32_t k = 0; k <= kClasses; ++k) starts.push_back(k * std::uint32_t(kImages / kClasses));
    return {a.each(members), a.each(starts), a.each(members), kImages, kClasses};
}

/// Every digit a ring of 12 spans, about as many as those of data/glyphs.cpp have.
GlyphSkeletons rings(Arrays& a) {
    constexpr int spans = 12;
    std::vector<GlyphVertex> vertices;
    std::vector<GlyphSpan> ring;
    for (int i = 0; i < spans; ++i) {
        const double angle = 2 * 3.14159265 * i / spans;
        vertices.push_back({float(0.7 * std::cos(angle)), float(0.9 * std::sin(angle))});
        const auto at = [i](int ahead) { return std::uint8_t((i + spans + ahead) % spans); };
        ring.push_back({{at(-1), at(0), at(1), at(2)}});
    }
    return {a.shared(vertices), a.shared(ring),
            a.shared(std::vector<GlyphStyle>(kClasses, GlyphStyle{0, spans, 0, spans})),
            a.shared(std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10})};
}
GlyphBatch glyph_batch(Arrays& a, int channels) {
    return {a.zeros<std::uint8_t>(N * D * channels), a.zeros<std::uint8_t>(N), a.zeros<GlyphPose>(N)};
}

}  // namespace

std::vector<Row> minibatch_rows() {
    const double poses = N * double(1 + sizeof(GlyphPose));
    return {
        {"gather (784)", 5 * kPixels, 0,
         [](Arrays& a) {
             float* batch = a.floats(N * D);
             return [=, images = a.images(), which = a.minibatch(), R = a.R] {
                 return gather(batch, images, which, R, N, {}, nullptr);
             };
         }},
        {"gather (784, binarised, turned)", 5 * kPixels, 0,
         [](Arrays& a) {
             float* batch = a.floats(N * D);
             GatherOptions options;
             options.binarise = true, options.augmentation.max_rotation = 45;
             return [=, images = a.images(), which = a.minibatch(), R = a.R] {
                 return gather(batch, images, which, R, N, options, nullptr);
             };
         }},
        {"gather_labels", 2.0 * N, 0,
         [](Arrays& a) {
             std::uint8_t* out = a.zeros<std::uint8_t>(N);
             return [=, labels = a.images(kImages), which = a.minibatch(), R = a.R] {
                 return gather_labels(out, labels, which, R, N, nullptr);
             };
         }},
        {"gather_complements (7 of 784)", 5 * kInSet * kPixels, 0,
         [](Arrays& a) {
             const ImageSets<float> sets{a.floats(N * kInSet * D), N, 0};
             return [=, images = a.images(), index = class_index(a), which = a.minibatch(), R = a.R] {
                 return gather_complements(sets, images, index, which, kInSet, R, N, {}, nullptr);
             };
         }},
        {"gather_labelled (784, sets of 7)", 5 * (kPixels + double(kClasses + N) * kInSet * D) + 2.0 * N, 0,
         [](Arrays& a) {
             const LabelledStep<float> out{a.floats(N * D), a.zeros<std::uint8_t>(N),
                                           a.floats((kClasses + N) * kInSet * D)};
             return [=, images = a.images(), labels = a.images(kImages), index = class_index(a), which = a.minibatch(),
                     R = a.R] { return gather_labelled(out, images, labels, index, which, kInSet, R, N, {}, nullptr); };
         }},
        {"gather_range (784)", 5 * kPixels, 0,
         [](Arrays& a) {
             float* batch = a.floats(N * D);
             return [=, images = a.images(), R = a.R] { return gather_range(batch, images, 1000, R, N, D, nullptr); };
         }},
        {"minibatch_order (60,000 images)", 4.0 * kImages, 0,
         [](Arrays& a) {
             std::uint32_t* order = a.zeros<std::uint32_t>(kImages);
             return [=] { return minibatch_order(order, kImages, 1, 2, nullptr); };
         },
         Models::kOne},
        {"advance_step", 16, 0, [](Arrays& a) { return [step = a.step()] { return advance_step(step, nullptr); }; },
         Models::kOne},
        {"philox_normal (784)", 4 * kPixels, 0,
         [](Arrays& a) {
             float* out = a.floats(N * D);
             return [=, n = std::size_t(a.R) * N * D] { return philox_normal(out, n, 1, Purpose::kTest, 0, nullptr); };
         }},
        {"philox_uniform (784)", 4 * kPixels, 0,
         [](Arrays& a) {
             float* out = a.floats(N * D);
             return [=, n = std::size_t(a.R) * N * D] {
                 return philox_uniform(out, n, 0.f, 1.f, 1, Purpose::kTest, 0, nullptr);
             };
         }},
        {"glyphs (28 x 28)", kPixels + poses, 0,
         [](Arrays& a) {
             const GlyphBatch out = glyph_batch(a, 1);
             return [=, skeletons = rings(a), n = std::size_t(a.R) * N] {
                 return glyphs(out, skeletons, {}, {1, 1, 0}, n, 28, 28, nullptr);
             };
         }},
        {"colour_glyphs (28 x 28 x 3)", 3 * kPixels + poses, 0,
         [](Arrays& a) {
             const GlyphBatch out = glyph_batch(a, 3);
             return [=, skeletons = rings(a), n = std::size_t(a.R) * N] {
                 return colour_glyphs(out, skeletons, {}, {1, 1, 0}, n, 28, 28, nullptr);
             };
         }},
    };
}

}  // namespace warpvae

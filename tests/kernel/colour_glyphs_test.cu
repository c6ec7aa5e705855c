// The colour glyphs kernel: the middle digit is the grey glyph in two colours, neighbours stand where they may,
// contrast, gradient and noise are what the options say, block sizes agree, nothing outside the output is touched.
#include <gtest/gtest.h>

#include <cmath>

#include "cuda/colour_glyphs.cuh"
#include "cuda/device/buffer.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using test::GuardedBuffer;
using Bytes = std::vector<std::uint8_t>;

/// Every digit one upright stroke, as high as a digit.
struct OneStroke {
    DeviceBuffer<GlyphVertex> vertices{std::vector<GlyphVertex>{{0, -1}, {0, 1}}};
    DeviceBuffer<GlyphSpan> spans{std::vector<GlyphSpan>{{{0, 0, 1, 1}}}};
    DeviceBuffer<GlyphStyle> styles{std::vector<GlyphStyle>(10, GlyphStyle{0, 2, 0, 1})};
    DeviceBuffer<int> first_style{std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}};
    GlyphSkeletons skeletons() const { return {vertices.data(), spans.data(), styles.data(), first_style.data()}; }
};

struct Drawn {
    Bytes images, labels;
    std::vector<float> poses;
};
constexpr std::uint64_t kSeed = 7, kStep = 3;
Drawn draw(const ColourGlyphOptions& options, std::size_t first, std::size_t N, int H, int W) {
    const OneStroke stroke;
    GuardedBuffer<std::uint8_t> images(3 * N * std::size_t(H) * std::size_t(W)), labels(N);
    GuardedBuffer<float> poses(8 * N);
    check(colour_glyphs({images.data(), labels.data(), reinterpret_cast<GlyphPose*>(poses.data())}, stroke.skeletons(),
                        options, {kSeed, kStep, first}, N, H, W, nullptr));
    return {images.download(), labels.download(), poses.download()};
}
/// The grey glyphs of the same numbers.
Drawn draw_grey(const GlyphOptions& options, std::size_t first, std::size_t N, int H, int W) {
    const OneStroke stroke;
    GuardedBuffer<std::uint8_t> images(N * std::size_t(H) * std::size_t(W)), labels(N);
    GuardedBuffer<float> poses(8 * N);
    check(glyphs({images.data(), labels.data(), reinterpret_cast<GlyphPose*>(poses.data())}, stroke.skeletons(),
                 options, {kSeed, kStep, first}, N, H, W, nullptr));
    return {images.download(), labels.download(), poses.download()};
}

/// Two flat colours and nothing else.
ColourGlyphOptions plain() {
    ColourGlyphOptions options;
    options.neighbour = options.max_gradient = options.noise = 0;
    return options;
}
/// Everything as it stands: every digit upright in the middle, the pen two pixels of 28.
GlyphOptions still() {
    GlyphOptions options;
    options.max_rotation = options.max_log_scale = options.max_shear = options.max_translation = options.max_bend = 0;
    options.jitter = 0;
    options.min_thickness = options.max_thickness = 2;
    return options;
}
double luma(const std::uint8_t* rgb) { return (0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]) / 255; }

TEST(ColourGlyphs, TheMiddleDigitIsTheGreyGlyphInTwoColours) {
    for (const auto& [H, W] : {std::pair{32, 32}, {28, 28}, {33, 35}, {40, 17}}) {
        const std::size_t N = 13, pixels = std::size_t(H * W);
        const Drawn colour = draw(plain(), 4, N, H, W), grey = draw_grey({}, 4, N, H, W);
        EXPECT_EQ(colour.labels, grey.labels);
        EXPECT_EQ(colour.poses, grey.poses);
        for (std::size_t n = 0; n < N; ++n) {
            const std::uint8_t *rgb = &colour.images[3 * n * pixels], *ink = &grey.images[n * pixels];
            const auto blank = std::size_t(std::min_element(ink, ink + pixels) - ink);
            const auto full = std::size_t(std::max_element(ink, ink + pixels) - ink);
            ASSERT_EQ(ink[blank], 0);
            ASSERT_EQ(ink[full], 255);
            double worst = 0;
            for (std::size_t i = 0; i < 3 * pixels; ++i) {
                const double paper = rgb[3 * blank + i % 3], pen = rgb[3 * full + i % 3];
                worst = std::max(worst, std::abs(paper + ink[i / 3] / 255. * (pen - paper) - rgb[i]));
            }
            // Half a byte for each of the two colours mixed, for the result and for the grey glyph's own rounding.
            EXPECT_LE(worst, 1.51) << "image " << n << " of " << H << "x" << W;
        }
    }
}

TEST(ColourGlyphs, InkAndBackgroundDifferEnough) {
    ColourGlyphOptions options = plain();
    options.glyph = still();
    options.glyph.min_thickness = options.glyph.max_thickness = 6;  // the middle pixel is all ink
    const std::size_t N = 400;
    for (const float contrast : {0.f, 0.35f, 0.49f}) {
        options.min_contrast = contrast;
        const Drawn drawn = draw(options, 0, N, 9, 9);
        double least = 1;
        int dark_on_light = 0, coloured = 0;
        for (std::size_t n = 0; n < N; ++n) {
            const std::uint8_t *corner = &drawn.images[3 * 81 * n], *middle = corner + 3 * 40;
            least = std::min(least, std::abs(luma(corner) - luma(middle)));
            dark_on_light += luma(middle) < luma(corner);
            coloured += std::abs(corner[0] - corner[2]) > 25;
        }
        EXPECT_GE(least, double(contrast) - 1 / 255.);
        EXPECT_NEAR(dark_on_light, 200, 60);
        EXPECT_GT(coloured, 100);
    }
}

TEST(ColourGlyphs, NeighboursStandBesideOnTheSameLine) {
    ColourGlyphOptions options = plain();
    options.glyph = still();
    options.min_distance = options.max_distance = 1.5f;
    const int H = 32, W = 64, row = 16;
    const std::size_t N = 60;
    const double unit = 0.32 * H;
    for (const float probability : {0.f, 0.5f, 1.f}) {
        options.neighbour = probability;
        const Drawn drawn = draw(options, 0, N, H, W);
        int found[2] = {0, 0}, elsewhere = 0;
        for (std::size_t n = 0; n < N; ++n) {
            const std::uint8_t* rgb = &drawn.images[3 * n * std::size_t(H * W)];
            const auto inked = [&](int x) { return std::abs(luma(rgb + 3 * (row * W + x)) - luma(rgb)) > 0.1; };
            EXPECT_TRUE(inked(31) && inked(32));
            for (int x = 0; x < W; ++x) {
                const double from_middle = x - (W - 1) / 2.0;
                const bool near_side = std::abs(std::abs(from_middle) - 1.5 * unit) < 2.5;
                elsewhere += inked(x) && !near_side && std::abs(from_middle) > 2.5;
            }
            found[0] += inked(int(std::lround((W - 1) / 2.0 - 1.5 * unit)));
            found[1] += inked(int(std::lround((W - 1) / 2.0 + 1.5 * unit)));
        }
        EXPECT_EQ(elsewhere, 0);
        for (const int sides : found) {
            EXPECT_NEAR(sides, double(probability) * double(N),
                        5 * std::sqrt(double(probability * (1 - probability)) * double(N)));
        }
    }
}

TEST(ColourGlyphs, TheBackgroundsGradientIsWithinItsLimit) {
    ColourGlyphOptions options = plain();
    options.glyph = still();
    const int side = 33, middle = side / 2;
    const std::size_t N = 200;
    const Drawn flat = draw(options, 0, N, side, side);
    options.max_gradient = 0.08f;
    const Drawn sloping = draw(options, 0, N, side, side);
    double largest = 0, uneven = 0;
    for (std::size_t n = 0; n < N; ++n) {
        const auto lighter = [&](int x, int y) {
            const std::size_t at = 3 * (n * std::size_t(side * side) + std::size_t(y * side + x));
            return luma(&sloping.images[at]) - luma(&flat.images[at]);
        };
        largest = std::max(largest, std::abs(lighter(0, middle)));
        // A plane: opposite corners are equally far from the middle's 0, but for rounding.
        uneven = std::max(uneven, std::abs(lighter(0, 0) + lighter(side - 1, side - 1)));
    }
    EXPECT_LT(largest, 0.08 + 2 / 255.);
    EXPECT_GT(largest, 0.05);
    EXPECT_LT(uneven, 4 / 255.);
}

TEST(ColourGlyphs, TheNoiseHasItsDeviation) {
    ColourGlyphOptions options = plain();
    options.glyph = still();
    const std::size_t N = 40;
    const Drawn clean = draw(options, 0, N, 32, 32);
    options.noise = 0.03f;
    const Drawn noisy = draw(options, 0, N, 32, 32);
    double sum = 0, squares = 0, count = 0;
    for (std::size_t i = 0; i < clean.images.size(); ++i) {
        if (clean.images[i] < 40 || clean.images[i] > 215) continue;  // five deviations from being cut off
        const double d = double(noisy.images[i]) - double(clean.images[i]);
        sum += d, squares += d * d, count += 1;
    }
    ASSERT_GT(count, 20000);
    const double deviation = 255 * 0.03, rounding = 1 / 6.;  // the variances of two roundings
    EXPECT_NEAR(sum / count, 0, 5 * deviation / std::sqrt(count) + 0.02);
    EXPECT_NEAR(squares / count, deviation * deviation + rounding,
                5 * deviation * deviation * std::sqrt(2 / count) + 0.3);
}

TEST(ColourGlyphs, AnyBlockSizeDrawsTheSame) {
    const Drawn expected = draw({}, 5, 3, 33, 35);  // 1155 pixels: more than one tile
    test::at_all_block_sizes([&] {
        const Drawn drawn = draw({}, 5, 3, 33, 35);
        EXPECT_EQ(drawn.labels, expected.labels);
        for (std::size_t i = 0; i < expected.images.size(); ++i) {
            // Vector and scalar code may round a product and its sum once or twice: a byte apart at most.
            ASSERT_NEAR(int(drawn.images[i]), int(expected.images[i]), 1) << "byte " << i;
        }
    });
}

TEST(ColourGlyphs, AGlyphIsTheSameInAnyBatch) {
    const std::size_t size = 3 * 32 * 32;
    const Drawn all = draw({}, 0, 9, 32, 32), later = draw({}, 6, 3, 32, 32);
    EXPECT_EQ(test::slice(all.images, 6 * size, 3 * size), later.images);
    EXPECT_EQ(test::slice(all.labels, 6, 3), later.labels);
    EXPECT_TRUE(draw({}, 0, 0, 32, 32).images.empty());
    EXPECT_EQ(draw({}, 0, 2, 1, 1).images.size(), 6u);
}

TEST(ColourGlyphs, RefusesWhatNoKernelCanTake) {
    const OneStroke stroke;
    const auto launch = [&](const ColourGlyphOptions& options, int H, int W) {
        return colour_glyphs({}, stroke.skeletons(), options, {1, 1, 0}, 1, H, W, nullptr).ok();
    };
    EXPECT_FALSE(launch({}, 0, 28));
    EXPECT_FALSE(launch({}, 1 << 20, 1 << 20));
    ColourGlyphOptions options;
    options.min_contrast = 0.5f;
    EXPECT_FALSE(launch(options, 32, 32));
    options.min_contrast = NAN;
    EXPECT_FALSE(launch(options, 32, 32));
}

}  // namespace
}  // namespace warpvae

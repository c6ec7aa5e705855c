// Transitions between two images through a model of random weights: each row is what it says, the same seed draws the
// same bits, and a sheet holds all rows.
#include "host/experiments/geometry/interpolation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "data/error.h"
#include "data/png.h"
#include "tests/support/temporary_folder.h"

namespace warpvae {
namespace {

using Bytes = std::vector<std::uint8_t>;
using Floats = std::vector<float>;

constexpr int kSide = 6, kPixels = kSide * kSide, kLatents = 3;

/// Stripes, `period` pixels wide.
Bytes picture(int period) {
    Bytes image(kPixels);
    for (int i = 0; i < kPixels; ++i) image[i] = std::uint8_t(i / period % 2 ? 255 : 20 * (i % 7));
    return image;
}

struct RandomModel : LoadedRenyi {
    RandomModel() : LoadedRenyi(config(), std::vector<double>{0.5}, 8) { model.parameters().initialise({7}, stream); }
    static RenyiVaeConfig config() {
        RenyiVaeConfig c;
        c.height = c.width = kSide;
        c.hidden = {8};
        c.latents = kLatents;
        c.samples = 1;
        return c;
    }
};

Floats row_of(const TransitionFrames& found, Transition transition) { return found.frames[int(transition)]; }
Floats frame_of(const TransitionFrames& found, Transition transition, int i) {
    const auto begin = row_of(found, transition);
    return Floats(begin.begin() + i * kPixels, begin.begin() + (i + 1) * kPixels);
}
double largest_difference(const Floats& a, const Floats& b) {
    EXPECT_EQ(a.size(), b.size());
    double largest = 0;
    for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(double(a[i]) - double(b[i])));
    return largest;
}

/// Posterior means of one image.
Floats means_of(RandomModel& loaded, const Bytes& image) {
    Floats moments = posterior_moments(loaded, image);
    moments.resize(kLatents);
    return moments;
}
Floats decoded(RandomModel& loaded, const Floats& z) { return decode_latents(loaded.model, z, 0); }

InterpolationOptions options(GaussianCurve curve = GaussianCurve::kFisherRao, std::uint64_t seed = 1) {
    InterpolationOptions o;
    o.steps = 9;
    o.curve = curve;
    o.seed = seed;
    return o;
}

TEST(GeometryInterpolation, PixelsAreALine) {
    RandomModel loaded;
    const Bytes a = picture(1), b = picture(3);
    const TransitionFrames found = interpolate(loaded, a, b, options());
    ASSERT_EQ(found.steps, 9);
    for (const auto& frames : found.frames) ASSERT_EQ(frames.size(), std::size_t(9 * kPixels));
    for (int i = 0; i < 9; ++i) {
        const Floats frame = frame_of(found, Transition::kPixels, i);
        const float t = float(i) / 8;
        for (int j = 0; j < kPixels; ++j) EXPECT_EQ(frame[j], (1 - t) * (a[j] / 255.f) + t * (b[j] / 255.f));
    }
}

TEST(GeometryInterpolation, MeansBeginAndEndAtThePosteriors) {
    RandomModel loaded;
    const Bytes a = picture(1), b = picture(3);
    for (const GaussianCurve curve : {GaussianCurve::kFisherRao, GaussianCurve::kArgo, GaussianCurve::kStraight}) {
        const TransitionFrames found = interpolate(loaded, a, b, options(curve));
        for (const Transition row : {Transition::kMeans, Transition::kGeodesicMeans}) {
            EXPECT_LT(largest_difference(frame_of(found, row, 0), decoded(loaded, means_of(loaded, a))), 1e-5);
            EXPECT_LT(largest_difference(frame_of(found, row, 8), decoded(loaded, means_of(loaded, b))), 1e-5);
        }
    }
}

TEST(GeometryInterpolation, TheGeodesicIsALineWhereItIsTold) {
    RandomModel loaded;
    const Bytes a = picture(1), b = picture(3);
    const TransitionFrames straight = interpolate(loaded, a, b, options(GaussianCurve::kStraight)),
                           geodesic = interpolate(loaded, a, b, options());
    EXPECT_LT(largest_difference(row_of(straight, Transition::kGeodesicMeans), row_of(straight, Transition::kMeans)),
              1e-5);  // other rows of the decoder's products
    EXPECT_EQ(row_of(straight, Transition::kMeans), row_of(geodesic, Transition::kMeans));
    EXPECT_DOUBLE_EQ(straight.largest_deviation, 1);
    EXPECT_GT(geodesic.largest_deviation, 1);
    EXPECT_GT(geodesic.distance, 0);
    EXPECT_EQ(straight.distance, geodesic.distance);
    EXPECT_GT(largest_difference(row_of(geodesic, Transition::kGeodesicMeans), row_of(geodesic, Transition::kMeans)),
              0);
}

TEST(GeometryInterpolation, DrawsFollowTheSeed) {
    RandomModel loaded;
    const Bytes a = picture(1), b = picture(3);
    const TransitionFrames one = interpolate(loaded, a, b, options()), again = interpolate(loaded, a, b, options()),
                           other = interpolate(loaded, a, b, options(GaussianCurve::kFisherRao, 2));
    EXPECT_EQ(one.frames, again.frames);
    for (const Transition row : kTransitions) {
        const bool drawn = row == Transition::kSamples || row == Transition::kGeodesicSamples;
        EXPECT_EQ(row_of(one, row) != row_of(other, row), drawn) << name_of(row);
    }
}

TEST(GeometryInterpolation, SamplesOfOneImageStandStill) {
    RandomModel loaded;
    const Bytes a = picture(2);
    const TransitionFrames found = interpolate(loaded, a, a, options());
    EXPECT_NEAR(found.distance, 0, 1e-6);
    EXPECT_NEAR(found.largest_deviation, 1, 1e-5);
    for (int i = 1; i < 9; ++i) {
        EXPECT_LT(
            largest_difference(frame_of(found, Transition::kGeodesicMeans, i), frame_of(found, Transition::kMeans, 0)),
            1e-5);
        // Every frame of the fourth row is a draw of its own.
        EXPECT_GT(largest_difference(frame_of(found, Transition::kGeodesicSamples, i),
                                     frame_of(found, Transition::kGeodesicSamples, i - 1)),
                  1e-4);
    }
}

TEST(GeometryInterpolation, WhereAnImageChangesOver) {
    // Frames of two pixels, squared distances to the first and last: 1 and 81, 16 and 36, 36 and 16, 81 and 1.
    EXPECT_EQ(change_over(Floats{0, 5, 1, 5, 4, 5, 6, 5, 9, 5, 10, 5}, 6), 3);
    EXPECT_EQ(change_over(Floats{0, 9, 10}, 3), 1);
    EXPECT_EQ(change_over(Floats{0, 1, 10}, 3), 2);
    EXPECT_EQ(change_over(Floats{0, 5, 10}, 3), 2);  // as near to one as to the other: not yet
    EXPECT_EQ(change_over(Floats{4, 4, 4}, 3), 2);
    RandomModel loaded;
    InterpolationOptions four = options();
    four.steps = 4;
    EXPECT_EQ(interpolate(loaded, picture(1), picture(3), four).change[int(Transition::kPixels)], 2);
}

TEST(GeometryInterpolation, Sharpness) {
    EXPECT_DOUBLE_EQ(sharpness(Floats{0, 1, 2, 3}, 4), 1);
    EXPECT_DOUBLE_EQ(sharpness(Floats{0, 0, 3, 3}, 4), 3);
    EXPECT_DOUBLE_EQ(sharpness(Floats{0, 0, 3, 4, 3, 4}, 3), 2);  // two pixels: steps of 5 and 0
    EXPECT_DOUBLE_EQ(sharpness(Floats{2, 2, 2}, 3), 1);
}

TEST(GeometryInterpolation, ASheetOfFiveRows) {
    const test::TemporaryFolder folder;
    RandomModel loaded;
    const Bytes a = picture(1), b = picture(3);
    const TransitionFrames found = interpolate(loaded, a, b, options());
    draw_interpolation(folder / "sheet.png", found, {kSide, kSide, {}, {}}, "from a to b");
    const Picture sheet = read_png(folder / "sheet.png");
    // Images of 6 x 6 are drawn nine times as large, four pixels apart, within a margin of 16.
    const int images_width = 9 * 54 + 8 * 4, images_height = 5 * 54 + 4 * 4;
    EXPECT_GT(sheet.width, images_width + 2 * 16 + 50);    // and the rows' names
    EXPECT_GT(sheet.height, images_height + 2 * 16 + 20);  // and the title
    const int left = sheet.width - 16 - images_width, top = sheet.height - 16 - images_height;
    const auto level = [&](int row, int column, int pixel) {
        const int x = left + column * 58 + 9 * (pixel % kSide) + 4, y = top + row * 58 + 9 * (pixel / kSide) + 4;
        return int(sheet.pixels[(std::size_t(y) * sheet.width + x) * sheet.channels]);
    };
    for (int row = 0; row < 5; ++row)
        for (int pixel = 0; pixel < kPixels; ++pixel) {
            EXPECT_NEAR(level(row, 0, pixel), 255 - a[pixel], 1);  // the images themselves at both ends
            EXPECT_NEAR(level(row, 8, pixel), 255 - b[pixel], 1);
            const float shown = found.frames[row][4 * kPixels + pixel];
            EXPECT_NEAR(level(row, 4, pixel), 255 * (1 - shown), 1.5);
        }
    const auto gap_above = [&](int row, int column) {
        const std::size_t at = std::size_t(top + row * 58 - 1) * sheet.width + left + column * 58 + 27;
        return int(sheet.pixels[at * sheet.channels + 1]);  // green: none of it in a red border
    };
    for (const Transition row : kTransitions)
        for (int column = 0; column < 9; ++column) {
            const bool marked = row == Transition::kMeans || row == Transition::kGeodesicMeans;
            EXPECT_EQ(gap_above(int(row), column) < 200, marked && column == found.change[int(row)])
                << name_of(row) << " " << column;
        }
}

TEST(GeometryInterpolation, Refusals) {
    RandomModel loaded;
    InterpolationOptions one = options();
    one.steps = 1;
    EXPECT_THROW(interpolate(loaded, picture(1), picture(3), one), UsageError);
}

}  // namespace
}  // namespace warpvae

// The generated digits as a set: whole on disk, the same whatever the count, fair, and learnable but not trivially.
#include "data/glyphs.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "data/npy.h"
#include "tests/support/temporary_folder.h"

namespace warpvae {
namespace {

TEST(GlyphsSet, LabelsAndPosesAreFair) {
    const std::size_t count = 3000;
    const GlyphOptions options;
    const GlyphSet glyphs = make_glyphs(count, 1, Part::kTrain, options);
    std::array<int, 10> labels{};
    for (const std::uint8_t label : glyphs.set.labels) {
        ASSERT_LT(label, 10);
        ++labels[label];
    }
    for (const int n : labels) EXPECT_NEAR(n, 300, 5 * std::sqrt(3000 * 0.09));
    const double limits[8] = {options.max_rotation, options.max_log_scale,   options.max_log_scale,
                              options.max_shear,    options.max_translation, options.max_translation,
                              options.max_bend,     options.max_bend};
    for (int k = 0; k < 8; ++k) {
        double sum = 0, squares = 0;
        for (const GlyphPose& pose : glyphs.poses) {
            const double value = static_cast<double>(reinterpret_cast<const float*>(&pose)[k]) / limits[k];
            ASSERT_LE(std::abs(value), 1 + 1e-6);
            sum += value, squares += value * value;
        }
        // Uniform in [-1, 1]: variance 1/3; the square's is 4/45.
        EXPECT_NEAR(sum / double(count), 0, 5 / std::sqrt(3.0 * double(count))) << "number " << k;
        EXPECT_NEAR(squares / double(count), 1 / 3., 5 * std::sqrt(4 / 45. / double(count))) << "number " << k;
    }
}

TEST(GlyphsSet, GlyphIDoesNotDependOnTheCount) {
    const GlyphSet many = make_glyphs(50, 3, Part::kTrain), few = make_glyphs(7, 3, Part::kTrain);
    EXPECT_TRUE(std::equal(few.set.images.begin(), few.set.images.end(), many.set.images.begin()));
    EXPECT_TRUE(std::equal(few.set.labels.begin(), few.set.labels.end(), many.set.labels.begin()));
    EXPECT_EQ(few.poses[6].shear, many.poses[6].shear);
    EXPECT_NE(make_glyphs(50, 4, Part::kTrain).set.images, many.set.images) << "another seed";
    EXPECT_NE(make_glyphs(50, 3, Part::kTest).set.images, many.set.images) << "another part";
    EXPECT_EQ(make_glyphs(0, 3, Part::kTrain).set.count(), 0u);
}

TEST(GlyphsSet, EveryImageHoldsADigitAwayFromTheEdge) {
    const GlyphSet glyphs = make_glyphs(1000, 2, Part::kTest);
    std::size_t edge_ink = 0, ink = 0;
    for (std::size_t n = 0; n < 1000; ++n) {
        int full = 0;
        for (std::size_t i = 0; i < 784; ++i) {
            const int value = glyphs.set.images[784 * n + i];
            full += value > 200;
            ink += std::size_t(value);
            if (i % 28 == 0 || i % 28 == 27 || i < 28 || i >= 784 - 28) edge_ink += std::size_t(value);
        }
        ASSERT_GT(full, 10) << "glyph " << n << " is nearly empty";
        ASSERT_LT(full, 350) << "glyph " << n << " is a blot";
    }
    EXPECT_LT(double(edge_ink), 0.004 * double(ink)) << "digits are cut off at the edge";
}

/// The share of test glyphs whose class has the nearest mean training image.
double nearest_mean_accuracy(const ImageSet& train, const ImageSet& test) {
    std::vector<double> means(10 * 784);
    std::array<double, 10> counts{};
    for (std::size_t n = 0; n < train.count(); ++n) {
        ++counts[train.labels[n]];
        for (std::size_t i = 0; i < 784; ++i) means[784 * train.labels[n] + i] += train.images[784 * n + i];
    }
    std::size_t correct = 0;
    for (std::size_t n = 0; n < test.count(); ++n) {
        double best = 1e300;
        std::size_t label = 0;
        for (std::size_t k = 0; k < 10; ++k) {
            double distance = 0;
            for (std::size_t i = 0; i < 784; ++i) {
                const double d = means[784 * k + i] / counts[k] - test.images[784 * n + i];
                distance += d * d;
            }
            if (distance < best) best = distance, label = k;
        }
        correct += label == test.labels[n];
    }
    return double(correct) / double(test.count());
}

TEST(GlyphsSet, DigitsCanBeToldApartButNotTrivially) {
    const GlyphSet train = make_glyphs(1500, 1, Part::kTrain), test = make_glyphs(300, 1, Part::kTest);
    const double accuracy = nearest_mean_accuracy(train.set, test.set);
    EXPECT_GT(accuracy, 0.55);
    EXPECT_LT(accuracy, 0.95);
}

TEST(ColourGlyphsSet, IsFairAndTheSameWhateverTheCount) {
    const GlyphSet many = make_colour_glyphs(1000, 3, Part::kTrain), few = make_colour_glyphs(7, 3, Part::kTrain);
    EXPECT_EQ(many.set.channels, 3);
    EXPECT_EQ(many.set.images.size(), 1000u * 32 * 32 * 3);
    EXPECT_TRUE(std::equal(few.set.images.begin(), few.set.images.end(), many.set.images.begin()));
    EXPECT_TRUE(std::equal(few.set.labels.begin(), few.set.labels.end(), many.set.labels.begin()));
    EXPECT_EQ(few.poses[6].shear, many.poses[6].shear);
    EXPECT_NE(make_colour_glyphs(7, 3, Part::kTest).set.images, few.set.images) << "another part";
    EXPECT_NE(make_glyphs(1000, 3, Part::kTrain).set.labels, many.set.labels) << "not the grey digits again";
    std::array<int, 10> labels{};
    for (const std::uint8_t label : many.set.labels) ++labels.at(label);
    for (const int n : labels) EXPECT_NEAR(n, 100, 5 * std::sqrt(1000 * 0.09));
}

TEST(ColourGlyphsSet, EveryImageIsInColourAndHasContrast) {
    const GlyphSet glyphs = make_colour_glyphs(500, 2, Part::kTest);
    int coloured = 0;
    for (std::size_t n = 0; n < 500; ++n) {
        double darkest = 255, lightest = 0, chroma = 0;
        for (std::size_t i = 0; i < 1024; ++i) {
            const std::uint8_t* p = &glyphs.set.images[3 * (1024 * n + i)];
            const double luma = 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2];
            darkest = std::min(darkest, luma), lightest = std::max(lightest, luma);
            chroma += std::abs(p[0] - p[1]) + std::abs(p[2] - p[1]);
        }
        EXPECT_GT(lightest - darkest, 0.3 * 255) << "image " << n;
        coloured += chroma / 1024 > 20;
    }
    EXPECT_GT(coloured, 250);
}

TEST(GlyphsSet, WritesImagesLabelsAndPoses) {
    const test::TemporaryFolder folder;
    const GlyphSet glyphs = make_glyphs(11, 1, Part::kTrain);
    write_glyphs(folder.path(), "train", glyphs);
    const ImageSet set =
        read_image_set(folder / "train-images-idx3-ubyte.gz", folder / "train-labels-idx1-ubyte.gz", {28, 28, 10});
    EXPECT_EQ(set.images, glyphs.set.images);
    EXPECT_EQ(set.labels, glyphs.set.labels);
    const NpyArray<float> poses = read_npy<float>(folder / "train-poses.npy");
    EXPECT_EQ(poses.shape, (std::vector<std::size_t>{11, 8}));
    EXPECT_EQ(poses.values[0], glyphs.poses[0].rotation);
    EXPECT_EQ(poses.values[8 * 10 + 7], glyphs.poses[10].bend_y);
}

}  // namespace
}  // namespace warpvae

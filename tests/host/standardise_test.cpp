// Per-pixel standardisation against means and deviations computed plainly.
#include "data/standardise.h"

#include <gtest/gtest.h>

#include <cmath>

#include "cuda/device/buffer.h"
#include "cuda/ops.h"
#include "tests/support/device_test.h"
#include "tests/support/temporary_folder.h"

namespace warpvae {
namespace {

ImageSet random_set(std::size_t count, int side, int channels) {
    test::Random random(4);
    ImageSet set{side, side, {}, std::vector<std::uint8_t>(count), channels};
    set.images = random.integers<std::uint8_t>(count * set.image_size(), 0, 255);
    return set;
}

TEST(Standardise, MeanAndDeviationOfEachPixelAndChannel) {
    for (const auto& [count, side, channels] : {std::tuple{1000, 5, 3}, {7, 4, 1}, {2, 1, 3}}) {
        const ImageSet set = random_set(std::size_t(count), side, channels);
        const Standardisation found = standardise(set);
        ASSERT_EQ(found.mean.size(), set.image_size());
        for (std::size_t i = 0; i < set.image_size(); ++i) {
            double mean = 0, variance = 0;
            for (int n = 0; n < count; ++n) mean += set.images[std::size_t(n) * set.image_size() + i] / 255. / count;
            for (int n = 0; n < count; ++n) {
                const double d = set.images[std::size_t(n) * set.image_size() + i] / 255. - mean;
                variance += d * d / count;
            }
            EXPECT_NEAR(found.mean[i], mean, 1e-6 * mean);
            EXPECT_NEAR(found.scale[i], 1 / std::sqrt(variance), 1e-6 / std::sqrt(variance));
        }
    }
}

TEST(Standardise, APixelThatNeverChangesKeepsItsScale) {
    ImageSet set = random_set(50, 3, 3);
    for (std::size_t n = 0; n < 50; ++n) set.images[n * 27 + 5] = 201, set.images[n * 27 + 6] = 0;
    const Standardisation found = standardise(set);
    EXPECT_EQ(found.scale[5], 1.f);
    EXPECT_FLOAT_EQ(found.mean[5], 201 / 255.f);
    EXPECT_EQ(found.scale[6], 1.f);
    EXPECT_EQ(found.mean[6], 0.f);
    const Standardisation one = standardise(random_set(1, 3, 3));
    EXPECT_EQ(one.scale, std::vector<float>(27, 1.f));
}

TEST(Standardise, OneStepFromConstantIsNotLost) {
    // One byte of 60,000 differs by one: in floats, E[x^2] - E[x]^2 would be all rounding.
    ImageSet set{1, 1, std::vector<std::uint8_t>(60000, 250), std::vector<std::uint8_t>(60000)};
    set.images[123] = 251;
    const double p = 1 / 60000.;
    EXPECT_FLOAT_EQ(standardise(set).scale[0], float(255 / std::sqrt(p * (1 - p))));
}

TEST(Standardise, GatheredPixelsHaveZeroMeanAndUnitDeviation) {
    const int count = 400, D = 4 * 4 * 3;
    const ImageSet set = random_set(std::size_t(count), 4, 3);
    const Standardisation found = standardise(set);
    const DeviceBuffer<std::uint8_t> images(set.images);
    const DeviceBuffer<const std::uint8_t*> table(std::vector<const std::uint8_t*>{images.data()});
    const DeviceBuffer<float> mean(found.mean), scale(found.scale);
    DeviceBuffer<float> batch(std::size_t(count * D));
    check(gather_range(batch.data(), table.data(), 0, 1, count, D, nullptr, {mean.data(), scale.data()}));
    std::vector<float> x(std::size_t(count * D));
    batch.download(x.data(), x.size());
    for (int i = 0; i < D; ++i) {
        double sum = 0, squares = 0;
        for (int n = 0; n < count; ++n) {
            const double v = double(x[std::size_t(n * D + i)]);
            sum += v, squares += v * v;
        }
        EXPECT_NEAR(sum / count, 0, 1e-6);
        EXPECT_NEAR(squares / count, 1, 1e-6);
    }
}

TEST(Standardise, NoImagesAreRefused) {
    test::expect_message([] { standardise(ImageSet{3, 3, {}, {}}); }, "no images");
}

}  // namespace
}  // namespace warpvae

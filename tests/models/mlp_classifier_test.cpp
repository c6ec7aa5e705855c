// The benchmark classifier: its backward against finite differences in double, ten images learnt by heart, labels that
// follow their images through the shuffle.
#include "models/mlp_classifier.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <random>

#include "cuda/device/launch_options.h"
#include "host/core/trainer.h"
#include "host/evaluate/mlp_training.h"
#include "tests/support/model_test.h"

namespace warpvae {
namespace {

MlpClassifierConfig small_config() {
    MlpClassifierConfig config;
    config.height = 2;
    config.width = 3;
    config.hidden = {5, 4};
    config.classes = 3;
    return config;
}

TEST(MlpClassifier, BackwardEqualsFiniteDifferencesOfEveryParameter) {
    const int R = 2, N = 5;
    const Matmul matmul;
    const std::vector<std::uint8_t> labels = {0, 2, 1, 1, 0};
    const DeviceImages device_labels({&labels}, {0, 0}, 1);
    MlpClassifier<double> model(small_config(), R, N, device_labels, matmul);
    model.parameters().initialise({1, 2}, nullptr);
    const DeviceBuffer<std::uint64_t> seeds(std::vector<std::uint64_t>{1, 2}), step(std::vector<std::uint64_t>{0});
    LatentNoise noise;
    noise.seeds = seeds.data();
    noise.step = step.data();
    std::mt19937 engine(3);
    std::vector<double> x(std::size_t(R) * N * 6);
    for (double& v : x) v = std::uniform_real_distribution<double>(-1, 1)(engine);
    test::expect_model_gradient(model, x, N, noise, 1, "the classifier");
}

TEST(MlpClassifier, LearnsTenImagesByHeartAndKeepsLabelsWithTheirImages) {
    // Image n has one bright pixel, n; its label is n % 4. Only a classifier whose labels follow the shuffle can learn
    // it.
    ImageSet set;
    set.height = 2;
    set.width = 5;
    set.images.assign(100, 0);
    for (int n = 0; n < 10; ++n) {
        set.images[n * 10 + n] = 255;
        set.labels.push_back(std::uint8_t(n % 4));
    }
    const DeviceImages images({&set.images}, {0}, 10);
    std::vector<DeviceImages> tests;
    tests.emplace_back(std::vector<const std::vector<std::uint8_t>*>{&set.images}, std::vector<int>{0}, 10);
    const bool is_fast = launch_options().cpu_blocks == CpuBlocks::kOneThread;
    const double accuracy = train_mlp_classifier(images, set, tests, set, 16, is_fast ? 200 : 40, 4, 0.02, 1)[0];
    std::printf("training accuracy %.2f\n", accuracy);
    EXPECT_EQ(accuracy, 1.0);
}

}  // namespace
}  // namespace warpvae

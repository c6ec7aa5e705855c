// The benchmark classifiers: their backward against finite differences in double, with convolutions and dropout too;
// ten images learnt by heart, labels that follow their images through the shuffle; frozen features.
#include "models/image_classifier.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <random>

#include "cuda/device/launch_options.h"
#include "host/core/trainer.h"
#include "host/evaluate/classifier_training.h"
#include "tests/support/model_test.h"

namespace warpvae {
namespace {

ImageClassifierConfig small_config() {
    ImageClassifierConfig config;
    config.height = 2;
    config.width = 3;
    config.hidden = {5, 4};
    config.classes = 3;
    return config;
}

void expect_gradients(const ImageClassifierConfig& config, const std::string& name) {
    const int R = 2, N = 5;
    const Matmul matmul;
    const Convolver convolver;
    const std::vector<std::uint8_t> labels = {0, 2, 1, 1, 0};
    const DeviceImages device_labels({&labels}, {0, 0}, 1);
    ImageClassifier<double> model(config, R, N, device_labels, matmul, convolver);
    model.parameters().initialise({1, 2}, nullptr);
    const DeviceBuffer<std::uint64_t> seeds(std::vector<std::uint64_t>{1, 2}), step(std::vector<std::uint64_t>{0});
    LatentNoise noise;
    noise.seeds = seeds.data();
    noise.step = step.data();
    std::mt19937 engine(3);
    std::vector<double> x(std::size_t(R) * N * config.height * config.width * config.channels);
    for (double& v : x) v = std::uniform_real_distribution<double>(-1, 1)(engine);
    test::expect_model_gradient(model, x, N, noise, 1, name);
}

TEST(ImageClassifier, BackwardEqualsFiniteDifferencesOfEveryParameter) {
    expect_gradients(small_config(), "dense layers");
    ImageClassifierConfig config = small_config();
    config.dropout = 0.4;
    expect_gradients(config, "with dropout");
    ImageClassifierConfig later = config;
    later.hidden = {6, 5}, later.dropout_from = 1;
    expect_gradients(later, "with dropout behind the second layer alone");
    config.height = 7, config.width = 6, config.channels = 2, config.filters = {3, 2};
    expect_gradients(config, "behind convolutions");
}

// Image n has one bright pixel, n; its label is n % 4. Only a classifier whose labels follow the shuffle can learn it.
struct TenImages {
    std::vector<std::uint8_t> pixels = std::vector<std::uint8_t>(100), bytes;
    DeviceImages images, labels;
    TenImages() {
        for (int n = 0; n < 10; ++n) {
            pixels[n * 10 + n] = 255;
            bytes.push_back(std::uint8_t(n % 4));
        }
        images = DeviceImages({&pixels}, {0, 0}, 10);
        labels = DeviceImages({&bytes}, {0, 0}, 1);
    }
};

void expect_learnt(const ImageClassifierConfig& config, const FrozenFeatures<float>& frozen = {}) {
    const TenImages set;
    const Matmul matmul;
    const Convolver convolver;
    ImageClassifier<float> classifier(config, 2, 8, set.labels, matmul, convolver, frozen);
    ClassifierTraining training;
    training.epochs = launch_options().cpu_blocks == CpuBlocks::kOneThread ? 200 : 40;
    training.phases = {{0, 4}, {std::uint64_t(training.epochs) / 2, 8}};  // two sizes, each with a tail
    training.learning_rate = 0.02;
    training.seeds = {1, 2};
    std::uint64_t done = 0;
    training.after_step = [&](std::uint64_t now) {
        EXPECT_GE(now, done);
        done = now;
    };
    train_classifier(classifier, set.images, matmul, training);
    if (!device_is_gpu()) {
        EXPECT_EQ(done, Schedule(10, training.phases).epoch_start(training.epochs));
    }
    for (const double accuracy : classifier_accuracy(classifier, set.images, set.labels, matmul))
        EXPECT_EQ(accuracy, 1.0);
}

ImageClassifierConfig ten_images_config() {
    ImageClassifierConfig config;
    config.height = 2, config.width = 5;
    config.hidden = {16};
    config.classes = 4;
    return config;
}

TEST(ImageClassifier, LearnsTenImagesByHeartAndKeepsLabelsWithTheirImages) {
    expect_learnt(ten_images_config());
    ImageClassifierConfig config = ten_images_config();
    config.filters = {4, 8};
    expect_learnt(config);
}

TEST(ImageClassifier, TakesFrozenFeatures) {
    DeviceBuffer<float> images(2 * 8 * 10, "images"), features(2 * 8 * 5, "features");
    images.zero();
    FrozenFeatures<float> frozen;
    frozen.size = 5;
    frozen.minibatch = images.data();
    frozen.features = [&](int N) {  // the first five pixels less the last five: enough to tell the classes apart
        const std::vector<float> x = images.download();
        std::vector<float> y(features.size());
        for (int n = 0; n < 2 * N; ++n)
            for (int i = 0; i < 5; ++i) y[n * 5 + i] = x[n * 10 + i] - x[n * 10 + 5 + i];
        features.upload(y);
        return features.data();
    };
    expect_learnt(ten_images_config(), frozen);
}

}  // namespace
}  // namespace warpvae

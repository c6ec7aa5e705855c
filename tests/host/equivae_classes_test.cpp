// What is read from an EQUIVAE: nearest means by hand, latents that do not depend on how many images are asked for at
// once or which replicas are beside, and the bound of each class against the same bound computed one class at a time.
#include "host/evaluate/equivae_classes.h"

#include <gtest/gtest.h>

#include "tests/support/device_test.h"

namespace warpvae {
namespace {

TEST(EquivaeClasses, NearestMeans) {
    const std::vector<float> x = {0, 0, 1, 1, 4, 4, 6, 6};
    const std::vector<std::uint8_t> labels = {0, 0, 1, 1};
    const std::vector<float> means = class_means(x, labels, 2);
    EXPECT_EQ(means, (std::vector<float>{0.5, 0.5, 5, 5}));
    EXPECT_EQ(nearest_classes({2, 2, 3, 3, 2.75, 2.75}, means, 2), (std::vector<std::uint8_t>{0, 1, 0}));
    EXPECT_DOUBLE_EQ(error_rate({0, 1, 1, 1}, labels), 0.25);
}

EquivaeConfig tiny_config(bool semi) {
    EquivaeConfig config;
    config.height = config.width = 4;
    config.classes = 3;
    config.latents = 4;
    config.filters = {4, 8};
    config.decoder_filters = {4};
    config.trunk_hidden = 8;
    config.hidden = 8;
    config.decoder_hidden = 4;
    config.classifier_hidden = {8, 8};
    config.max_complement = 3;
    config.semi_supervised = semi;
    return config;
}

struct Images {
    std::vector<std::uint8_t> pixels, bytes;
    DeviceImages images, labels;
    ClassSets classes;
    Images(int R, std::size_t count)
        : pixels(test::Random(count).integers<std::uint8_t>(count * 16, 0, 255)),
          bytes(count),
          images({&pixels}, std::vector<int>(R), 16),
          classes((fill(), std::vector<const std::vector<std::uint8_t>*>(R, &bytes)), 3) {
        labels = DeviceImages({&bytes}, std::vector<int>(R), 1);
    }
    void fill() {
        for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = std::uint8_t(i % 3);
    }
};

struct Model {
    Matmul matmul;
    Convolver convolver;
    Equivae<float> model;
    DeviceBuffer<std::uint64_t> seeds;
    Model(bool semi, const std::vector<std::uint64_t>& initial, int rows)
        : model(tiny_config(semi), int(initial.size()), rows, {}, matmul, convolver),
          seeds(std::vector<std::uint64_t>(initial.size(), 9), "seeds") {
        model.parameters().initialise(initial, nullptr);
    }
};

TEST(EquivaeClasses, DoesNotDependOnBatchesOrNeighbours) {
    const Images three(3, 23), one(1, 23);
    Model together(true, {1, 2, 3}, 8), alone(true, {2}, 5), alike(true, {2}, 8);
    const auto a = equivae_latents(together.model, three.images, three.classes, 2, together.seeds);
    const auto b = equivae_latents(alone.model, one.images, one.classes, 2, alone.seeds);
    const auto expect_near = [](const std::vector<float>& x, const std::vector<float>& y, const char* name) {
        test::expect_close(x, y, test::Tolerance{1e-5, 1e-5}, name);  // other tiles of images, other roundings
    };
    expect_near(a[1].r, b[0].r, "r");
    expect_near(a[1].v, b[0].v, "v");
    expect_near(a[1].v_sample, b[0].v_sample, "draws of v");
    expect_near(a[1].nll, b[0].nll, "nll");
    expect_near(a[1].kl, b[0].kl, "kl");
    expect_near(embed_images(together.model, three.images)[1], embed_images(alone.model, one.images)[0], "embedding");
    EXPECT_EQ(classify_images(together.model, three.images)[1], classify_images(alike.model, one.images)[0]);
    EXPECT_NE(a[0].r, a[1].r);
}

TEST(EquivaeClasses, BoundOfEachClassIsTheBoundAtItsR) {
    const int K = 3, Z = 4, N = 5;
    const Images set(1, N + 1);
    Model m(false, {4}, K * N);
    const std::vector<float> means = test::Random(1).normals<float>(K * Z);
    const std::vector<double> log_prior = {-1, -1.2, -1.1};
    const auto chosen = most_likely_classes(m.model, set.images, {means}, log_prior)[0];
    std::vector<std::uint8_t> expected;
    for (int n = 0; n <= N; ++n) {
        double best = -1e30;
        std::uint8_t at = 0;
        for (int k = 0; k < K; ++k) {
            check(gather_range(m.model.minibatch(), set.images.table(), n, 1, 1, 16, nullptr));
            check(copy_to_device(m.model.r(), means.data() + k * Z, Z * sizeof(float)));
            m.model.bound(1, {});
            float nll = 0, kl = 0;
            check(copy_to_host(&nll, m.model.nll(), sizeof nll));
            check(copy_to_host(&kl, m.model.kl(), sizeof kl));
            const double bound = log_prior[k] - double(nll) - double(kl);
            if (bound > best) best = bound, at = std::uint8_t(k);
        }
        expected.push_back(at);
    }
    EXPECT_EQ(chosen, expected);
}

}  // namespace
}  // namespace warpvae

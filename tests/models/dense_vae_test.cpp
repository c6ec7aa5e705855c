// The dense VAE: its written-out backward against finite differences in double, its forward against a plain loop, ten
// images learnt by heart, replicas equal to models trained alone, golden losses.
#include "models/dense_vae.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>

#include "cuda/device/launch_options.h"
#include "host/core/trainer.h"
#include "tests/support/model_test.h"

namespace warpvae {
namespace {

DenseVaeConfig small_config() {
    DenseVaeConfig config;
    config.height = 3;
    config.width = 5;
    config.hidden = {7, 6};
    config.latents = 4;
    config.beta = 1.5;
    return config;
}

TEST(DenseVae, BackwardEqualsFiniteDifferencesOfEveryParameter) {
    const int R = 2, N = 6, D = 15;
    const Matmul matmul;
    DenseVae<double> vae(small_config(), R, N, matmul);
    const std::vector<std::uint64_t> seeds = {11, 12};
    const DeviceBuffer<std::uint64_t> device_seeds(seeds);
    vae.parameters().initialise(seeds, nullptr);
    LatentNoise noise;
    noise.seeds = device_seeds.data();
    test::expect_model_gradient(vae, test::uniform<double>(std::size_t(R) * N * D, 0, 1, 5), N, noise, 1,
                                "the dense VAE");
}

TEST(DenseVae, ForwardEqualsAPlainLoop) {
    const int N = 3;
    const DenseVaeConfig config = small_config();
    const int D = config.height * config.width, Z = config.latents;
    const Matmul matmul;
    DenseVae<double> vae(config, 1, N, matmul);
    vae.parameters().initialise({3}, nullptr);
    const std::vector<double> values = vae.parameters().download(0);
    const std::vector<double> x = test::uniform<double>(N * D, 0, 1, 6);
    check(copy_to_device(vae.minibatch(), x.data(), x.size() * sizeof(double)));
    vae.evaluate(N, LatentNoise{});  // no noise: z = mu

    const auto& tensors = vae.parameters().layout().tensors();
    for (int n = 0; n < N; ++n) {
        std::vector<double> a(x.begin() + n * D, x.begin() + (n + 1) * D);
        double kl = 0;
        for (std::size_t t = 0; t < tensors.size(); t += 2) {  // weight, bias, weight, bias, ...
            std::vector<double> y(tensors[t].shape[0]);
            for (std::size_t o = 0; o < y.size(); ++o) {
                y[o] = values[tensors[t + 1].offset + o];
                for (std::size_t i = 0; i < a.size(); ++i) y[o] += values[tensors[t].offset + o * a.size() + i] * a[i];
            }
            const bool is_head = tensors[t].name == "heads.weight", is_last = t + 2 == tensors.size();
            if (is_head) {
                for (int j = 0; j < Z; ++j) kl += 0.5 * (y[j] * y[j] + std::exp(y[Z + j]) - 1 - y[Z + j]);
                y.resize(Z);
            } else if (!is_last) {
                for (double& v : y) v = std::max(v, 0.0);
            }
            a = y;
        }
        double nll = 0;
        for (int d = 0; d < D; ++d) {
            const double p = 1 / (1 + std::exp(-a[d])), t = x[n * D + d];
            nll -= t * std::log(p) + (1 - t) * std::log(1 - p);
        }
        const auto terms = vae.loss_terms();
        double row[2];
        for (int i = 0; i < 2; ++i) check(copy_to_host(&row[i], terms[i].rows + n, sizeof(double)));
        EXPECT_NEAR(row[0], nll, 1e-10 * nll);
        EXPECT_NEAR(row[1], kl, 1e-10 * kl);
    }
}

struct Training {
    Training(const std::vector<std::uint64_t>& seeds, const std::vector<float>& rates, std::size_t count, int batch,
             float clip_norm = 0, int steps_per_graph = 1)
        : images(test::blocks(count)),
          device_images({&images}, std::vector<int>(seeds.size(), 0), 36),
          vae(config(), int(seeds.size()), batch, matmul),
          trainer(vae, device_images, seeds, matmul, options(rates, batch, clip_norm, steps_per_graph)) {
        vae.parameters().initialise(seeds, nullptr);
    }
    static DenseVaeConfig config() {
        DenseVaeConfig c;
        c.height = c.width = 6;
        c.hidden = {32};
        c.latents = 5;
        return c;
    }
    static TrainerOptions options(const std::vector<float>& rates, int batch, float clip_norm, int steps_per_graph) {
        TrainerOptions o;
        o.batch = batch;
        o.learning_rates = rates;
        o.clip_norm = clip_norm;
        o.steps_per_graph = steps_per_graph;
        return o;
    }
    std::vector<ReplicaLoss> epoch() { return test::finish_epoch(trainer); }
    std::vector<std::uint8_t> images;
    Matmul matmul;
    DeviceImages device_images;
    DenseVae<float> vae;
    Trainer trainer;
};

int epochs_for_checks(int epochs) {  // fibers are some 200 times slower
    return launch_options().cpu_blocks == CpuBlocks::kOneThread ? epochs : 2;
}

TEST(DenseVae, LearnsTenImagesByHeart) {
    Training training({1}, {0.01f}, 10, 10);
    const double before = training.epoch()[0].terms[0];
    double after = before;
    const int epochs = epochs_for_checks(600);
    for (int e = 0; e < epochs; ++e) after = training.epoch()[0].terms[0];
    std::printf("reconstruction %.2f -> %.2f nats\n", before, after);
    if (epochs == 600) {
        EXPECT_LT(after, 0.12 * before);
    } else {
        EXPECT_LT(after, before);
    }
}

TEST(DenseVae, AReplicaEqualsTheSameModelTrainedAlone) {
    const std::vector<std::uint64_t> seeds = {7, 8, 9, 10};
    const std::vector<float> rates = {0.001f, 0.002f, 0.003f, 0.004f};
    Training together(seeds, rates, 21, 8);  // a tail of 5
    const int epochs = epochs_for_checks(6);
    for (int e = 0; e < epochs; ++e) together.epoch();
    for (std::size_t r = 0; r < seeds.size(); ++r) {
        Training alone({seeds[r]}, {rates[r]}, 21, 8);
        for (int e = 0; e < epochs; ++e) alone.epoch();
        const std::vector<float> a = together.vae.parameters().download(int(r)), b = alone.vae.parameters().download(0);
        ASSERT_EQ(a, b) << "replica " << r;
    }
}

TEST(DenseVae, AClippedReplicaEqualsTheSameModelTrainedAlone) {
    const std::vector<std::uint64_t> seeds = {7, 8, 9};
    const std::vector<float> rates(3, 0.002f);
    Training free(seeds, rates, 21, 8), huge(seeds, rates, 21, 8, 1e9f), tight(seeds, rates, 21, 8, 0.5f);
    for (Training* training : {&free, &huge, &tight})
        for (int e = 0; e < 2; ++e) training->epoch();
    for (std::size_t r = 0; r < seeds.size(); ++r) {
        const std::vector<float> together = tight.vae.parameters().download(int(r));
        const std::vector<float> unclipped = free.vae.parameters().download(int(r)),
                                 barely = huge.vae.parameters().download(int(r));
        // Without clipping the optimiser may be fused with the gradients, and round otherwise.
        for (std::size_t i = 0; i < barely.size(); ++i) ASSERT_NEAR(barely[i], unclipped[i], 1e-4);
        EXPECT_NE(together, free.vae.parameters().download(int(r)));
        Training alone({seeds[r]}, {rates[r]}, 21, 8, 0.5f);
        for (int e = 0; e < 2; ++e) alone.epoch();
        ASSERT_EQ(together, alone.vae.parameters().download(0)) << "replica " << r;
    }
}

TEST(DenseVae, StepsLaunchedAsOneAreTheSameSteps) {
    const auto trained = [](int steps_per_graph) {
        Training training({3, 4}, {0.01f, 0.02f}, 38, 4, 0, steps_per_graph);  // nine steps and a tail of 2
        int calls = 0;
        for (int e = 0; e < 2; ++e) training.trainer.finish_epoch([&](std::uint64_t) { return ++calls; });
        EXPECT_EQ(calls, steps_per_graph == 4 ? 2 * (2 + 1 + 1) : 20);
        return std::pair{training.vae.parameters().download(1), training.trainer.losses()[1].loss};
    };
    EXPECT_EQ(trained(4), trained(1));
}

TEST(DenseVae, FusedLayersTrainAsALibrarysProductsDo) {
    for (const float clip_norm : {0.f, 0.5f}) {
        Training plain({5, 6, 7}, {0.01f, 0.01f, 0.01f}, 21, 8, clip_norm);
        const test::FusedDense fused;
        Training together({5, 6, 7}, {0.01f, 0.01f, 0.01f}, 21, 8, clip_norm), alone({6}, {0.01f}, 21, 8, clip_norm);
        for (int e = 0; e < 2; ++e) {
            const double expected = plain.epoch()[1].loss;
            EXPECT_NEAR(together.epoch()[1].loss, expected, 1e-4 * expected);
            alone.epoch();
        }
        EXPECT_EQ(together.vae.parameters().download(1), alone.vae.parameters().download(0));
    }
}

TEST(DenseVae, ARestoredTrainerGoesOnBitForBit) {
    Training whole({5, 6}, {0.01f, 0.01f}, 21, 8);
    for (int e = 0; e < 3; ++e) whole.epoch();

    Training first({5, 6}, {0.01f, 0.01f}, 21, 8);
    first.epoch();
    int calls = 0;  // how many steps are launched: on a GPU fewer may be done
    first.trainer.finish_epoch([&](std::uint64_t) { return ++calls < 2; });  // stopped in mid-epoch
    Training second({0, 0}, {0.01f, 0.01f}, 21, 8);
    EXPECT_EQ(first.trainer.step(), 5u);
    Training resumed({5, 6}, {0.01f, 0.01f}, 21, 8);
    for (int r = 0; r < 2; ++r) resumed.trainer.restore(r, first.trainer.save(r));
    const auto resumed_loss = resumed.epoch();
    resumed.epoch();
    for (int r = 0; r < 2; ++r) EXPECT_EQ(resumed.vae.parameters().download(r), whole.vae.parameters().download(r));

    Training straight({5, 6}, {0.01f, 0.01f}, 21, 8);
    straight.epoch();
    EXPECT_EQ(resumed_loss[1].loss, straight.epoch()[1].loss) << "the running epoch's sums are part of the state";
}

TEST(DenseVae, DivergenceNamesTensorAndStep) {
    Training training({1}, {0.01f}, 10, 10);
    std::vector<float> values = training.vae.parameters().download(0);
    const ParameterInfo& tensor = training.vae.parameters().layout().tensors()[2];  // heads.weight
    values[tensor.offset + 3] = NAN;
    training.vae.parameters().upload(0, values);
    try {
        training.epoch();
        FAIL() << "NaN went unnoticed";
    } catch (const DivergenceError& error) {
        const std::string line = error.what();
        EXPECT_NE(line.find("step 0"), std::string::npos) << line;
        EXPECT_NE(line.find("encoder.0.weight"), std::string::npos) << line;  // the first gradient it reaches
        EXPECT_NE(line.find("replica 0"), std::string::npos) << line;
    }
}

TEST(DenseVae, GoldenLosses) {
    // Made by this test on the CPU device, seed 42; another device or instruction set agrees to float rounding.
    Training training({42}, {0.005f}, 21, 8);
    const double expected[3] = {24.955359, 23.759749, 23.118279};
    for (double golden : expected) {
        const double loss = training.epoch()[0].loss;
        std::printf("%.6f ", loss);
        EXPECT_NEAR(loss, golden, 2e-4 * golden);
    }
    std::printf("\n");
}

}  // namespace
}  // namespace warpvae

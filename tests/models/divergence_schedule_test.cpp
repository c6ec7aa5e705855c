// KL warm-up and free bits in every model: gradients against finite differences of the loss that they stand for, the
// ends of a warm-up as models of their own, and the same bits together, alone, resumed and in steps launched as one.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "models/dense_vae.h"
#include "models/renyi_vae.h"
#include "models/spatial_vae.h"
#include "tests/support/equivae_step.h"

namespace warpvae {
namespace {

using namespace test;

/// KL(N(mu, sigma^2) || N(0, 1)) of one latent.
double divergence(double mu, double s, Spread spread) {
    const double log_sigma = spread == Spread::kLogVariance ? s / 2 : spread == Spread::kVariance ? std::log(s) / 2 : s;
    return 0.5 * (mu * mu + std::exp(2 * log_sigma) - 1) - log_sigma;
}

/// The divergence of each latent of z, summed over the rows of the last `evaluate`, each times its weight: [R, Z].
/// weights [R, rows].
std::vector<double> latent_sums(const Autoencoder<double>& model, const std::vector<double>& weights) {
    const std::size_t Z = model.latents(), R = model.replicas(), rows = weights.size() / R;
    std::vector<double> moments(R * rows * 2 * Z), sums(R * Z);
    check(copy_to_host(moments.data(), model.moments(), moments.size() * sizeof(double)));
    for (std::size_t row = 0; row < R * rows; ++row)
        for (std::size_t j = 0; j < Z; ++j)
            sums[row / rows * Z + j] +=
                weights[row] * divergence(moments[row * 2 * Z + j], moments[row * 2 * Z + Z + j], model.spread());
    return sums;
}

/// The loss in which the divergence counts as a schedule says at one step: warm-up, and free bits of each latent.
struct Scheduled {
    double warmup = 1, free_nats = 0;

    /// `loss` counts all of the divergence: beta times the sum over rows and latents, by weights [R, rows].
    void apply(std::vector<double>& loss, const Autoencoder<double>& model, const std::vector<double>& weights,
               double beta) const {
        const std::vector<double> sums = latent_sums(model, weights);
        const std::size_t R = loss.size(), Z = sums.size() / R, rows = weights.size() / R;
        for (std::size_t r = 0; r < R; ++r) {
            double total = 0;
            for (std::size_t n = 0; n < rows; ++n) total += weights[r * rows + n];
            for (std::size_t j = 0; j < Z; ++j)
                loss[r] += beta * (warmup * std::max(free_nats * total, sums[r * Z + j]) - sums[r * Z + j]);
        }
    }
    /// A threshold between the means of the latents, of all replicas: half of them are free.
    void choose_threshold(const Autoencoder<double>& model, const std::vector<double>& weights) {
        std::vector<double> means = latent_sums(model, weights);
        const std::size_t R = model.replicas(), Z = means.size() / R, rows = weights.size() / R;
        for (std::size_t i = 0; i < means.size(); ++i)
            means[i] /= std::accumulate(weights.begin() + i / Z * rows, weights.begin() + (i / Z + 1) * rows, 0.);
        std::sort(means.begin(), means.end());
        const std::size_t half = means.size() / 2;
        free_nats = (means[half - 1] + means[half]) / 2;
        ASSERT_GT(means[half] - means[half - 1], 1e-4) << "finite differences could cross the threshold";
    }
};

/// Equal weights of the rows of moments() that `evaluate` makes of N images.
std::vector<double> equal_weights(const Autoencoder<double>& model, int N) {
    const int rows = N * model.posteriors_per_image();
    return std::vector<double>(std::size_t(model.replicas()) * rows, 1. / rows);
}

/// At step 3 of a warm-up of 5, with free bits and without.
void expect_scheduled_gradients(Autoencoder<double>& model, int N, double scale, double beta, const std::string& name) {
    const std::vector<std::uint64_t> seeds = {11, 12};
    const DeviceBuffer<std::uint64_t> device_seeds(seeds), step(std::vector<std::uint64_t>{3});
    const LatentNoise noise{.seeds = device_seeds.data(), .step = step.data()};
    model.parameters().initialise({seeds.begin(), seeds.begin() + model.replicas()}, nullptr);
    randomise(model.parameters(), 5);
    const std::vector<double> x = uniform<double>(std::size_t(model.replicas()) * N * model.image_size(), 0, 1, 5);
    check(copy_to_device(model.minibatch(), x.data(), x.size() * sizeof(double)));
    model.evaluate(N, noise);
    Scheduled scheduled;
    for (const bool is_free : {false, true}) {
        scheduled.warmup = 0.6;
        if (is_free) scheduled.choose_threshold(model, equal_weights(model, N));
        model.schedule_divergence({5, scheduled.free_nats});
        const auto loss = [&](Model<double>&, int rows, const LatentNoise& drawn, double of_all) {
            std::vector<double> out = model_loss(model, rows, drawn, of_all);
            scheduled.apply(out, model, equal_weights(model, rows), of_all * beta);
            for (const LossTerm<double>& term : model.loss_terms()) {
                if (term.name != "pose_kl") continue;
                std::vector<double> of_pose(std::size_t(model.replicas()) * rows);
                check(copy_to_host(of_pose.data(), term.rows, of_pose.size() * sizeof(double)));
                for (std::size_t i = 0; i < of_pose.size(); ++i)
                    out[i / rows] += of_all * (scheduled.warmup - 1) * of_pose[i] / rows;
            }
            return out;
        };
        expect_model_gradient(model, x, N, noise, scale, name + (is_free ? ", warm-up and free bits" : ", warm-up"),
                              loss);
    }
}

TEST(DivergenceSchedule, OfTheDenseVae) {
    DenseVaeConfig config;
    config.height = 3, config.width = 5;
    config.hidden = {7, 6};
    config.latents = 4;
    config.beta = 1.5;
    const Matmul matmul;
    DenseVae<double> model(config, 2, 6, matmul);
    expect_scheduled_gradients(model, 6, 1, config.beta, "dense");
}

TEST(DivergenceSchedule, OfTheSpatialVaesWarmsUpThePoseAndFreesNoneOfItsBits) {
    for (const auto& [kind, prior, spread] :
         {std::tuple{SpatialKind::kVae, PosePrior::kNone, Spread::kLogDeviation},
          {SpatialKind::kTransformer, PosePrior::kFitted, Spread::kLogVariance},
          {SpatialKind::kTransformer, PosePrior::kFull, Spread::kLogDeviation},
          {SpatialKind::kDoubleTransformer, PosePrior::kFixedMean, Spread::kLogDeviation}}) {
        SpatialVaeConfig config;
        config.height = 4, config.width = 5;
        config.kind = kind, config.prior = prior, config.spread = spread;
        config.hidden = {5, 4};
        config.latents = 3, config.localisation = 4;
        config.loss_scale = 0.13;
        config.samples = kind == SpatialKind::kTransformer ? 2 : 1;
        const Matmul matmul;
        SpatialVae<double> model(config, 2, 3, matmul);
        expect_scheduled_gradients(model, 3, config.loss_scale, 1, "spatial " + std::to_string(int(kind)));
    }
}

TEST(DivergenceSchedule, OfTheElboOfSeveralDraws) {
    RenyiVaeConfig config;
    config.height = 3, config.width = 5;
    config.hidden = {7, 6};
    config.latents = 4, config.samples = 3;
    const Matmul matmul;
    RenyiVae<double> model(config, {1, 1}, 5, matmul);
    expect_scheduled_gradients(model, 5, 1, 1, "Renyi, order 1");
    RenyiVae<double> other(config, {1, 0.5}, 5, matmul);
    EXPECT_THROW(other.schedule_divergence({5, 0}), std::invalid_argument);
    EXPECT_NO_THROW(other.schedule_divergence({}));
    config.analytic_kl = false;
    RenyiVae<double> sampled(config, {1}, 5, matmul);
    EXPECT_THROW(sampled.schedule_divergence({0, 0.1}), std::invalid_argument);
}

// --- EQUIVAE ---------------------------------------------------------------------------------------------------------

/// What each pair weighs in the loss, from the rows of the last `evaluate`: q(y | x) / N of an unlabelled image's.
std::vector<double> pair_weights(Equivae<double>& model, int N) {
    const std::size_t R = model.replicas();
    if (!model.config().semi_supervised) return std::vector<double>(R * N, 1. / N);
    const std::vector<LossTerm<double>> terms = model.loss_terms();
    const auto at =
        std::find_if(terms.begin(), terms.end(), [](const auto& term) { return term.name == "labelled_kl"; });
    const int K = model.config().classes, L = at->count;
    std::vector<double> logits(R * (N + L) * K), weights;
    check(copy_to_host(logits.data(), model.class_logits(), logits.size() * sizeof(double)));
    for (std::size_t r = 0; r < R; ++r) {
        for (int n = 0; n < N; ++n) {
            const double* const x = logits.data() + (r * (N + L) + n) * K;
            double total = 0;
            for (int k = 0; k < K; ++k) total += std::exp(x[k]);
            for (int k = 0; k < K; ++k) weights.push_back(std::exp(x[k]) / total / N);
        }
        weights.insert(weights.end(), L, at->weight * at->scale);
    }
    return weights;
}

void expect_scheduled_equivae(const EquivaeConfig& config, double warmup_steps, double warmup, const char* name) {
    for (const bool is_free : {false, true}) {
        Scheduled scheduled{warmup, 0};
        const auto loss = [&](Equivae<double>& model, int N, const LatentNoise& noise) {
            std::vector<double> out = loss_of(model, N, noise);
            scheduled.apply(out, model, pair_weights(model, N), 1);
            return out;
        };
        const auto prepare = [&](Equivae<double>& model, int N, const LatentNoise& noise) {
            model.evaluate(N, noise);
            if (is_free) scheduled.choose_threshold(model, pair_weights(model, N));
            model.schedule_divergence({warmup_steps, scheduled.free_nats});
        };
        expect_gradients(config, std::string(name) + (is_free ? ", warm-up and free bits" : ", warm-up"), loss,
                         prepare);
    }
}

TEST(DivergenceSchedule, OfEquivae) {
    EquivaeConfig config = tiny_config();
    expect_scheduled_equivae(config, 5, 0.6, "EQUIVAE, step 3 of 5");
    config.semi_supervised = true;
    for (const LabelledMixing mixing : {LabelledMixing::kPaired, LabelledMixing::kSum}) {
        config.mixing = mixing;
        expect_scheduled_equivae(config, 4, 0.25, "EQUIVAE with few labels, step 1 of 4");
    }
}

// --- in training -----------------------------------------------------------------------------------------------------

DenseVaeConfig six_pixels(double beta = 1) {
    DenseVaeConfig config;
    config.height = config.width = 6;
    config.hidden = {32};
    config.latents = 5;
    config.beta = beta;
    return config;
}

TEST(DivergenceSchedule, BeginsWithoutTheDivergenceAndEndsWithAllOfIt) {
    const Matmul matmul;
    const DeviceBuffer<std::uint64_t> seeds(std::vector<std::uint64_t>{3});
    const auto x = uniform<float>(8 * 36, 0, 1, 5);
    const auto gradients = [&](double beta, double warmup_steps, std::uint64_t step) {
        DenseVae<float> model(six_pixels(beta), 1, 8, matmul);
        model.parameters().initialise({3}, nullptr);
        model.schedule_divergence({warmup_steps, 0});
        const DeviceBuffer<std::uint64_t> number(std::vector<std::uint64_t>{step});
        check(copy_to_device(model.minibatch(), x.data(), x.size() * sizeof(float)));
        model.gradients(8, {.seeds = seeds.data(), .step = number.data()});
        return model.parameters().download_gradients(0);
    };
    for (const bool fused : {false, true}) {
        std::optional<FusedDense> on_a_gpu;
        if (fused) on_a_gpu.emplace();
        expect_identical(gradients(2, 7, 0), gradients(0, 0, 0), "the first step");
        expect_identical(gradients(2, 7, 7), gradients(2, 0, 7), "the step that ends the warm-up");
        expect_identical(gradients(2, 7, 100), gradients(2, 0, 100), "long after it");
        EXPECT_NE(gradients(2, 7, 3), gradients(2, 0, 3));
    }
}

struct Training {
    explicit Training(const std::vector<std::uint64_t>& seeds, int steps_per_graph = 1)
        : images(blocks(21)),
          device_images({&images}, std::vector<int>(seeds.size(), 0), 36),
          vae(six_pixels(), int(seeds.size()), 4, matmul),
          trainer(vae, device_images, seeds, matmul, options(seeds.size(), steps_per_graph)) {
        vae.parameters().initialise(seeds, nullptr);
    }
    static TrainerOptions options(std::size_t R, int steps_per_graph) {
        TrainerOptions o;
        o.batch = 4;
        o.learning_rates.assign(R, 0.01f);
        o.divergence = {2.5, 0.2};  // 15 steps of 6 an epoch
        o.steps_per_graph = steps_per_graph;
        return o;
    }
    void epochs(int count) {
        for (int i = 0; i < count; ++i) finish_epoch(trainer);
    }
    std::vector<std::uint8_t> images;
    Matmul matmul;
    DeviceImages device_images;
    DenseVae<float> vae;
    Trainer trainer;
};

TEST(DivergenceSchedule, SameBitsTogetherAloneResumedAndInStepsLaunchedAsOne) {
    const std::vector<std::uint64_t> seeds = {7, 8, 9};
    Training together(seeds);
    together.epochs(4);
    for (std::size_t r = 0; r < seeds.size(); ++r) {
        Training alone({seeds[r]});
        alone.epochs(4);
        expect_identical(alone.vae.parameters().download(0), together.vae.parameters().download(int(r)), "alone");
    }
    Training first(seeds), second(seeds), as_one(seeds, 3);
    first.epochs(2);
    for (int r = 0; r < 3; ++r) second.trainer.restore(r, first.trainer.save(r));
    second.epochs(2);
    as_one.epochs(4);
    for (int r = 0; r < 3; ++r) {
        expect_identical(second.vae.parameters().download(r), together.vae.parameters().download(r), "resumed");
        expect_identical(as_one.vae.parameters().download(r), together.vae.parameters().download(r), "as one");
    }
}

TEST(DivergenceSchedule, CountsPartsOfAnEpochInItsSteps) {
    const Schedule schedule(21, {{0, 4}, {2, 10}});  // epochs of 6 steps, then of 3
    EXPECT_EQ(schedule.steps_of_epochs(0), 0);
    EXPECT_EQ(schedule.steps_of_epochs(1.5), 9);
    EXPECT_EQ(schedule.steps_of_epochs(2), 12);
    EXPECT_EQ(schedule.steps_of_epochs(3 + 1. / 3), 16);
}

}  // namespace
}  // namespace warpvae

// The marginal likelihood of a SpatialVae with a one-dimensional z: both estimates against quadrature over z, the ELBO
// against its definition, and the gap against the divergence that it must exceed.
#include "host/evaluate/likelihood.h"

#include <gtest/gtest.h>

#include <cmath>

#include "host/core/trainer.h"
#include "models/spatial_vae.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

constexpr int kSide = 5, kPixels = kSide * kSide;

SpatialVaeConfig config(SpatialKind kind, PosePrior prior) {
    SpatialVaeConfig c;
    c.height = c.width = kSide;
    c.kind = kind;
    c.prior = prior;
    c.hidden = {16};
    c.latents = 1;
    return c;
}

std::vector<std::uint8_t> images(std::size_t count) {
    test::Random random(3);
    std::vector<std::uint8_t> bytes;
    for (std::size_t n = 0; n < count; ++n)
        for (int i = 0; i < kPixels; ++i)
            bytes.push_back(i % kSide <= int(n % 4) ? std::uint8_t(random.integer(180, 255)) : 0);
    return bytes;
}

/// A model that has learnt a little, so that q is no longer the prior.
struct Trained {
    Trained(SpatialKind kind, PosePrior prior, int rows = 64)
        : bytes(images(40)), set({&bytes}, {0}, kPixels), model(config(kind, prior), 1, rows, matmul) {
        model.parameters().initialise({5}, nullptr);
        TrainerOptions options;
        options.batch = 20;
        options.optimiser = Optimiser::kAdadelta;
        options.learning_rates = {1.f};
        Trainer trainer(model, set, {5}, matmul, options);
        for (int e = 0; e < 60; ++e) trainer.finish_epoch([](std::uint64_t) { return true; });
    }
    std::vector<std::uint8_t> bytes;
    Matmul matmul;
    DeviceImages set;
    SpatialVae<float> model;
};

/// log p(x) of image i by Simpson's rule over z in -8..8 (P0: u = f(x) held, so z is all there is).
double by_quadrature(Trained& t, std::size_t i) {
    constexpr int kPoints = 1601;
    const int rows = t.model.max_rows();
    DeviceBuffer<float> nll(rows), x(kPixels);
    check(gather_range(x.data(), t.set.table(), i, 1, 1, kPixels, nullptr));
    std::vector<double> log_terms;
    for (int first = 0; first < kPoints; first += rows) {
        const int n = std::min(rows, kPoints - first);
        check(repeat_rows<float>(t.model.minibatch(), x.data(), n, 1, kPixels, nullptr));
        t.model.encode(n, LatentNoise{});
        std::vector<float> z(n), values(n);
        for (int k = 0; k < n; ++k) z[k] = -8 + 16.f * float(first + k) / (kPoints - 1);
        check(copy_to_device(t.model.z(), z.data(), n * sizeof(float)));
        t.model.decode(n);
        t.model.negative_log_likelihood(nll.data(), t.model.minibatch(), n);
        check(copy_to_host(values.data(), nll.data(), n * sizeof(float)));
        for (int k = 0; k < n; ++k) {
            const int p = first + k;
            const double weight = (p == 0 || p == kPoints - 1 ? 1 : p % 2 ? 4 : 2) * 16. / (kPoints - 1) / 3;
            log_terms.push_back(std::log(weight) - 0.5 * double(z[k]) * z[k] - 0.9189385332046727 - values[k]);
        }
    }
    const double largest = *std::max_element(log_terms.begin(), log_terms.end());
    double sum = 0;
    for (double term : log_terms) sum += std::exp(term - largest);
    return largest + std::log(sum);
}

TEST(Likelihood, BothEstimatesAgreeWithQuadrature) {
    for (const SpatialKind kind : {SpatialKind::kVae, SpatialKind::kTransformer, SpatialKind::kDoubleTransformer}) {
        Trained t(kind, PosePrior::kNone);
        LikelihoodOptions options;
        options.samples = 20000;
        options.images = 4;
        const LikelihoodSummary s = marginal_likelihood(t.model, t.set, options);
        double exact = 0;
        for (std::size_t i = 0; i < options.images; ++i) exact += by_quadrature(t, i) / double(options.images);
        std::printf(
            "    exact %.4f, with q %.4f (%.0f effective), with the prior %.4f (%.0f effective), ELBO %.4f, "
            "KL to prior %.3f\n",
            exact, s.importance.log_likelihood, s.importance.effective_sample_size, s.naive.log_likelihood,
            s.naive.effective_sample_size, s.elbo(), s.kl_to_prior);
        // The relative error of a mean of K weights is about 1/sqrt(effective); four of them.
        EXPECT_NEAR(s.importance.log_likelihood, exact,
                    4 / std::sqrt(s.importance.effective_sample_size * double(options.images)) + 2e-3);
        EXPECT_NEAR(s.naive.log_likelihood, exact,
                    4 / std::sqrt(s.naive.effective_sample_size * double(options.images)) + 2e-3);
        EXPECT_LT(s.elbo(), exact);
        EXPECT_GT(s.gap(), 0);
        EXPECT_GT(s.kl_to_prior, 0);
    }
}

TEST(Likelihood, APriorOnThePoseIsPartOfIt) {
    // With few dimensions both ways of sampling see the same p(x), u drawn from its prior too.
    for (const PosePrior prior : {PosePrior::kFitted, PosePrior::kFull}) {
        Trained t(SpatialKind::kTransformer, prior);
        LikelihoodOptions options;
        options.samples = 60000;
        options.images = 2;
        const LikelihoodSummary s = marginal_likelihood(t.model, t.set, options);
        std::printf("    with q %.4f (%.0f effective), with the prior %.4f (%.0f effective)\n",
                    s.importance.log_likelihood, s.importance.effective_sample_size, s.naive.log_likelihood,
                    s.naive.effective_sample_size);
        const double error =
            4 / std::sqrt(2 * std::min(s.importance.effective_sample_size, s.naive.effective_sample_size));
        EXPECT_NEAR(s.importance.log_likelihood, s.naive.log_likelihood, error + 0.02);
        EXPECT_LT(s.elbo(), s.importance.log_likelihood);
    }
}

TEST(Likelihood, DoesNotDependOnTheChunk) {
    LikelihoodOptions options;
    options.samples = 300;
    options.images = 2;
    Trained small(SpatialKind::kTransformer, PosePrior::kFitted, 64),
        large(SpatialKind::kTransformer, PosePrior::kFitted, 300);
    const auto a = marginal_likelihood(small.model, small.set, options);
    const auto b = marginal_likelihood(large.model, large.set, options);
    EXPECT_NEAR(a.importance.log_likelihood, b.importance.log_likelihood, 1e-3);
    EXPECT_NEAR(a.naive.log_likelihood, b.naive.log_likelihood, 1e-3);
    EXPECT_NEAR(a.elbo(), b.elbo(), 1e-3);
}

}  // namespace
}  // namespace warpvae

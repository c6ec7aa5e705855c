// Evaluation that is written once for all auto-encoders, asked of each of them: draws against the posteriors' moments,
// likelihoods of shared targets, log p(x) by two ways of sampling, bounds, features, reconstructions.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

#include "host/evaluate/denoising.h"
#include "host/evaluate/elbo.h"
#include "host/evaluate/equivae_classes.h"
#include "host/evaluate/features.h"
#include "host/evaluate/likelihood.h"
#include "host/evaluate/reconstruction.h"
#include "models/dense_vae.h"
#include "models/renyi_vae.h"
#include "models/spatial_vae.h"
#include "tests/support/device_test.h"
#include "tests/support/model_test.h"

namespace warpvae {
namespace {

using namespace test;

constexpr int kSide = 4, kPixels = kSide * kSide, kCount = 11, kRows = 24, kLatents = 2;
const char* const kModels[] = {"dense", "dense_learned", "renyi", "renyi_gaussian", "renyi_learned",  "spatial_vae",
                               "tvae",  "tvae_learned",  "dtvae", "equivae",        "equivae_learned"};

/// One model with its images, and what it is given beside them.
struct Subject {
    Subject(const std::string& name, int R)
        : pixels(Random(3).integers<std::uint8_t>(kCount * kPixels, 0, 255)),
          labels(std::size_t(kCount)),
          images({&pixels}, std::vector<int>(std::size_t(R), 0), kPixels),
          given(images) {
        std::vector<std::uint64_t> own;
        for (int r = 0; r < R; ++r) own.push_back(std::uint64_t(5 + r));
        seeds = DeviceBuffer<std::uint64_t>(own);
        const Likelihood learned = name.ends_with("_learned") ? Likelihood::kLearnedGaussian : Likelihood::kBernoulli;
        if (name.starts_with("dense")) {
            DenseVaeConfig config;
            config.likelihood = learned;
            config.height = config.width = kSide, config.hidden = {8}, config.latents = kLatents;
            model = std::make_unique<DenseVae<float>>(config, R, kRows, matmul);
        } else if (name.starts_with("renyi")) {
            RenyiVaeConfig config;
            config.height = config.width = kSide, config.hidden = {8}, config.latents = kLatents, config.samples = 3;
            config.likelihood = learned;
            if (name == "renyi_gaussian") config.likelihood = Likelihood::kGaussian;
            model = std::make_unique<RenyiVae<float>>(config, std::vector<double>(std::size_t(R), 1.), kRows, matmul);
        } else if (name.starts_with("equivae")) {
            EquivaeConfig config;
            config.likelihood = learned;
            config.height = config.width = kSide, config.classes = 2, config.latents = kLatents;
            config.filters = {4, 8}, config.decoder_filters = {4};
            config.trunk_hidden = config.hidden = 8, config.decoder_hidden = 4;
            auto equivae = std::make_unique<Equivae<float>>(config, R, kRows, EquivaeData{}, matmul, convolver);
            for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = std::uint8_t(i % 2);
            classes =
                std::make_unique<ClassSets>(std::vector<const std::vector<std::uint8_t>*>(std::size_t(R), &labels), 2);
            given.give = complements_of(*equivae, images, *classes, 2, seeds).give;
            model = std::move(equivae);
        } else {
            SpatialVaeConfig config;
            config.height = config.width = kSide, config.hidden = {8}, config.latents = kLatents;
            config.likelihood = learned;
            config.kind = name.starts_with("tvae") ? SpatialKind::kTransformer
                          : name == "dtvae"        ? SpatialKind::kDoubleTransformer
                                                   : SpatialKind::kVae;
            config.localisation = 8;
            if (name.starts_with("tvae")) config.prior = PosePrior::kFitted;
            model = std::make_unique<SpatialVae<float>>(config, R, kRows, matmul);
        }
        model->parameters().initialise(own, nullptr);
    }
    std::vector<float> download(const float* device, std::size_t n) const {
        std::vector<float> host(n);
        check(copy_to_host(host.data(), device, n * sizeof(float)));
        return host;
    }
    std::vector<std::uint8_t> pixels, labels;
    Matmul matmul;
    Convolver convolver;
    DeviceImages images;
    GivenImages given;
    DeviceBuffer<std::uint64_t> seeds;
    std::unique_ptr<ClassSets> classes;
    std::unique_ptr<Autoencoder<float>> model;
};

/// sigma and log sigma of the second half of moments.
double log_sigma_of(double s, Spread spread) {
    if (spread == Spread::kVariance) return 0.5 * std::log(s);
    return spread == Spread::kLogVariance ? 0.5 * s : s;
}

TEST(AutoencoderEvaluation, DrawsStandardisedByTheirMomentsAreTheNoiseAndTheLogRatioIsThatOfTheDensities) {
    const int R = 2, N = 4, K = 5, Z = kLatents;
    for (const std::string name : kModels) {
        SCOPED_TRACE(name);
        Subject s(name, R);
        LatentNoise noise;
        noise.seeds = s.seeds.data();
        noise.first_row = 8;
        put_images(*s.model, s.given, 0, N);
        s.model->encode(N, {});
        const auto moments = s.download(s.model->moments(), std::size_t(R * N * 2 * Z));
        const auto means = s.download(s.model->z(), std::size_t(R * N * Z));
        put_images(*s.model, s.given, 0, N);
        s.model->encode_draws(N, K, noise);
        const auto z = s.download(s.model->z(), std::size_t(R * N * K * Z));
        DeviceBuffer<float> ratio(std::vector<float>(std::size_t(R * N * K), 0.5f));
        s.model->add_log_ratio(ratio.data(), N * K);
        const auto ratios = ratio.download();
        // A DT-VAE's z depends on the u drawn, and a T-VAE's ratio has u's share.
        if (s.model->has_pose()) continue;
        std::vector<float> noises[2];
        for (int row = 0; row < R * N * K; ++row) {
            double expected = 0.5;
            for (int j = 0; j < Z; ++j) {
                const float* of_image = &moments[std::size_t(row / K) * 2 * Z];
                EXPECT_EQ(means[std::size_t(row / K * Z + j)], of_image[j]);
                const double x = z[std::size_t(row * Z + j)];
                const double log_sigma = log_sigma_of(double(of_image[Z + j]), s.model->spread());
                const double epsilon = (x - double(of_image[j])) / std::exp(log_sigma);
                noises[row / (N * K)].push_back(float(epsilon));
                expected += log_sigma + 0.5 * (epsilon * epsilon - x * x);
            }
            EXPECT_NEAR(ratios[std::size_t(row)], expected, 1e-4);
        }
        // The same noise whatever the model: that of row 8 + n K + k of each replica.
        Subject plain("dense", R);
        put_images(*plain.model, plain.given, 0, N);
        plain.model->encode_draws(N, K, noise);
        const auto other = plain.download(plain.model->z(), std::size_t(R * N * K * Z));
        const auto spreads = plain.download(plain.model->moments(), std::size_t(R * N * K * 2 * Z));
        for (int row = 0; row < R * N * K; ++row)
            for (int j = 0; j < Z; ++j) {
                const float* of_row = &spreads[std::size_t(row) * 2 * Z];
                const double epsilon =
                    double(other[std::size_t(row * Z + j)] - of_row[j]) / std::exp(0.5 * of_row[Z + j]);
                EXPECT_NEAR(noises[row / (N * K)][std::size_t(row % (N * K) * Z + j)], epsilon, 1e-4);
            }
    }
}

TEST(AutoencoderEvaluation, ATargetSharedByDrawsIsThatTargetForEach) {
    const int R = 2, N = 3, K = 4;
    for (const std::string name : kModels) {
        SCOPED_TRACE(name);
        Subject s(name, R);
        LatentNoise noise;
        noise.seeds = s.seeds.data();
        put_images(*s.model, s.given, 0, N);
        s.model->encode_draws(N, K, noise);
        s.model->decode(N * K);
        DeviceBuffer<float> shared(std::size_t(R * N * K)), each(std::size_t(R * N * K)),
            target(std::size_t(R * N * K * kPixels));
        s.model->negative_log_likelihood(shared.data(), s.model->minibatch(), N, K);
        check(repeat_rows<float>(target.data(), s.model->minibatch(), K, std::size_t(R * N), kPixels, nullptr));
        s.model->negative_log_likelihood(each.data(), target.data(), N * K);
        expect_identical(shared.download(), each.download(), "likelihoods");
        const float* x = s.model->decoded_images(N * K);
        const bool is_bounded = !name.ends_with("_gaussian") && (!name.ends_with("_learned") || s.model->has_pose());
        if (!is_bounded) continue;  // a mean
        for (const float p : s.download(x, std::size_t(R * N * K * kPixels))) EXPECT_TRUE(p >= 0 && p <= 1);
    }
}

/// Whether an image is encoded once for all its draws or once for each, the draws are the same.
TEST(AutoencoderEvaluation, DrawsOfAnImageAreThoseOfItsCopies) {
    const int R = 2, N = 3, K = 7, M = N * K;
    for (const std::string name : kModels) {
        if (name.starts_with("equivae")) continue;  // its copies would need their r
        SCOPED_TRACE(name);
        Subject s(name, R);
        LatentNoise noise;
        noise.seeds = s.seeds.data();
        noise.first_row = 4;
        const std::size_t S = std::size_t(s.model->pose().numbers);
        struct Drawn {
            std::vector<float> z, u, ratio;
        };
        const auto drawn = [&] {
            DeviceBuffer<float> ratio(std::vector<float>(std::size_t(R * M), 0.f));
            s.model->add_log_ratio(ratio.data(), M);
            return Drawn{s.download(s.model->z(), std::size_t(R * M * kLatents)),
                         s.download(s.model->u(), std::size_t(R * M) * S), ratio.download()};
        };
        put_images(*s.model, s.given, 0, N);
        const auto images = s.download(s.model->minibatch(), std::size_t(R * N * kPixels));
        s.model->encode_draws(N, K, noise);
        const Drawn draws = drawn();
        const DeviceBuffer<float> of_images(images);
        check(repeat_rows<float>(s.model->minibatch(), of_images.data(), K, std::size_t(R * N), kPixels, nullptr));
        s.model->encode(M, noise);
        const Drawn copies = drawn();
        expect_close(draws.z, as<double>(copies.z), Tolerance{1e-6, 1e-5}, "z");
        expect_close(draws.u, as<double>(copies.u), Tolerance{1e-6, 1e-5}, "u");
        expect_close(draws.ratio, as<double>(copies.ratio), Tolerance{1e-5, 1e-5}, "log ratios");
        EXPECT_NE(slice(draws.z, 0, kLatents), slice(draws.z, kLatents, kLatents)) << "draws differ";
    }
}

/// As decode and negative_log_likelihood have it, by a library's products and by fused ones, where it is the end of the
/// decoder's last product.
TEST(AutoencoderEvaluation, TheLikelihoodAloneIsThatOfWhatIsDecoded) {
    const int R = 2, N = 3, K = 7;
    for (const bool is_fused : {false, true})
        for (const std::string name : kModels) {
            SCOPED_TRACE(name + (is_fused ? ", fused" : ""));
            const auto fused = is_fused ? std::make_unique<FusedDense>() : nullptr;
            Subject s(name, R);
            LatentNoise noise;
            noise.seeds = s.seeds.data();
            put_images(*s.model, s.given, 0, N);
            s.model->encode_draws(N, K, noise);
            s.model->decode(N * K);
            DeviceBuffer<float> alone(std::size_t(R * N * K)), decoded(std::size_t(R * N * K));
            s.model->negative_log_likelihood(decoded.data(), s.model->minibatch(), N, K);
            s.model->decode_likelihood(alone.data(), s.model->minibatch(), N, K);
            const auto expected = decoded.download();
            expect_close(alone.download(), as<double>(expected), Tolerance{0, kPixels * kRounding<float>}, "nll");
            for (const float nll : expected) EXPECT_GT(nll, 0);
        }
}

TEST(AutoencoderEvaluation, BothWaysOfSamplingAgreeAboveTheBound) {
    LikelihoodOptions options;
    options.samples = 4000;
    options.images = 3;
    for (const std::string name : kModels) {
        SCOPED_TRACE(name);
        Subject s(name, 1);
        const LikelihoodSummary both = marginal_likelihood(*s.model, s.given, options);
        const double size = std::min(both.importance.effective_sample_size, both.naive.effective_sample_size);
        EXPECT_NEAR(both.importance.log_likelihood, both.naive.log_likelihood, 4 / std::sqrt(size) + 1e-3);
        EXPECT_GT(both.gap(), -1e-3);
        EXPECT_GT(both.kl_to_prior, 0);
        // Several images at a time: other noise, the same number.
        LikelihoodOptions several = options;
        several.draws_at_once = 8;
        const LikelihoodEstimate estimate = estimate_likelihood(*s.model, s.given, several, s.seeds)[0];
        EXPECT_NEAR(estimate.log_likelihood, both.importance.log_likelihood, 4 / std::sqrt(size) + 1e-3);
        EXPECT_EQ(estimate.images, 3);
    }
}

/// By fused layers, whose rows have their own bits: neither replicas nor other images of a pass change an estimate.
TEST(AutoencoderEvaluation, AFusedLikelihoodDependsNeitherOnReplicasNorOnTheImagesOfAPass) {
    const FusedDense fused;
    RenyiVaeConfig config;
    config.height = config.width = kSide, config.hidden = {8}, config.latents = kLatents, config.samples = 8;
    const auto pixels = Random(3).integers<std::uint8_t>(kCount * kPixels, 0, 255);
    LikelihoodOptions options;
    options.samples = 24, options.images = 0, options.draws_at_once = 8;
    const Matmul matmul;
    const auto estimates = [&](int R, int rows) {
        std::vector<std::uint64_t> own;
        for (int r = 0; r < R; ++r) own.push_back(std::uint64_t(5 + r));
        RenyiVae<float> model(config, std::vector<double>(std::size_t(R), 1.), rows, matmul);
        model.parameters().initialise(own, nullptr);
        const DeviceImages images({&pixels}, std::vector<int>(std::size_t(R), 0), kPixels);
        return estimate_likelihood(model, images, options, DeviceBuffer<std::uint64_t>(own));
    };
    const auto together = estimates(3, 4), alone = estimates(1, 4), in_one_pass = estimates(1, 12);
    for (const auto& other : {alone[0], in_one_pass[0]}) {
        EXPECT_EQ(together[0].log_likelihood, other.log_likelihood);
        EXPECT_EQ(together[0].negative_elbo, other.negative_elbo);
        EXPECT_EQ(together[0].effective_sample_size, other.effective_sample_size);
    }
    EXPECT_NE(together[0].log_likelihood, together[1].log_likelihood);
}

TEST(AutoencoderEvaluation, TheBoundIsReconstructionAndDivergenceAndItsMeanWeightAgreesWithTheLikelihoods) {
    for (const std::string name : kModels) {
        SCOPED_TRACE(name);
        Subject s(name, 2);
        const auto elbo = evaluate_elbo(*s.model, s.given, s.seeds);
        LikelihoodOptions options;
        options.samples = 2000, options.images = 0, options.draws_at_once = 8;
        const auto likely = estimate_likelihood(*s.model, s.given, options, s.seeds);
        for (std::size_t r = 0; r < 2; ++r) {
            const ElboSummary& e = elbo[r];
            ASSERT_TRUE(e.latent_kl);
            EXPECT_EQ(e.latent_kl->size(), std::size_t(kLatents));
            EXPECT_TRUE(std::is_sorted(e.latent_kl->rbegin(), e.latent_kl->rend()));
            const double of_z = std::accumulate(e.latent_kl->begin(), e.latent_kl->end(), 0.);
            if (!name.starts_with("renyi")) {
                EXPECT_DOUBLE_EQ(e.negative_elbo, e.reconstruction + e.kl);
                EXPECT_DOUBLE_EQ(e.negative_bound, e.negative_elbo);
                EXPECT_GE(e.kl, e.pose_kl);
                EXPECT_NEAR(of_z, e.kl - e.pose_kl, 1e-4 * (1 + of_z));
            }
            EXPECT_NEAR(e.negative_elbo, likely[r].negative_elbo, 0.6) << "one draw beside many";
            EXPECT_LE(e.active_units, kLatents);
        }
    }
}

TEST(AutoencoderEvaluation, FeaturesReconstructionsAndViewsAreTheSamePosteriors) {
    const int R = 2, Z = kLatents;
    for (const std::string name : kModels) {
        SCOPED_TRACE(name);
        Subject s(name, R);
        const auto means = extract_features(*s.model, s.given, FeatureKind::kMean, s.seeds, 0).download(),
                   draws = extract_features(*s.model, s.given, FeatureKind::kSample, s.seeds, 0).download(),
                   others = extract_features(*s.model, s.given, FeatureKind::kSample, s.seeds, 1).download();
        const Posteriors posteriors = read_posteriors(*s.model, s.given, s.seeds, 0);
        expect_identical(posteriors.means.download(), means, "means");
        expect_identical(posteriors.samples.download(), draws, "draws");
        EXPECT_NE(draws, others) << "each set has noise of its own";
        EXPECT_NE(draws, means);
        const auto moments = posteriors.moments.download();
        if (name != "dtvae") {  // its z depends on the u drawn
            for (std::size_t i = 0; i < means.size(); ++i) EXPECT_EQ(means[i], moments[i / Z * 2 * Z + i % Z]);
        }
        if (name.starts_with("equivae")) continue;  // below, images come without their r
        for (int r = 0; r < R; ++r) {
            const ReplicaView view = view_replica(*s.model, s.pixels, r);
            expect_identical(view.z, slice(means, std::size_t(r) * kCount * Z, std::size_t(kCount) * Z), "z");
            EXPECT_EQ(view.u.size(), std::size_t(kCount * s.model->pose().numbers));
            if (!s.model->has_pose()) {
                expect_identical(view.reference, view.output, "without a pose");
                expect_close(decode_latents(*s.model, view.z, r), view.output, Tolerance{1e-5, 1e-6}, "decoded");
            }
            const auto denoised =
                denoising_pictures(*s.model, s.images, {DegradationKind::kGaussian, 0}, kCount, r, s.seeds);
            expect_identical(denoised.denoised, view.output, "without noise denoising is reconstruction");
        }
    }
}

}  // namespace
}  // namespace warpvae

// Denoising: the numbers against plain loops over the pictures, a trained model against an untrained one, replicas
// against the same models alone, and without noise the ELBO that the evaluation knows.
#include "host/evaluate/denoising.h"

#include <memory>

#include "cuda/device/launch_options.h"
#include "host/core/trainer.h"
#include "host/evaluate/elbo.h"
#include "models/spatial_vae.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;
constexpr int kSide = 8, kPixels = kSide * kSide;
const Degradation kNone{DegradationKind::kGaussian, 0}, kGrain{DegradationKind::kGaussian, 0.3f},
    kSalt{DegradationKind::kSaltAndPepper, 0.2f}, kSquare{DegradationKind::kOcclusion, 0.4f};

/// `count` images, each a bright block in one of 16 places.
std::vector<std::uint8_t> blocks(std::size_t count) {
    std::vector<std::uint8_t> images(count * kPixels, 0);
    for (std::size_t n = 0; n < count; ++n)
        for (int y = 0; y < 3; ++y)
            for (int x = 0; x < 3; ++x)
                images[n * kPixels + (n / 4 % 4 + y + 1) * kSide + n % 4 + x + 1] = std::uint8_t(255 - 5 * y);
    return images;
}

SpatialVaeConfig config_of(SpatialKind kind, PosePrior prior = PosePrior::kNone, int samples = 1) {
    SpatialVaeConfig config;
    config.height = config.width = kSide;
    config.kind = kind;
    config.prior = prior;
    config.hidden = {32};
    config.latents = 5;
    config.localisation = 8;
    config.samples = samples;
    return config;
}
const std::vector<SpatialVaeConfig> kConfigs = {
    config_of(SpatialKind::kVae), config_of(SpatialKind::kTransformer, PosePrior::kFitted),
    config_of(SpatialKind::kDoubleTransformer), config_of(SpatialKind::kTransformer, PosePrior::kFixedMean, 3)};

/// R models on one set.
struct Models {
    Models(const SpatialVaeConfig& config, const std::vector<std::uint64_t>& seed_list, std::size_t count, int rows)
        : bytes(blocks(count)),
          images({&bytes}, std::vector<int>(seed_list.size(), 0), kPixels),
          seeds(seed_list),
          model(config, int(seed_list.size()), rows, matmul) {
        model.parameters().initialise(seed_list, nullptr);
    }
    void train(const std::vector<std::uint64_t>& seed_list, int epochs) {
        TrainerOptions options;
        options.batch = 8;
        options.optimiser = Optimiser::kAdadelta;
        options.learning_rates.assign(seed_list.size(), 1.f);
        Trainer trainer(model, images, seed_list, matmul, options);
        for (int e = 0; e < epochs; ++e) trainer.finish_epoch([](std::uint64_t) { return true; });
    }
    std::vector<DenoisingSummary> evaluate(Degradation noise) {
        return evaluate_denoising(model, images, noise, seeds);
    }
    DenoisingPictures pictures(Degradation noise, std::size_t n, int r) {
        return denoising_pictures(model, images, noise, n, r, seeds);
    }
    std::vector<std::uint8_t> bytes;
    Matmul matmul;
    DeviceImages images;
    DeviceBuffer<std::uint64_t> seeds;
    SpatialVae<float> model;
};

int epochs_for_checks(int epochs) {  // fibers are some 200 times slower
    return launch_options().cpu_blocks == CpuBlocks::kOneThread ? epochs : 2;
}

double mean_psnr(const std::vector<float>& x, const std::vector<float>& clean) {
    const std::size_t count = clean.size() / kPixels;
    double mean = 0;
    for (std::size_t n = 0; n < count; ++n) {
        double mse = 0;
        for (std::size_t i = n * kPixels; i < (n + 1) * kPixels; ++i)
            mse += (double(x[i]) - double(clean[i])) * (double(x[i]) - double(clean[i])) / kPixels;
        mean += 10 * std::log10(1 / std::max(mse, 1 / (12 * 255.0 * 255.0))) / double(count);
    }
    return mean;
}

TEST(Denoising, NumbersAreThoseOfThePictures) {
    for (const SpatialVaeConfig& config : kConfigs)
        for (const Degradation& noise : {kNone, kSalt, kGrain, kSquare}) {
            Models models(config, {3, 4}, 21, 8);  // two batches and a tail of five
            const auto summaries = models.evaluate(noise);
            for (int r = 0; r < 2; ++r) {
                const DenoisingPictures pictures = models.pictures(noise, 100, r);
                ASSERT_EQ(pictures.clean.size(), std::size_t(21 * kPixels));
                for (std::size_t i = 0; i < pictures.clean.size(); ++i)
                    ASSERT_EQ(pictures.clean[i], float(models.bytes[i]) / 255.f);
                EXPECT_NEAR(summaries[r].noisy_psnr, mean_psnr(pictures.noisy, pictures.clean), 1e-4);
                EXPECT_NEAR(summaries[r].psnr, mean_psnr(pictures.denoised, pictures.clean), 1e-4);
                EXPECT_DOUBLE_EQ(summaries[r].negative_elbo, summaries[r].reconstruction + summaries[r].kl);
                if (noise.amount == 0)
                    EXPECT_EQ(pictures.noisy, pictures.clean);
                else
                    EXPECT_NE(pictures.noisy, pictures.clean);
                if (!models.model.has_pose()) {
                    EXPECT_EQ(pictures.denoised, pictures.reference);
                }
                expect_identical(models.pictures(noise, 8, r).denoised, slice(pictures.denoised, 0, 8 * kPixels),
                                 "the first batch");
                // Five rows are a product of another shape: other roundings of its sums, which a warp passes on.
                expect_close(models.pictures(noise, 5, r).denoised, slice(pictures.denoised, 0, 5 * kPixels),
                             Tolerance{1e-4, 0}, "the first five");
            }
        }
}

TEST(Denoising, OneImageIsItsOwnWorstAndMedian) {
    for (const SpatialVaeConfig& config : kConfigs)
        for (const Degradation& noise : {kNone, kSquare}) {
            Models models(config, {3, 4}, 1, 8);
            models.train({3, 4}, 2);  // before it, q(u | x) is the prior
            const auto summaries = models.evaluate(noise);
            for (int r = 0; r < 2; ++r) {
                const DenoisingSummary& s = summaries[r];
                EXPECT_NEAR(s.median, s.negative_elbo, 1e-5 * s.negative_elbo);
                EXPECT_EQ(s.share_above_limit, 0);
                EXPECT_EQ(s.worst.image, 0u);
                EXPECT_NEAR(s.worst.reconstruction, s.reconstruction, 1e-5 * s.reconstruction);
                EXPECT_NEAR(s.worst.kl_of_means + s.worst.kl_of_spreads + s.worst.pose_kl, s.kl, 1e-5 * (1 + s.kl));
                EXPECT_EQ(s.worst.u.size(), std::size_t(models.model.pose().numbers));
                EXPECT_EQ(s.worst.pose_kl > 0, models.model.divergences().size() > 1);
            }
        }
}

TEST(Denoising, AnImageThatCostsTooMuchIsFoundAndToldApart) {
    Models models(kConfigs[0], {5}, 21, 8);
    const double log_sigma = 6, sigma = std::exp(log_sigma);
    std::vector<float> values = models.model.parameters().download(0);
    const auto tensor = [&](const char* name) {
        for (const ParameterInfo& info : models.model.parameters().layout().tensors())
            if (info.name == name) return info;
        throw std::out_of_range(name);
    };
    const DenoisingSummary before = models.evaluate(kSalt)[0];
    EXPECT_EQ(before.share_above_limit, 0);
    EXPECT_GE(before.worst.negative_elbo(), before.median);
    EXPECT_GT(before.worst.negative_elbo(), before.negative_elbo);
    // Posteriors as wide as e^6 in one latent of every image.
    const ParameterInfo weight = tensor("heads.weight"), bias = tensor("heads.bias");
    for (int j = 0; j < 32; ++j) values[weight.position(std::size_t(5 * 32 + j))] = 0;
    values[bias.position(5)] = float(log_sigma);
    models.model.parameters().upload(0, values);
    const DenoisingSummary after = models.evaluate(kSalt)[0];
    EXPECT_EQ(after.share_above_limit, 1);
    EXPECT_NEAR(after.worst.largest_deviation, sigma, 1e-4 * sigma);
    EXPECT_NEAR(after.worst.kl_of_spreads, (sigma * sigma - 1) / 2 - log_sigma, 0.01 * sigma * sigma);
    EXPECT_LT(after.worst.kl_of_means, 100);
    EXPECT_GT(after.median, sigma * sigma / 2 - 10);
    EXPECT_LT(after.reconstruction, kPixels * 13.82) << "clipped probabilities cost so much at most";
}

TEST(Denoising, WithoutNoiseTheElboIsTheUsualOne) {
    for (const SpatialVaeConfig& config : kConfigs) {
        Models models(config, {3, 4}, 21, 8);
        const auto summaries = models.evaluate(kNone);
        const auto usual = evaluate_elbo(models.model, models.images, models.seeds);
        for (int r = 0; r < 2; ++r) {
            // With L samples one sums rows and the other means of L rows.
            EXPECT_NEAR(summaries[r].reconstruction, usual[r].reconstruction, 1e-6 * usual[r].reconstruction);
            EXPECT_NEAR(summaries[r].kl, usual[r].kl, 1e-6 * usual[r].kl);
        }
    }
}

TEST(Denoising, TheCleanImageIsTheTarget) {
    Models models(kConfigs[1], {5}, 8, 8);
    const DenoisingSummary summary = models.evaluate(kSalt)[0];
    const DenoisingPictures pictures = models.pictures(kSalt, 8, 0);
    check(copy_to_device(models.model.minibatch(), pictures.noisy.data(), pictures.noisy.size() * sizeof(float)));
    LatentNoise noise;
    noise.seeds = models.seeds.data();
    noise.purpose = Purpose::kEvaluate;
    models.model.encode(8, noise);
    models.model.decode(8);
    std::vector<float> p(pictures.noisy.size());
    check(copy_to_host(p.data(), models.model.output(), p.size() * sizeof(float)));
    double nll = 0;
    for (std::size_t i = 0; i < p.size(); ++i) {
        const double t = pictures.clean[i], q = std::clamp(double(p[i]), 1e-6, 1 - 1e-6);
        nll -= (t * std::log(q) + (1 - t) * std::log(1 - q)) / 8;
    }
    EXPECT_NEAR(summary.reconstruction, nll, 1e-4 * nll);
}

TEST(Denoising, ATrainedModelRestoresWhatAnUntrainedOneDoesNot) {
    if (epochs_for_checks(400) != 400) GTEST_SKIP() << "training takes too long as lanes";
    for (const SpatialVaeConfig& config : {kConfigs[0], kConfigs[1], kConfigs[2]}) {
        Models models(config, {1}, 16, 16);
        std::vector<DenoisingSummary> before;
        for (const Degradation& noise : {kSalt, kGrain, kSquare}) before.push_back(models.evaluate(noise)[0]);
        models.train({1}, 400);
        std::size_t k = 0;
        for (const Degradation& noise : {kSalt, kGrain, kSquare}) {
            const DenoisingSummary after = models.evaluate(noise)[0], untrained = before[k++];
            std::printf("    noisy %5.2f dB, restored %5.2f dB (untrained %5.2f), -ELBO %6.2f nats (untrained %6.2f)\n",
                        after.noisy_psnr, after.psnr, untrained.psnr, after.negative_elbo, untrained.negative_elbo);
            EXPECT_EQ(after.noisy_psnr, untrained.noisy_psnr) << "the same noise at every call";
            EXPECT_GT(after.psnr, untrained.psnr + 3);
            if (noise.kind != DegradationKind::kOcclusion) {
                EXPECT_GT(after.psnr, after.noisy_psnr);
            }
        }
        EXPECT_GT(models.evaluate(kNone)[0].psnr, models.evaluate(kSalt)[0].psnr);
    }
}

TEST(Denoising, AReplicaEqualsTheSameModelAlone) {
    const std::vector<std::uint64_t> seeds = {7, 8, 9};
    for (const SpatialVaeConfig& config : kConfigs) {
        Models together(config, seeds, 21, 8);
        together.train(seeds, epochs_for_checks(3));
        for (std::size_t r = 0; r < seeds.size(); ++r) {
            Models alone(config, {seeds[r]}, 21, 8);
            alone.model.parameters().upload(0, together.model.parameters().download(int(r)));
            for (const Degradation& noise : {kSalt, kGrain, kSquare}) {
                const DenoisingSummary a = together.evaluate(noise)[r], b = alone.evaluate(noise)[0];
                const DenoisingPictures of_a = together.pictures(noise, 21, int(r)),
                                        of_b = alone.pictures(noise, 21, 0);
                expect_identical(of_a.noisy, of_b.noisy, "noisy");
                expect_identical(of_a.denoised, of_b.denoised, "denoised");
                EXPECT_EQ(a.noisy_psnr, b.noisy_psnr);
                EXPECT_EQ(a.psnr, b.psnr);
                EXPECT_EQ(a.negative_elbo, b.negative_elbo);
                EXPECT_EQ(a.kl, b.kl);
            }
        }
    }
}

TEST(Denoising, TheBatchDoesNotMatter) {
    for (const SpatialVaeConfig& config : kConfigs) {
        Models eight(config, {3, 4}, 21, 8), many(config, {3, 4}, 21, 23);
        for (const Degradation& noise : {kSalt, kGrain, kSquare}) {
            const auto a = eight.evaluate(noise), b = many.evaluate(noise);
            for (int r = 0; r < 2; ++r) {
                expect_identical(eight.pictures(noise, 21, r).noisy, many.pictures(noise, 21, r).noisy, "noisy");
                EXPECT_NEAR(a[r].psnr, b[r].psnr, 1e-4);
                EXPECT_NEAR(a[r].negative_elbo, b[r].negative_elbo, 1e-4 * a[r].negative_elbo);
            }
        }
    }
    Models three(kConfigs[0], {3}, 21, 3);
    EXPECT_THROW(three.evaluate(kSalt), std::invalid_argument);
}

}  // namespace
}  // namespace warpvae

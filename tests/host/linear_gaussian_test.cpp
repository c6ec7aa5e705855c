// Evaluation of a linear-Gaussian RenyiVae, whose answers are known: log p(x) against the closed form, the bounds'
// order, posteriors as features, spectra of made-up means, decoded latents.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <random>

#include "cuda/device/launch_options.h"
#include "host/evaluate/axes.h"
#include "host/evaluate/elbo.h"
#include "host/evaluate/features.h"
#include "host/evaluate/likelihood.h"
#include "host/evaluate/reconstruction.h"
#include "models/renyi_vae.h"

namespace warpvae {
namespace {

bool one_thread_blocks() { return launch_options().cpu_blocks == CpuBlocks::kOneThread; }

LikelihoodOptions draws(std::size_t images, int samples, int at_once) {
    LikelihoodOptions options;
    options.images = images, options.samples = samples, options.draws_at_once = at_once;
    return options;
}

/// z ~ N(0, I), x | z ~ N(W z + b, I) of 6 pixels and 2 latents; the encoder is linear, too.
struct Model {
    static constexpr int kPixels = 6, kLatents = 2;
    Model(int samples, int rows, int R = 1)
        : vae(config(samples), std::vector<double>(std::size_t(R), 1.), rows, matmul) {
        std::vector<std::uint64_t> own;
        for (int r = 0; r < R; ++r) own.push_back(3 + r);
        seeds = DeviceBuffer<std::uint64_t>(own);
        vae.parameters().initialise(own, nullptr);
        std::mt19937 engine(2);
        for (std::uint8_t& pixel : images = std::vector<std::uint8_t>(11 * kPixels)) pixel = std::uint8_t(engine());
        device_images = DeviceImages({&images}, std::vector<int>(std::size_t(R), 0), kPixels);
    }
    static RenyiVaeConfig config(int samples) {
        RenyiVaeConfig c;
        c.height = 2, c.width = 3;
        c.hidden = {};
        c.latents = kLatents;
        c.samples = samples;
        c.likelihood = Likelihood::kGaussian;
        return c;
    }
    /// log N(x; b, W W^T + I) by Cholesky's factors.
    double log_likelihood(int image, int r) {
        const std::vector<float> values = vae_parameters(r);
        const auto& tensors = layout().tensors();  // heads.weight, heads.bias, decoder.0.weight, decoder.0.bias
        const float *W = values.data() + tensors[2].offset, *b = values.data() + tensors[3].offset;
        double S[kPixels][kPixels], off[kPixels], log_determinant = 0, quadratic = 0;
        for (int i = 0; i < kPixels; ++i) {
            off[i] = images[std::size_t(image) * kPixels + i] / 255. - double(b[i]);
            for (int j = 0; j < kPixels; ++j) {
                S[i][j] = i == j;
                for (int z = 0; z < kLatents; ++z) S[i][j] += double(W[i * kLatents + z]) * double(W[j * kLatents + z]);
            }
        }
        for (int j = 0; j < kPixels; ++j) {
            for (int k = 0; k < j; ++k) S[j][j] -= S[j][k] * S[j][k];
            S[j][j] = std::sqrt(S[j][j]);
            log_determinant += 2 * std::log(S[j][j]);
            for (int i = j + 1; i < kPixels; ++i) {
                for (int k = 0; k < j; ++k) S[i][j] -= S[i][k] * S[j][k];
                S[i][j] /= S[j][j];
            }
            for (int k = 0; k < j; ++k) off[j] -= S[j][k] * off[k];
            off[j] /= S[j][j];
            quadratic += off[j] * off[j];
        }
        return -0.5 * (quadratic + log_determinant + kPixels * std::log(2 * std::acos(-1.)));
    }
    std::vector<float> vae_parameters(int r) { return vae.parameters().download(r); }
    const ParameterLayout& layout() { return vae.parameters().layout(); }
    Matmul matmul;
    RenyiVae<float> vae;
    std::vector<std::uint8_t> images;
    DeviceImages device_images;
    DeviceBuffer<std::uint64_t> seeds;
};

TEST(LinearGaussian, LikelihoodAgreesWithTheClosedFormWithinItsOwnInterval) {
    const int R = 2, samples = one_thread_blocks() ? 20000 : 500;
    Model model(100, 4, R);
    const auto estimates = estimate_likelihood(model.vae, model.device_images, draws(0, samples, 100), model.seeds);
    for (int r = 0; r < R; ++r) {
        double exact = 0;
        for (int i = 0; i < 11; ++i) exact += model.log_likelihood(i, r) / 11;
        const LikelihoodEstimate& e = estimates[r];
        std::printf("    log p(x) %.5f, closed form %.5f, standard error %.5f, ESS %.0f of %d\n", e.log_likelihood,
                    exact, e.sampling_error, e.effective_sample_size, e.samples);
        EXPECT_EQ(e.images, 11);
        EXPECT_EQ(e.samples, samples);
        EXPECT_NEAR(e.log_likelihood, exact, 3.5 * e.sampling_error + 1e-5);
        EXPECT_LT(e.sampling_error, 0.02);
        EXPECT_GT(e.sampling_error, 0);
        EXPECT_LT(e.log_likelihood + e.negative_elbo, 10);
        EXPECT_GT(e.log_likelihood + e.negative_elbo, 0) << "the bound lies above log p(x)";
        EXPECT_LT(e.effective_sample_size, samples);
    }
}

TEST(LinearGaussian, LikelihoodDoesNotDependOnNeighbours) {
    Model two(8, 4, 2), one(8, 4);
    const auto together = estimate_likelihood(two.vae, two.device_images, draws(5, 20, 8), two.seeds);
    const auto alone = estimate_likelihood(one.vae, one.device_images, draws(5, 20, 8), one.seeds);
    EXPECT_EQ(together[0].samples, 20) << "two chunks of 8 and one of 4";
    EXPECT_EQ(together[0].images, 5);
    if (!device_is_gpu()) {
        EXPECT_EQ(together[0].log_likelihood, alone[0].log_likelihood);
    }
    EXPECT_NE(together[0].log_likelihood, together[1].log_likelihood);
}

TEST(LinearGaussian, TheBoundOfManyDrawsTightensAsAlphaFalls) {
    Model model(200, 4);
    std::vector<double> bounds;
    for (const double alpha : {1., 0.5, 0., -1.}) {
        RenyiVae<float> vae(model.vae.config(), {alpha}, 4, model.matmul);
        vae.parameters().upload(0, model.vae_parameters(0));
        bounds.push_back(-evaluate_elbo(vae, model.device_images, model.seeds)[0].negative_bound);
        if (bounds.size() > 1) {
            EXPECT_GT(bounds.back(), bounds[bounds.size() - 2]) << "alpha " << alpha;
        }
    }
}

TEST(LinearGaussian, PosteriorsAreTheEncodersAndSamplesAreDrawnFromThem) {
    Model model(1, 8, 2);
    const Posteriors all = read_posteriors(model.vae, model.device_images, model.seeds, 0),
                     other = read_posteriors(model.vae, model.device_images, model.seeds, 1);
    const std::vector<float> means = all.means.download(), moments = all.moments.download(),
                             samples = all.samples.download();
    ASSERT_EQ(all.count, 11u);
    for (int r = 0; r < 2; ++r) {
        const std::vector<float> values = model.vae_parameters(r);
        const auto& tensors = model.layout().tensors();
        for (int n = 0; n < 11; ++n)
            for (int j = 0; j < 2; ++j) {
                double head[2];
                for (int half = 0; half < 2; ++half) {
                    head[half] = double(values[tensors[1].offset + 2 * half + j]);
                    for (int i = 0; i < 6; ++i)
                        head[half] += double(values[tensors[0].offset + std::size_t(2 * half + j) * 6 + i]) *
                                      model.images[std::size_t(n) * 6 + i] / 255.;
                }
                const std::size_t at = (std::size_t(r) * 11 + n) * 2 + j, row = (std::size_t(r) * 11 + n) * 4;
                EXPECT_NEAR(means[at], head[0], 1e-5);
                EXPECT_EQ(means[at], moments[row + j]);
                const double variance = std::log1p(std::exp(head[1]));
                EXPECT_NEAR(moments[row + 2 + j], variance, 1e-5);
                EXPECT_NE(samples[at], means[at]);
                EXPECT_LT(std::abs(samples[at] - means[at]), 6 * std::sqrt(variance));
            }
    }
    EXPECT_NE(samples, other.samples.download()) << "each set has noise of its own";
    EXPECT_EQ(means, other.means.download());
}

TEST(LinearGaussian, SpectrumCountsAndMeasuresAlignment) {
    // Independent columns of deviation 2, 0.5 and 0.05: two are informative, all lie on axes.
    const std::size_t n = 4000;
    std::mt19937 engine(1);
    std::normal_distribution<float> draw;
    std::vector<float> x(n * 3), turned(n * 2);
    const float deviation[3] = {0.5f, 0.05f, 2.f};
    for (std::size_t i = 0; i < n; ++i) {
        for (int j = 0; j < 3; ++j) x[i * 3 + j] = 1 + deviation[j] * draw(engine);
        const float a = 2 * draw(engine), b = 0.01f * draw(engine);  // on the diagonal
        turned[2 * i] = a + b, turned[2 * i + 1] = a - b;
    }
    const Matmul matmul;
    const MeanSpectrum spectrum = mean_spectrum(DeviceBuffer<float>(x).data(), n, 3, matmul);
    EXPECT_EQ(spectrum.informative, 2);
    EXPECT_GT(spectrum.alignment, 0.999);
    ASSERT_EQ(spectrum.eigenvalues.size(), 3u);
    EXPECT_NEAR(spectrum.eigenvalues[0], 4, 0.3);
    EXPECT_NEAR(spectrum.eigenvalues[1], 0.25, 0.02);
    EXPECT_NEAR(spectrum.eigenvalues[2], 0.0025, 0.0003);
    const MeanSpectrum diagonal = mean_spectrum(DeviceBuffer<float>(turned).data(), n, 2, matmul);
    EXPECT_EQ(diagonal.informative, 1);
    EXPECT_NEAR(diagonal.alignment, std::sqrt(0.5), 1e-3);
}

TEST(LinearGaussian, TheDecodersJacobianIsItsMatrix) {
    Model model(3, 4, 2);
    const std::vector<float> z = {0.5f, -1, 2, 0.25f, 0, 0};
    for (int r = 0; r < 2; ++r) {
        const std::vector<float> values = model.vae_parameters(r);
        const float* W = values.data() + model.layout().tensors()[2].offset;
        const auto grams = decoder_grams(model.vae, z, r);
        ASSERT_EQ(grams.size(), 3u);
        for (const std::vector<double>& gram : grams)
            for (int a = 0; a < 2; ++a)
                for (int b = 0; b < 2; ++b) {
                    double expected = 0;
                    for (int d = 0; d < 6; ++d) expected += double(W[2 * d + a]) * double(W[2 * d + b]);
                    EXPECT_NEAR(gram[2 * a + b], expected, 1e-4);  // floats over steps of 0.04
                }
    }
}

TEST(LinearGaussian, ResizedModelsDecodeTheSame) {
    Model model(3, 4, 2);
    RenyiVae<float> other = resized(model.vae, 7, 8, model.matmul);
    EXPECT_EQ(other.config().samples, 7);
    const std::vector<float> z = {0.5f, -1, 2, 0.25f, 0, 0};
    for (int r = 0; r < 2; ++r) EXPECT_EQ(decode_latents(model.vae, z, r), decode_latents(other, z, r));
    const std::vector<float> values = model.vae_parameters(1), images = decode_latents(other, z, 1);
    const auto& tensors = model.layout().tensors();
    for (int n = 0; n < 3; ++n)
        for (int d = 0; d < 6; ++d)
            EXPECT_NEAR(images[n * 6 + d],
                        values[tensors[3].offset + d] + values[tensors[2].offset + 2 * d] * z[2 * n] +
                            values[tensors[2].offset + 2 * d + 1] * z[2 * n + 1],
                        1e-5);
}

}  // namespace
}  // namespace warpvae

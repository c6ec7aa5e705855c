#include "host/evaluate/renyi_evaluation.h"

#include <algorithm>
#include <cmath>

#include "cuda/device/device.h"
#include "host/evaluate/pca.h"
#include "host/evaluate/set_evaluation.h"

namespace warpvae {
namespace {

constexpr double kInformativeVariance = 0.01;  // "carries information" (section 2.1)

}  // namespace

int evaluation_decoder_rows() { return device_is_gpu() ? 8192 : 512; }

RenyiVae<float> resized(RenyiVae<float>& vae, int samples, int rows, const Matmul& matmul) {
    RenyiVaeConfig config = vae.config();
    config.samples = samples;
    RenyiVae<float> out(config, vae.alphas(), std::max(rows, 4), matmul);
    check(stream_synchronize(matmul.stream()));
    for (int r = 0; r < vae.replicas(); ++r) out.parameters().upload(r, vae.parameters().download(r));
    return out;
}

std::vector<BoundSummary> evaluate_bound(RenyiVae<float>& vae, const DeviceImages& images,
                                         const DeviceBuffer<std::uint64_t>& seeds, const Matmul& matmul) {
    const SetMeans means =
        evaluate_set(vae, {vae.moments(), vae.config().latents, 1, vae.config().samples}, images, seeds, matmul);
    std::vector<BoundSummary> out;
    for (int r = 0; r < vae.replicas(); ++r)
        out.push_back({means.terms[r][0], means.terms[r][1], means.active_units[r]});
    return out;
}

std::vector<LikelihoodEstimate> estimate_likelihood(RenyiVae<float>& vae, const DeviceImages& images, std::size_t count,
                                                    int samples, const DeviceBuffer<std::uint64_t>& seeds,
                                                    const Matmul& matmul,
                                                    const std::function<void(std::size_t)>& progress) {
    const Range range("likelihood");
    const int R = vae.replicas(), K = vae.config().samples, D = vae.config().height * vae.config().width;
    const int chunks = (samples + K - 1) / K;
    const Stream stream = matmul.stream();
    count = count ? std::min(count, images.count()) : images.count();
    DeviceBuffer<std::uint64_t> chunk(1, "chunk number");
    DeviceBuffer<LogWeights> weights(std::size_t(R) * vae.max_rows(), "log weights");
    struct Sums {
        double log_mean = 0, squares = 0, variance = 0, size = 0, mean_log = 0;
    };
    std::vector<Sums> sums(R);
    for_batches(count, vae.max_rows(), [&](std::size_t first, int rows) {
        if (progress) progress(first);
        check(gather_range(vae.minibatch(), images.table(), first, R, rows, D, stream));
        vae.encode(rows);
        weights.zero(stream);
        chunk.zero(stream);
        LatentNoise noise;
        noise.seeds = seeds.data();
        noise.step = chunk.data();
        noise.purpose = Purpose::kEvaluate;
        noise.first_row = first * K;
        for (int c = 0; c < chunks; ++c) {
            vae.sample(rows, noise);
            vae.decode(rows * K);
            vae.likelihood(rows);
            check(accumulate_log_weights(weights.data(), vae.ratio(), vae.nll(), R * rows, K, stream));
            check(advance_step(chunk.data(), stream));
        }
        const std::vector<LogWeights> of_images = weights.download(stream);
        for (int r = 0; r < R; ++r)
            for (int i = 0; i < rows; ++i) {
                const LogMeanExp x = of_images[std::size_t(r) * rows + i].result();
                Sums& s = sums[r];
                s.log_mean += x.log_mean, s.squares += x.log_mean * x.log_mean, s.mean_log += x.mean_log;
                s.size += x.effective_sample_size;
                s.variance += 1 / x.effective_sample_size - 1. / (double(K) * chunks);
            }
    });
    if (progress) progress(count);
    const double n = double(count);
    std::vector<LikelihoodEstimate> out;
    for (const Sums& s : sums) {
        LikelihoodEstimate e;
        e.images = int(count), e.samples = K * chunks;
        e.log_likelihood = s.log_mean / n;
        e.sampling_error = std::sqrt(std::max(0., s.variance)) / n;
        const double spread = std::max(0., s.squares / n - e.log_likelihood * e.log_likelihood);
        e.image_error = count > 1 ? std::sqrt(spread / (n - 1)) : 0;
        e.effective_sample_size = s.size / n;
        e.negative_elbo = -s.mean_log / n;
        out.push_back(e);
    }
    return out;
}

Posteriors read_posteriors(RenyiVae<float>& vae, const DeviceImages& images, const DeviceBuffer<std::uint64_t>& seeds,
                           int set, const Matmul& matmul) {
    const Range range("features");
    const int R = vae.replicas(), Z = vae.config().latents, D = vae.config().height * vae.config().width;
    const std::size_t n = images.count();
    const Stream stream = matmul.stream();
    const DeviceBuffer<std::uint64_t> address(std::vector<std::uint64_t>{std::uint64_t(set)}, "data set number");
    Posteriors out;
    out.count = n, out.latents = Z;
    out.means = DeviceBuffer<float>(R * n * Z, "posterior means");
    out.moments = DeviceBuffer<float>(R * n * 2 * Z, "posterior moments");
    out.samples = DeviceBuffer<float>(R * n * Z, "posterior samples");
    DeviceBuffer<float> drawn(std::size_t(R) * vae.max_rows() * Z, "posterior samples");
    for_batches(n, vae.max_rows(), [&](std::size_t first, int rows) {
        check(gather_range(vae.minibatch(), images.table(), first, R, rows, D, stream));
        vae.encode(rows);
        const auto keep = [&](DeviceBuffer<float>& to, const float* from, int width) {
            for (int r = 0; r < R; ++r)
                check(copy_on_device(to.data() + (r * n + first) * width, from + std::size_t(r) * rows * width,
                                     sizeof(float) * rows * width, stream));
        };
        keep(out.moments, vae.moments(), 2 * Z);
        for (const bool random : {false, true}) {
            LatentNoise noise;
            noise.seeds = random ? seeds.data() : nullptr;
            noise.step = address.data();
            noise.purpose = Purpose::kFeature;
            noise.first_row = first;
            check(posterior_samples<float>(drawn.data(), nullptr, vae.moments(), noise, R, rows, 1, Z, stream));
            keep(random ? out.samples : out.means, drawn.data(), Z);
        }
    });
    check(stream_synchronize(stream));
    return out;
}

MeanSpectrum mean_spectrum(const float* means, std::size_t n, int Z, const Matmul& matmul) {
    const Pca pca = fit_pca(matmul, means, n, Z, Z);
    MeanSpectrum out;
    double loadings = 0;
    for (int j = 0; j < Z; ++j) {
        out.eigenvalues.push_back(pca.variances[j] * double(n - 1) / double(n));
        if (out.eigenvalues.back() <= kInformativeVariance) continue;
        double largest = 0;
        for (int i = 0; i < Z; ++i) largest = std::max(largest, std::abs(pca.directions[std::size_t(j) * Z + i]));
        ++out.informative, loadings += largest;
    }
    if (out.informative) out.alignment = loadings / out.informative;
    return out;
}

std::vector<float> decode_latents(RenyiVae<float>& vae, const std::vector<float>& z, int r, const Matmul& matmul) {
    return decode_rows(vae, vae.decoder_rows(), vae.config().likelihood == Likelihood::kBernoulli, z, r, matmul);
}

}  // namespace warpvae

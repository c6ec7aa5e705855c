#include "host/evaluate/vae_evaluation.h"

#include <algorithm>

namespace warpvae {
namespace {

constexpr double kActiveVariance = 0.01;

/// Calls body(first, rows) over 0..count-1 in whole batches of the model.
template <class Body>
void for_batches(std::size_t count, int max_rows, Body body) {
    const std::size_t step = max_rows / 4 * 4;  // noise is addressed by rows in fours
    for (std::size_t first = 0; first < count; first += step) body(first, int(std::min(step, count - first)));
}

}  // namespace

const char* name_of(FeatureKind kind) { return kind == FeatureKind::kSample ? "sample" : "mean"; }

int active_units(const double* moments, int Z, double n) {
    int active = 0;
    for (int j = 0; j < Z; ++j) {
        const double mean = moments[j] / n, square = moments[Z + j] / n;
        active += square - mean * mean > kActiveVariance;
    }
    return active;
}

std::vector<ElboSummary> evaluate_elbo(DenseVae<float>& vae, const DeviceImages& images,
                                       const DeviceBuffer<std::uint64_t>& seeds, const Matmul& matmul) {
    const Range range("evaluate");
    const int R = vae.replicas(), Z = vae.config().latents, D = vae.config().height * vae.config().width;
    const Stream stream = matmul.stream();
    const auto terms = vae.loss_terms();
    DeviceBuffer<double> sums(R * terms.size(), "ELBO sums"), moments(std::size_t(R) * 2 * Z, "latent moments");
    sums.zero(stream);
    moments.zero(stream);
    for_batches(images.count(), vae.max_rows(), [&](std::size_t first, int rows) {
        check(gather_range(vae.minibatch(), images.table(), first, R, rows, D, stream));
        LatentNoise noise;
        noise.seeds = seeds.data();
        noise.purpose = Purpose::kEvaluate;
        noise.first_row = first;
        vae.evaluate(rows, noise);
        for (std::size_t i = 0; i < terms.size(); ++i)
            check(accumulate_sum(sums.data() + i, terms.size(), terms[i].rows, R, rows, stream));
        check(accumulate_moments(moments.data(), vae.moments(), R, rows, Z, 2 * Z, stream));
    });
    const std::vector<double> totals = sums.download(stream), latent = moments.download(stream);
    const double n = double(images.count());
    std::vector<ElboSummary> out(R);
    for (int r = 0; r < R; ++r) {
        out[r].reconstruction = totals[r * terms.size()] / n;
        out[r].kl = totals[r * terms.size() + 1] / n;
        out[r].negative_elbo = out[r].reconstruction + out[r].kl;
        out[r].active_units = active_units(latent.data() + std::size_t(r) * 2 * Z, Z, n);
    }
    return out;
}

DeviceBuffer<float> extract_features(DenseVae<float>& vae, const DeviceImages& images, FeatureKind kind,
                                     const DeviceBuffer<std::uint64_t>& seeds, int set, const Matmul& matmul) {
    const Range range("features");
    const int R = vae.replicas(), Z = vae.config().latents, D = vae.config().height * vae.config().width;
    const Stream stream = matmul.stream();
    const DeviceBuffer<std::uint64_t> address(std::vector<std::uint64_t>{std::uint64_t(set)}, "data set number");
    DeviceBuffer<float> features(R * images.count() * Z, "features");
    for_batches(images.count(), vae.max_rows(), [&](std::size_t first, int rows) {
        check(gather_range(vae.minibatch(), images.table(), first, R, rows, D, stream));
        LatentNoise noise;
        noise.seeds = kind == FeatureKind::kSample ? seeds.data() : nullptr;
        noise.step = address.data();
        noise.purpose = Purpose::kFeature;
        noise.first_row = first;
        vae.encode(rows, noise);
        for (int r = 0; r < R; ++r)
            check(copy_on_device(features.data() + (r * images.count() + first) * Z,
                                 vae.z() + std::size_t(r) * rows * Z, sizeof(float) * rows * Z, stream));
    });
    check(stream_synchronize(stream));
    return features;
}

std::vector<float> decode_latents(DenseVae<float>& vae, const std::vector<float>& z, int r, const Matmul& matmul) {
    const int R = vae.replicas(), Z = vae.config().latents, D = vae.config().height * vae.config().width;
    const std::size_t n = z.size() / Z;
    std::vector<float> images(n * D);
    for_batches(n, vae.max_rows(), [&](std::size_t first, int rows) {
        std::vector<float> all(std::size_t(R) * rows * Z, 0.f);
        std::copy_n(z.begin() + first * Z, std::size_t(rows) * Z, all.begin() + std::size_t(r) * rows * Z);
        check(copy_to_device(vae.z(), all.data(), all.size() * sizeof(float), matmul.stream()));
        vae.decode(rows);
        check(sigmoid<float>(vae.logits(), vae.logits(), std::size_t(R) * rows * D, matmul.stream()));
        check(copy_to_host(images.data() + first * D, vae.logits() + std::size_t(r) * rows * D,
                           sizeof(float) * rows * D, matmul.stream()));
    });
    return images;
}

std::vector<float> reconstruct(DenseVae<float>& vae, const DeviceImages& images, int n, int r, const Matmul& matmul) {
    const int R = vae.replicas(), Z = vae.config().latents, D = vae.config().height * vae.config().width;
    n = std::min<int>(n, int(std::min<std::size_t>(images.count(), vae.max_rows())));
    check(gather_range(vae.minibatch(), images.table(), 0, R, n, D, matmul.stream()));
    vae.encode(n, LatentNoise{});
    std::vector<float> z(std::size_t(n) * Z);
    check(copy_to_host(z.data(), vae.z() + std::size_t(r) * n * Z, z.size() * sizeof(float), matmul.stream()));
    return decode_latents(vae, z, r, matmul);
}

}  // namespace warpvae

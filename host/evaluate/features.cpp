#include "host/evaluate/features.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "host/evaluate/pca.h"

namespace warpvae {
namespace {

/// Encodes the images batch by batch, once for each of `kinds`, with the noise of the data set of this number, and
/// calls body(kind, first, rows).
template <class Body>
void encode_all(Autoencoder<float>& model, const GivenImages& images, std::span<const FeatureKind> kinds,
                const DeviceBuffer<std::uint64_t>& seeds, int set, Body body) {
    const Range range("features");
    const DeviceBuffer<std::uint64_t> number(std::vector<std::uint64_t>{std::uint64_t(set)}, "data set number");
    for_batches(model, images, images.set.count(), model.max_rows(), [&](std::size_t first, int rows) {
        for (const FeatureKind kind : kinds) {
            model.encode(rows, {.seeds = kind == FeatureKind::kSample ? seeds.data() : nullptr,
                                .step = number.data(),
                                .purpose = Purpose::kFeature,
                                .first_row = first});
            body(kind, first, rows);
        }
    });
    check(stream_synchronize(model.stream()));
}

/// Copies rows `from` [R, rows, width] to rows first..first + rows - 1 of `to` [R, count, width].
void keep(DeviceBuffer<float>& to, std::size_t count, std::size_t first, const float* from, int R, int rows, int width,
          Stream stream) {
    for (int r = 0; r < R; ++r)
        check(copy_on_device(to.data() + (r * count + first) * width, from + std::size_t(r) * rows * width,
                             sizeof(float) * rows * width, stream));
}

}  // namespace

const char* name_of(FeatureKind kind) { return kind == FeatureKind::kSample ? "sample" : "mean"; }

DeviceBuffer<float> extract_features(Autoencoder<float>& model, const GivenImages& images, FeatureKind kind,
                                     const DeviceBuffer<std::uint64_t>& seeds, int set) {
    const int R = model.replicas(), Z = model.latents();
    const std::size_t count = images.set.count();
    DeviceBuffer<float> features(R * count * Z, "features");
    encode_all(model, images, {&kind, 1}, seeds, set, [&](FeatureKind, std::size_t first, int rows) {
        keep(features, count, first, model.z(), R, rows, Z, model.stream());
    });
    return features;
}

Posteriors read_posteriors(Autoencoder<float>& model, const GivenImages& images,
                           const DeviceBuffer<std::uint64_t>& seeds, int set) {
    const int R = model.replicas(), Z = model.latents();
    const std::size_t count = images.set.count();
    Posteriors out{count, Z, DeviceBuffer<float>(R * count * Z, "posterior means"),
                   DeviceBuffer<float>(R * count * 2 * Z, "posterior moments"),
                   DeviceBuffer<float>(R * count * Z, "posterior samples")};
    encode_all(model, images, kFeatureKinds, seeds, set, [&](FeatureKind kind, std::size_t first, int rows) {
        const bool is_mean = kind == FeatureKind::kMean;
        keep(is_mean ? out.means : out.samples, count, first, model.z(), R, rows, Z, model.stream());
        if (is_mean) keep(out.moments, count, first, model.moments(), R, rows, 2 * Z, model.stream());
    });
    return out;
}

float deviation_of(Spread spread, float s) {
    switch (spread) {
        case Spread::kLogVariance:
            return std::exp(s / 2);
        case Spread::kVariance:
            return std::sqrt(s);
        case Spread::kLogDeviation:
            return std::max(std::exp(s), 1e-6f);
        default:
            return std::exp(std::max(s, 1e-6f));
    }
}

std::vector<float> extract_poses(Autoencoder<float>& model, const GivenImages& images, int r) {
    const std::size_t S = std::size_t(model.pose().numbers), count = images.set.count();
    std::vector<float> poses(count * S);
    for_batches(model, images, count, model.max_rows(), [&](std::size_t first, int rows) {
        model.encode(rows, LatentNoise{});
        take_rows(poses.data() + first * S, model.u(), r, rows, S, model.stream());
    });
    return poses;
}

PoseSummary summarise_poses(const std::vector<float>& poses, const Pose& pose) {
    const std::size_t S = pose.numbers, n = poses.size() / S;
    const bool is_affine = pose.form == WarpForm::kAffine || pose.form == WarpForm::kInverseAffine;
    const bool is_pose = pose.form == WarpForm::kPose || pose.form == WarpForm::kInversePose;
    const bool is_inverse = pose.form == WarpForm::kInverseAffine || pose.form == WarpForm::kInversePose;
    PoseSummary out;
    std::vector<double> product(S * S, 0.);
    out.mean.assign(S, 0.);
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t a = 0; a < S; ++a) out.mean[a] += poses[i * S + a] / double(n);
    for (std::size_t i = 0; i < n; ++i) {
        const float* u = poses.data() + i * S;
        for (std::size_t a = 0; a < S; ++a)
            for (std::size_t b = 0; b <= a; ++b) product[a * S + b] += (u[a] - out.mean[a]) * (u[b] - out.mean[b]);
        const float* p = u + pose.first;  // the warp that makes x', of a DT-VAE the second
        const double area = is_affine ? p[0] * p[4] - p[1] * p[3] : is_pose ? std::exp(p[1] + p[2]) : 0;
        out.mean_determinant += (is_inverse ? 1 / area : area) / double(n);
    }
    int pairs = 0;
    for (std::size_t a = 0; a < S; ++a) {
        out.deviation.push_back(std::sqrt(product[a * S + a] / double(n)));
        for (std::size_t b = 0; b < a; ++b) {
            const double scale = std::sqrt(product[a * S + a] * product[b * S + b]);
            if (!(scale > 0)) continue;
            const double correlation = std::abs(product[a * S + b]) / scale;
            out.largest_correlation = std::max(out.largest_correlation, correlation);
            out.mean_correlation += correlation, ++pairs;
        }
    }
    if (pairs) out.mean_correlation /= pairs;
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

}  // namespace warpvae

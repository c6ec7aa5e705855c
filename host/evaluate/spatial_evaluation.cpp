#include "host/evaluate/spatial_evaluation.h"

#include <algorithm>
#include <cmath>

namespace warpvae {
namespace {

/// Puts 0..count-1 through the encoder, batch by batch, then calls body(first, rows).
template <class Body>
void encode_all(SpatialVae<float>& model, const DeviceImages& images, LatentNoise noise, const Matmul& matmul,
                Body body) {
    const int D = model.config().height * model.config().width;
    for_batches(images.count(), model.max_rows(), [&](std::size_t first, int rows) {
        check(gather_range(model.minibatch(), images.table(), first, model.replicas(), rows, D, matmul.stream()));
        noise.first_row = first;
        model.encode(rows, noise);
        body(first, rows);
    });
}

}  // namespace

std::vector<ElboSummary> evaluate_elbo(SpatialVae<float>& model, const DeviceImages& images,
                                       const DeviceBuffer<std::uint64_t>& seeds, const Matmul& matmul) {
    const SetMeans means =
        evaluate_set(model, {model.moments(), model.config().latents, model.config().samples}, images, seeds, matmul);
    std::vector<ElboSummary> out(model.replicas());
    for (std::size_t r = 0; r < out.size(); ++r) {
        const std::vector<double>& terms = means.terms[r];
        out[r].reconstruction = terms[0];
        out[r].pose_kl = terms.size() > 2 ? terms[2] : 0;
        out[r].kl = terms[1] + out[r].pose_kl;
        out[r].negative_elbo = out[r].reconstruction + out[r].kl;
        out[r].active_units = means.active_units[r];
    }
    return out;
}

DeviceBuffer<float> extract_features(SpatialVae<float>& model, const DeviceImages& images, FeatureKind kind,
                                     const DeviceBuffer<std::uint64_t>& seeds, int set, const Matmul& matmul) {
    const Range range("features");
    const int R = model.replicas(), Z = model.config().latents;
    const DeviceBuffer<std::uint64_t> address(std::vector<std::uint64_t>{std::uint64_t(set)}, "data set number");
    DeviceBuffer<float> features(R * images.count() * Z, "features");
    LatentNoise noise;
    noise.seeds = kind == FeatureKind::kSample ? seeds.data() : nullptr;
    noise.step = address.data();
    noise.purpose = Purpose::kFeature;
    encode_all(model, images, noise, matmul, [&](std::size_t first, int rows) {
        for (int r = 0; r < R; ++r)
            check(copy_on_device(features.data() + (r * images.count() + first) * Z,
                                 model.z() + std::size_t(r) * rows * Z, sizeof(float) * rows * Z, matmul.stream()));
    });
    check(stream_synchronize(matmul.stream()));
    return features;
}

std::vector<float> extract_poses(SpatialVae<float>& model, const DeviceImages& images, int r, const Matmul& matmul) {
    const int S = model.config().pose_numbers();
    std::vector<float> poses(images.count() * S);
    encode_all(model, images, LatentNoise{}, matmul, [&](std::size_t first, int rows) {
        check(copy_to_host(poses.data() + first * S, model.u() + std::size_t(r) * rows * S, sizeof(float) * rows * S,
                           matmul.stream()));
    });
    return poses;
}

PoseSummary summarise_poses(const std::vector<float>& poses, const SpatialVaeConfig& config) {
    const std::size_t S = config.pose_numbers(), n = poses.size() / S;
    PoseSummary out;
    std::vector<double> product(S * S, 0.);
    out.mean.assign(S, 0.);
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t a = 0; a < S; ++a) out.mean[a] += poses[i * S + a] / double(n);
    for (std::size_t i = 0; i < n; ++i) {
        const float* u = poses.data() + i * S;
        for (std::size_t a = 0; a < S; ++a)
            for (std::size_t b = 0; b <= a; ++b) product[a * S + b] += (u[a] - out.mean[a]) * (u[b] - out.mean[b]);
        if (config.pose == PoseKind::kAffine) out.mean_determinant += (u[0] * u[4] - u[1] * u[3]) / double(n);
        if (config.pose == PoseKind::kPose5) out.mean_determinant += std::exp(u[1] + u[2]) / double(n);
    }
    for (std::size_t a = 0; a < S; ++a) {
        out.deviation.push_back(std::sqrt(product[a * S + a] / double(n)));
        for (std::size_t b = 0; b < a; ++b) {
            const double scale = std::sqrt(product[a * S + a] * product[b * S + b]);
            if (scale > 0)
                out.largest_correlation = std::max(out.largest_correlation, std::abs(product[a * S + b]) / scale);
        }
    }
    return out;
}

}  // namespace warpvae

#include "host/evaluate/vae_evaluation.h"

#include <algorithm>

namespace warpvae {
const char* name_of(FeatureKind kind) { return kind == FeatureKind::kSample ? "sample" : "mean"; }

std::vector<ElboSummary> evaluate_elbo(DenseVae<float>& vae, const DeviceImages& images,
                                       const DeviceBuffer<std::uint64_t>& seeds, const Matmul& matmul) {
    const SetMeans means = evaluate_set(vae, {vae.moments(), vae.config().latents}, images, seeds, matmul);
    std::vector<ElboSummary> out(vae.replicas());
    for (std::size_t r = 0; r < out.size(); ++r) {
        out[r].reconstruction = means.terms[r][0];
        out[r].kl = means.terms[r][1];
        out[r].negative_elbo = out[r].reconstruction + out[r].kl;
        out[r].active_units = means.active_units[r];
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
    return decode_rows(vae, vae.max_rows(), true, z, r, matmul);
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

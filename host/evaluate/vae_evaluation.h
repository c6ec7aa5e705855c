// What a trained DenseVae is asked: its ELBO on a set, its latents as features, and pictures of what it decodes.
#pragma once
#include <array>
#include <string>
#include <vector>

#include "host/evaluate/set_evaluation.h"
#include "models/dense_vae.h"

namespace warpvae {

/// What a classifier reads of q(z | x): one sample of it, or its mean.
enum class FeatureKind { kSample, kMean };
const char* name_of(FeatureKind kind);
inline constexpr std::array<FeatureKind, 2> kFeatureKinds = {FeatureKind::kSample, FeatureKind::kMean};

struct ElboSummary {
    double negative_elbo = 0, reconstruction = 0, kl = 0;  ///< nats per image, one sample of z, beta not applied
    double pose_kl = 0;                                    ///< of a SpatialVae with a prior on u: u's share of kl
    int active_units = 0;  ///< latents whose mean varies over the set with variance above 0.01 (Burda et al. 2016)
};

/// One summary per replica. `seeds` [R] as the trainer's; the noise is the same at every call.
std::vector<ElboSummary> evaluate_elbo(DenseVae<float>& vae, const DeviceImages& images,
                                       const DeviceBuffer<std::uint64_t>& seeds, const Matmul& matmul);

/// Features [R, count, Z] on the device. `set` (0, 1, ...) gives each data set noise of its own.
DeviceBuffer<float> extract_features(DenseVae<float>& vae, const DeviceImages& images, FeatureKind kind,
                                     const DeviceBuffer<std::uint64_t>& seeds, int set, const Matmul& matmul);

/// The first `n` images' reconstructions from their mean, of replica `r`: host [n, D], probabilities.
std::vector<float> reconstruct(DenseVae<float>& vae, const DeviceImages& images, int n, int r, const Matmul& matmul);
/// Decoded images of z, host [n, Z] -> host [n, D], probabilities, by replica `r`.
std::vector<float> decode_latents(DenseVae<float>& vae, const std::vector<float>& z, int r, const Matmul& matmul);

}  // namespace warpvae

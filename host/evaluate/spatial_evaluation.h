// What a trained SpatialVae is asked: its ELBO on a set, its latents as features, the poses it sees, and pictures of
// what it decodes.
#pragma once
#include <vector>

#include "host/evaluate/vae_evaluation.h"
#include "models/device_images.h"
#include "models/spatial_vae.h"

namespace warpvae {

/// One summary per replica; `kl` is that of z and u together, `pose_kl` u's share. The noise is the same at every call.
std::vector<ElboSummary> evaluate_elbo(SpatialVae<float>& model, const DeviceImages& images,
                                       const DeviceBuffer<std::uint64_t>& seeds, const Matmul& matmul);

/// Features z [R, count, Z] on the device, as of a DenseVae.
DeviceBuffer<float> extract_features(SpatialVae<float>& model, const DeviceImages& images, FeatureKind kind,
                                     const DeviceBuffer<std::uint64_t>& seeds, int set, const Matmul& matmul);

/// The poses u of a set, and of replica r alone: host [count, S]; from the mean of q(u | x).
std::vector<float> extract_poses(SpatialVae<float>& model, const DeviceImages& images, int r, const Matmul& matmul);

struct PoseSummary {
    std::vector<double> mean, deviation;  ///< [S] over the set
    double largest_correlation = 0;       ///< between two numbers of u over the set, in size
    double mean_determinant = 0;          ///< of an affine u's 2 x 2 part: above 1 the warp shrinks what it is given
};
PoseSummary summarise_poses(const std::vector<float>& poses, const SpatialVaeConfig& config);

}  // namespace warpvae

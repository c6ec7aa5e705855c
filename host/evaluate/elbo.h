// The bound of a set of images under any auto-encoder, its parts, and how many latents are in use.
#pragma once
#include <cstdint>
#include <vector>

#include "host/evaluate/batches.h"

namespace warpvae {

/// Means over the images, in nats per image.
struct ElboSummary {
    double negative_elbo = 0;  ///< reconstruction + kl of one draw of z, beta not applied; of a Renyi bound's K draws
                               ///< minus the mean log weight
    double reconstruction = 0, kl = 0;  ///< 0 in a model whose bound does not fall into these parts
    double pose_kl = 0;                 ///< the pose's share of kl
    double negative_bound = 0;          ///< what training minimises: beta applied, Renyi's bound of the model's order
    int active_units = 0;               ///< latents in use (active_units)
};

/// One summary per replica. `seeds` [R] as the trainer's; the noise (kEvaluate) is the same at every call.
std::vector<ElboSummary> evaluate_elbo(Autoencoder<float>& model, const GivenImages& images,
                                       const DeviceBuffer<std::uint64_t>& seeds);

/// Latents in use: their posterior mean, rows [n, Z], varies over the images with variance above 0.01 (Burda et al.
/// 2016).
int active_units(const std::vector<float>& means, int Z);

}  // namespace warpvae

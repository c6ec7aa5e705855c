// The bound of a set of images under any auto-encoder, its parts, and how many latents are in use.
#pragma once
#include <cstdint>
#include <optional>
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
    /// KL(q(z_j | x) || N(0, 1)) of each latent of z, in nats, the largest first; none where an earlier version wrote
    /// the result.
    std::optional<std::vector<double>> latent_kl;
};

/// One summary per replica. `seeds` [R] as the trainer's; the noise (kEvaluate) is the same at every call.
std::vector<ElboSummary> evaluate_elbo(Autoencoder<float>& model, const GivenImages& images,
                                       const DeviceBuffer<std::uint64_t>& seeds);

/// Latents in use: their posterior mean, rows [n, Z], varies over the images with variance above 0.01 (Burda et al.
/// 2016).
int active_units(const std::vector<float>& means, int Z);

/// Latents whose divergence is above so many nats: unlike active units, it counts what the decoder can have been told.
int latents_above(const std::vector<double>& latent_kl, double nats);
/// The thresholds at which tables count them.
inline constexpr double kCountedNats[] = {0.01, 0.1};
/// The means over n images of `sums` [Z], the largest first.
std::vector<double> latent_kl_of(const double* sums, int Z, double n);

}  // namespace warpvae

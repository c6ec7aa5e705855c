// The marginal likelihood of images under a SpatialVae, by importance sampling with q and by plain sampling of the
// prior (Vive, section VI.i), and how far the bound lies below it.
#pragma once
#include <functional>

#include "models/device_images.h"
#include "models/spatial_vae.h"

namespace warpvae {

struct LikelihoodOptions {
    int samples = 5000;        ///< K, for each image and each way of sampling
    std::size_t images = 100;  ///< the first so many of the set
    std::uint64_t seed = 1;
};

/// Means over images, in nats; standard errors are those of the mean over images, sampling included.
struct LikelihoodSummary {
    int images = 0, samples = 0;
    double importance = 0, importance_error = 0;  ///< log p(x) with (z, u) drawn from q(z, u | x)
    double naive = 0, naive_error = 0;            ///< log p(x) with (z, u) drawn from the prior (P0: u = f(x) kept)
    double elbo = 0;                              ///< mean log weight of the same draws
    double kl_to_prior = 0;                       ///< KL(q || prior), in closed form
    double importance_size = 0, naive_size = 0;   ///< effective sample sizes, of K
    /// Estimates of KL(q || posterior) = log p(x) - ELBO. The naive one is biased low by as much as log p(x) is.
    double gap() const { return importance - elbo; }
    double naive_gap() const { return naive - elbo; }
};

/// Of a model with one replica. Samples go through the model max_rows at a time: a few hundred on the CPU device, so
/// that its activations stay in cache. `progress(images done)` may throw.
LikelihoodSummary marginal_likelihood(SpatialVae<float>& model, const DeviceImages& images, const Matmul& matmul,
                                      const LikelihoodOptions& options,
                                      const std::function<void(std::size_t)>& progress = {});

}  // namespace warpvae

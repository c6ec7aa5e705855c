// The marginal likelihood log p(x) of images under any auto-encoder: by importance sampling with q (Burda et al. 2016,
// eq. 8), by plain sampling of the prior, and how far the bound lies below it (Vive, section VI.i).
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "host/evaluate/batches.h"

namespace warpvae {

struct LikelihoodOptions {
    int samples = 5000;        ///< K: draws of each image
    std::size_t images = 100;  ///< the first so many of the set; 0: all
    std::uint64_t seed = 1;    ///< of marginal_likelihood
    /// Draws of one image that are decoded together, a multiple of four; 0: as many as the decoder takes. As many
    /// images as it has room for then share a pass. Where that is one image, its number is the noise's step and the
    /// draw is the row; else the pass is the step, and rows run over images and draws: where all passes are whole
    /// (`samples` is a multiple), an image's noise does not depend on how many share them.
    int draws_at_once = 0;
};

/// How many of so many draws of an image to decode together where several images share a pass: those of four images, or
/// of more, are as many rows as a device likes to decode. The noise follows from it, not from the number of replicas.
int likelihood_draws_at_once(int samples);

/// Means over images, in nats.
struct LikelihoodEstimate {
    int images = 0, samples = 0;
    double log_likelihood = 0;
    double sampling_error = 0;         ///< standard error by the draws: each image's variance is 1/ESS - 1/K
    double image_error = 0;            ///< standard error of the mean over images, draws included
    double effective_sample_size = 0;  ///< mean over images, of K
    double negative_elbo = 0;          ///< of the same draws
    /// Half the 95 % confidence interval of this set's mean log p(x).
    double half_interval() const { return 1.96 * sampling_error; }

    /// Its members by name, as result.json lists them.
    template <class Fields>
    void fields(Fields& f) {
        f("images", images);
        f("samples", samples);
        f("log_likelihood", log_likelihood);
        f("sampling_error", sampling_error);
        f("image_error", image_error);
        f("effective_sample_size", effective_sample_size);
        f("negative_elbo", negative_elbo);
    }
};
/// Importance sampling, of each replica. `seeds` [R]; the noise (kEvaluate) is the same at every call.
/// `progress(images done)` may throw.
std::vector<LikelihoodEstimate> estimate_likelihood(Autoencoder<float>& model, const GivenImages& images,
                                                    const LikelihoodOptions& options,
                                                    const DeviceBuffer<std::uint64_t>& seeds,
                                                    const std::function<void(std::size_t)>& progress = {});

/// Both ways of sampling side by side.
struct LikelihoodSummary {
    LikelihoodEstimate importance;  ///< (z, u) drawn from q(z, u | x)
    LikelihoodEstimate naive;       ///< drawn from the prior (P0: u = f(x) kept); its negative_elbo is no bound's
    double kl_to_prior = 0;         ///< KL(q || prior), in closed form
    double elbo() const { return -importance.negative_elbo; }
    /// Estimates of KL(q || posterior) = log p(x) - ELBO. The naive one is biased low by as much as log p(x) is.
    double gap() const { return importance.log_likelihood - elbo(); }
    double naive_gap() const { return naive.log_likelihood - elbo(); }

    template <class Fields>
    void fields(Fields& f) {
        f("importance", importance), f("naive", naive), f("kl_to_prior", kl_to_prior);
    }
};
/// Of a model with one replica, image by image (draws_at_once is not used). A model of a few hundred rows keeps its
/// activations in cache on the CPU device. `progress(images done)` may throw.
LikelihoodSummary marginal_likelihood(Autoencoder<float>& model, const GivenImages& images,
                                      const LikelihoodOptions& options,
                                      const std::function<void(std::size_t)>& progress = {});

}  // namespace warpvae

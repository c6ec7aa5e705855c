// What a trained RenyiVae is asked: its bound and log p(x) on a set, its posteriors as features, and what its latents
// decode to.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "models/device_images.h"
#include "models/renyi_vae.h"

namespace warpvae {

/// A model of the same parameters for other sizes: K draws of up to `rows` images at a time. On the CPU device some 512
/// decoder rows keep its activations in a core's cache.
RenyiVae<float> resized(RenyiVae<float>& vae, int samples, int rows, const Matmul& matmul);
/// Decoder rows of a chunk in evaluation: what keeps a core's cache, or fills a GPU.
int evaluation_decoder_rows();

struct BoundSummary {
    double negative_bound = 0, negative_elbo = 0;  ///< nats per image, of K = config().samples draws
    int active_units = 0;                          ///< latents whose mean varies by more than 0.01 over the set
};
/// One summary per replica. `seeds` [R]; the noise is the same at every call.
std::vector<BoundSummary> evaluate_bound(RenyiVae<float>& vae, const DeviceImages& images,
                                         const DeviceBuffer<std::uint64_t>& seeds, const Matmul& matmul);

/// log p(x) by importance sampling with q (Burda et al. 2016, eq. 8 with many samples), means over images in nats.
struct LikelihoodEstimate {
    int images = 0, samples = 0;
    double log_likelihood = 0;
    double sampling_error = 0;         ///< standard error by the draws: each image's variance is 1/ESS - 1/K
    double image_error = 0;            ///< standard error of the mean over images, draws included
    double effective_sample_size = 0;  ///< mean over images, of K
    double negative_elbo = 0;          ///< of the same draws
    /// Half the 95 % confidence interval of this set's mean log p(x).
    double half_interval() const { return 1.96 * sampling_error; }
};
/// Of each replica, on the first `count` images (0: all). The draws are decoded config().samples of max_rows() images
/// at a time; `samples` is rounded up to whole chunks. `progress(images done)` may throw.
std::vector<LikelihoodEstimate> estimate_likelihood(RenyiVae<float>& vae, const DeviceImages& images, std::size_t count,
                                                    int samples, const DeviceBuffer<std::uint64_t>& seeds,
                                                    const Matmul& matmul,
                                                    const std::function<void(std::size_t)>& progress = {});

/// Posteriors of a set, device memory.
struct Posteriors {
    std::size_t count = 0;
    int latents = 0;
    DeviceBuffer<float> means;    ///< [R, count, Z]
    DeviceBuffer<float> moments;  ///< [R, count, 2Z]: means, then variances
    DeviceBuffer<float> samples;  ///< [R, count, Z]: one draw each
};
/// `set` (0, 1, ...) gives each data set noise of its own.
Posteriors read_posteriors(RenyiVae<float>& vae, const DeviceImages& images, const DeviceBuffer<std::uint64_t>& seeds,
                           int set, const Matmul& matmul);

/// Principal components of posterior means (section 2.1).
struct MeanSpectrum {
    std::vector<double> eigenvalues;  ///< [Z] of the covariance (over n), falling
    int informative = 0;              ///< eigenvalues above 0.01
    double alignment =
        0;  ///< mean over informative eigenvectors of their largest loading in size: 1 where they are axes
};
/// means: device [n, Z].
MeanSpectrum mean_spectrum(const float* means, std::size_t n, int Z, const Matmul& matmul);

/// Decoded images of z, host [n, Z] -> host [n, D], probabilities (a Gaussian's means), by replica `r`.
std::vector<float> decode_latents(RenyiVae<float>& vae, const std::vector<float>& z, int r, const Matmul& matmul);

}  // namespace warpvae

// Gaussian latents: heads, samples, divergences, importance weights. Letters and conventions: cuda/ops.h.
#pragma once

#include <cmath>

#include "cuda/device/device.h"
#include "cuda/ops/random.h"

namespace warpvae {

// --- the latent: gaussian_moments.cuh, gaussian_head.cuh, gaussian_sample.cuh ----------------------------------------

/// Noise of a latent: element (n, j) of step `*step` (0 where step is null) and row `first_row + n`.
struct LatentNoise {
    const std::uint64_t* seeds = nullptr;  ///< [R]; null: no noise, z = mu
    const std::uint64_t* step = nullptr;
    Purpose purpose = Purpose::kLatent;
    std::size_t first_row = 0;  ///< a multiple of 4; others are refused (kInvalidValue)
};
/// Every diagonal Gaussian here is given by moments [.., 2Z]: means mu, then spreads s. What s is, its maker decides:
enum class Spread {
    kLogVariance,          ///< sigma = e^(s / 2)
    kLogDeviation,         ///< sigma = e^s, at least 1e-6 (Vive, appendix A: "clipped to be more than 1e-6")
    kLogDeviationFromOne,  ///< sigma = e^max(s, 1e-6), so at least 1: that appendix to the letter
    kVariance              ///< sigma = sqrt(s)
};
/// The encoder's two heads, the sample and its divergence in one kernel (Kingma and Welling, eq. 10 and appendix B):
///   [mu, s] = h W^T + b,   z = mu + exp(s / 2) * epsilon,   kl[r, n] = 1/2 sum_j (mu^2 + exp(s) - 1 - s)
/// moments [R, N, 2Z] = (mu, s), Spread::kLogVariance; z [R, N, Z]; kl [R, N]; h [R, N, H]; W [2Z, H], b [2Z] at stride
/// P. Its gradient: gaussian_sample_backward, then dense_backward.
template <class T>
Status gaussian_head_forward(T* moments, T* z, T* kl, const T* h, const T* W, const T* b, std::size_t P,
                             LatentNoise noise, int R, int N, int H, int Z, Stream stream);

/// A diagonal Gaussian prior, each replica's own or one for all (stride 0). Device memory; null: mean 0, deviation 1.
template <class T>
struct GaussianPrior {
    const T* mean = nullptr;
    std::size_t mean_stride = 0;
    const T* log_deviation = nullptr;
    std::size_t log_deviation_stride = 0;
};
/// A latent with such a posterior and prior; by default the usual VAE's.
template <class T>
struct GaussianLatent {
    Spread spread = Spread::kLogVariance;
    GaussianPrior<T> prior;
    bool is_plain() const { return spread == Spread::kLogVariance && !prior.mean && !prior.log_deviation; }
};
/// What the divergence weighs in a loss: the same for all latents, or each replica's latent j times a factor.
template <class T>
struct KlWeight {
    T of_all;
    const T* factors = nullptr;  ///< device [R, Z], as kl_factors has them; null: 1
    WARPVAE_HOST_DEVICE KlWeight(T of_all_, const T* factors_ = nullptr) : of_all(of_all_), factors(factors_) {}
    WARPVAE_HOST_DEVICE T of(int r, int j, int Z) const {
        return factors ? of_all * factors[std::size_t(r) * Z + j] : of_all;
    }
};
/// z = mu + sigma epsilon and kl[r, n] = KL(N(mu, sigma^2) || prior), from moments as `spread` says:
/// gaussian_sample.cuh. z [R, N, Z]; kl [R, N], or null; moments [R, N, 2Z].
template <class T>
Status gaussian_sample_forward(T* z, T* kl, const T* moments, const GaussianPrior<T>& prior, Spread spread,
                               LatentNoise noise, int R, int N, int Z, Stream stream);
/// dmoments [R, N, 2Z] from dz [R, N, Z]: the gradient of L = f(z) + sum_n sum_j w_nj kl_nj, through z and the
/// divergence, with w_nj = kl_weight of latent j, times row_weights[r, n] where that is given.
template <class T>
Status gaussian_sample_backward(T* dmoments, const T* dz, const T* z, const T* moments, const GaussianPrior<T>& prior,
                                Spread spread, KlWeight<T> kl_weight, int R, int N, int Z, Stream stream,
                                const T* row_weights = nullptr);
/// The prior's own gradients of the same L without row weights: dmean, dlog_deviation [Z] at stride P, either null.
template <class T>
Status gaussian_prior_backward(T* dmean, T* dlog_deviation, std::size_t P, const T* moments,
                               const GaussianPrior<T>& prior, Spread spread, KlWeight<T> kl_weight, int R, int N, int Z,
                               Stream stream);
/// z [R, N, Z] = draws of the prior; noise.seeds must be there.
template <class T>
Status gaussian_prior_sample(T* z, const GaussianPrior<T>& prior, LatentNoise noise, int R, int N, int Z,
                             Stream stream);
/// ratio[r, n] += log prior(z) - log N(z; mu, sigma^2), from moments as `spread` says.
template <class T>
Status gaussian_log_ratio(T* ratio, const T* z, const T* moments, const GaussianPrior<T>& prior, Spread spread, int R,
                          int N, int Z, Stream stream);

// --- each latent's divergence: latent_divergence.cuh -----------------------------------------------------------------

/// How much of the divergence a training step counts.
struct KlSchedule {
    double warmup_steps = 0;  ///< its weight rises in a line from 0 at step 0 to all of it at this one; 0: always all
    double free_nats = 0;     ///< a latent whose divergence is so many nats or fewer, in the step's mean, is left alone
    bool counts_all() const { return warmup_steps <= 0 && free_nats <= 0; }
};
/// factors [R, Z]: what each latent's divergence counts at step `*step` (0 where that is null), from 0 to 1. The mean
/// is over the N rows, each by its row_weights[r, n] where those are given. moments [R, N, 2Z].
template <class T>
Status kl_factors(T* factors, const T* moments, const GaussianLatent<T>& latent, const KlSchedule& schedule,
                  const std::uint64_t* step, int R, int N, int Z, Stream stream, const T* row_weights = nullptr);
/// kl [R, N] = the sum over latents of factors[r, j] times the row's divergence of latent j.
template <class T>
Status counted_divergence(T* kl, const T* moments, const GaussianLatent<T>& latent, const T* factors, int R, int N,
                          int Z, Stream stream);
/// sums [R, Z] += the sum over N rows of each latent's divergence, in nats and in double.
template <class T>
Status accumulate_divergences(double* sums, const T* moments, const GaussianLatent<T>& latent, int R, int N, int Z,
                              Stream stream);

// --- marginal likelihood: importance_weights.cuh ---------------------------------------------------------------------

/// What K importance weights say of one image.
struct LogMeanExp {
    double log_mean;               ///< log of the mean weight: the estimate of log p(x)
    double mean_log;               ///< the mean log weight: of weights drawn from q, the ELBO
    double effective_sample_size;  ///< 1 .. K
};
/// out [Q] from log weights ratio - nll, both [Q, K], K from 1; ratio may be null.
template <class T>
Status log_mean_exp(LogMeanExp* out, const T* ratio, const T* nll, int Q, int K, Stream stream);

/// The running sums of one image's weights, where they come a few at a time; all zero bytes: none yet. Each e^w is
/// relative to the largest so far.
struct LogWeights {
    double count, largest;  ///< weights seen; the largest log weight
    double total, squares;  ///< sums of e^(w - largest) and of its square
    double sum;             ///< of w
    /// NaN of no weights.
    WARPVAE_HOST_DEVICE LogMeanExp result() const {
        return {largest + std::log(total / count), sum / count, total * total / squares};
    }
};
/// Adds K more to each of Q images' sums: log weights ratio - nll, both [Q, K]; ratio may be null.
template <class T>
Status accumulate_log_weights(LogWeights* sums, const T* ratio, const T* nll, int Q, int K, Stream stream);

}  // namespace warpvae

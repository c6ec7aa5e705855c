// A diagonal Gaussian given by mean and log-deviation, its reparameterised sample, and its divergence from a diagonal
// Gaussian prior, whose mean and log-deviation may be parameters too (Vive, eq. 6 and 7, where tau and sigma are
// standard deviations):
//
//   sigma = max(e^s, 1e-6), or e^max(s, 1e-6) as the paper literally has it;   z = mu + sigma epsilon
//   kl    = sum_j log tau - log sigma + ((mu - nu)^2 + sigma^2) / (2 tau^2) - 1/2
//   dz/dmu = 1, dz/ds = sigma epsilon = z - mu,   dkl/dmu = (mu - nu) / tau^2,   dkl/ds = sigma^2 / tau^2 - 1
//   dkl/dnu = -(mu - nu) / tau^2,   dkl/dlog tau = 1 - ((mu - nu)^2 + sigma^2) / tau^2
//
// kl is summed as (mu - nu)^2 / (2 tau^2) + 1/2 (e^x - 1 - x), x = 2 (log sigma - log tau): no term is below 0. Where
// the bound on sigma is active, the gradient by s is 0. moments [R, N, 2Z]: mu, then s; z [R, N, Z]; kl [R, N].
//
// Contract: block any. Forward: one block per four rows, which share a Philox block; backward: one per row; the
// prior's gradient: one per latent. Reads and writes about 20 bytes a latent. Deterministic.
#pragma once
#include "cuda/device/reduce.cuh"
#include "cuda/ops/latent.h"
#include "cuda/philox.cuh"

namespace warpvae {

inline constexpr double kSmallestDeviation = 1e-6;
/// Blocks (x) of four rows for each replica (y): gaussian_sample_forward and gaussian_prior_sample.
constexpr int sample_blocks(int N) { return (N + 3) / 4; }

template <class T>
struct Deviation {
    T sigma, log_sigma;
    bool bounded;  ///< the bound is active: nothing changes with s
};
template <class T>
__device__ inline Deviation<T> deviation_of(T s, DeviationBound bound) {
    if (bound == DeviationBound::kLogarithm) {
        const bool bounded = s < T(kSmallestDeviation);
        const T kept = bounded ? T(kSmallestDeviation) : s;
        return {exp_(kept), kept, bounded};
    }
    const T least = T(-13.815510557964274);  // log 1e-6
    const bool bounded = s < least;
    const T kept = bounded ? least : s;
    return {exp_(kept), kept, bounded};
}

/// The deviation that s says in any of the conventions.
template <Spread spread, class T>
__device__ inline Deviation<T> deviation_from(T s) {
    if constexpr (spread == Spread::kLogVariance) return {exp_(T(0.5) * s), T(0.5) * s, false};
    if constexpr (spread == Spread::kVariance) return {sqrt_(s), T(0.5) * log_(s), false};
    return deviation_of(s, spread == Spread::kLogDeviation ? DeviationBound::kDeviation : DeviationBound::kLogarithm);
}

/// Entry j of replica r's prior.
template <class T>
struct PriorEntry {
    T mean, inverse_variance, log_deviation;
};
template <class T>
__device__ inline PriorEntry<T> prior_entry(const GaussianPrior<T>& prior, int r, int j) {
    const T mean = prior.mean ? prior.mean[r * prior.mean_stride + j] : T(0);
    const T log_tau = prior.log_deviation ? prior.log_deviation[r * prior.log_deviation_stride + j] : T(0);
    return {mean, exp_(T(-2) * log_tau), log_tau};
}

template <class T>
__global__ void gaussian_sample_forward_kernel(T* z, T* kl, const T* moments, GaussianPrior<T> prior,
                                               DeviationBound bound, LatentNoise noise, int N, int Z) {
    const int r = blockIdx.y, first = 4 * blockIdx.x;
    const int rows = N - first < 4 ? N - first : 4;
    const std::uint64_t step = noise.step ? *noise.step : 0;
    const std::size_t row0 = std::size_t(r) * N + first;
    const auto latents = block_stride(Z);
    for (int j : latents) {  // the noise first, in z's place: the loop after it vectorises
        Normal4 epsilon{};
        if (noise.seeds)
            epsilon = latent_noise(noise.seeds[r], noise.purpose, step, (noise.first_row + first) / 4, j, Z);
#pragma unroll
        for (int n = 0; n < 4; ++n)
            if (n < rows) z[(row0 + n) * Z + j] = T(epsilon.v[n]);
    }
    for (int n = 0; n < rows; ++n) {
        const T* mu = moments + (row0 + n) * 2 * Z;
        T* sample = z + (row0 + n) * Z;
        T divergence = T(0);
        WARPVAE_SIMD(reduction(+ : divergence))
        for (int j = latents.first; j < latents.last; j += latents.step) {
            const PriorEntry<T> p = prior_entry(prior, r, j);
            const Deviation<T> d = deviation_of(mu[Z + j], bound);
            const T off = mu[j] - p.mean;
            sample[j] = noise.seeds ? mu[j] + d.sigma * sample[j] : mu[j];
            divergence += T(0.5) * (p.inverse_variance * off * off +
                                    above_tangent_of_exp(T(2) * (d.log_sigma - p.log_deviation)));
        }
        divergence = block_sum(divergence);
        if (threadIdx.x == 0) kl[row0 + n] = divergence;
    }
}

template <class T>
__global__ void gaussian_sample_backward_kernel(T* dmoments, const T* dz, const T* z, const T* moments,
                                                GaussianPrior<T> prior, DeviationBound bound, T kl_weight, int Z) {
    const int r = blockIdx.y;
    const std::size_t row = std::size_t(r) * gridDim.x + blockIdx.x;
    const T* mu = moments + row * 2 * Z;
    T* out = dmoments + row * 2 * Z;
    for (int j : block_stride(Z)) {
        const PriorEntry<T> p = prior_entry(prior, r, j);
        const Deviation<T> d = deviation_of(mu[Z + j], bound);
        const T g = dz[row * Z + j];
        out[j] = g + kl_weight * p.inverse_variance * (mu[j] - p.mean);
        const T ds = g * (z[row * Z + j] - mu[j]) + kl_weight * (p.inverse_variance * d.sigma * d.sigma - T(1));
        out[Z + j] = d.bounded ? T(0) : ds;
    }
}

/// z = nu + tau epsilon: draws of the prior.
template <class T>
__global__ void gaussian_prior_sample_kernel(T* z, GaussianPrior<T> prior, LatentNoise noise, int N, int Z) {
    const int r = blockIdx.y, first = 4 * blockIdx.x;
    const int rows = N - first < 4 ? N - first : 4;
    const std::uint64_t step = noise.step ? *noise.step : 0;
    for (int j : block_stride(Z)) {
        const Normal4 epsilon = latent_noise(noise.seeds[r], noise.purpose, step, (noise.first_row + first) / 4, j, Z);
        const PriorEntry<T> p = prior_entry(prior, r, j);
        const T tau = exp_(p.log_deviation);
#pragma unroll
        for (int n = 0; n < 4; ++n)
            if (n < rows) z[(std::size_t(r) * N + first + n) * Z + j] = p.mean + tau * T(epsilon.v[n]);
    }
}

/// dmean[r, j], dlog_deviation[r, j] at stride P, either null: sums over the rows.
template <class T>
__global__ void gaussian_prior_backward_kernel(T* dmean, T* dlog_deviation, std::size_t P, const T* moments,
                                               GaussianPrior<T> prior, DeviationBound bound, T kl_weight, int N,
                                               int Z) {
    const int j = blockIdx.x, r = blockIdx.y;
    const PriorEntry<T> p = prior_entry(prior, r, j);
    T to_mean = T(0), to_deviation = T(0);
    for (int n : block_stride(N)) {
        const T* mu = moments + (std::size_t(r) * N + n) * 2 * Z;
        const Deviation<T> d = deviation_of(mu[Z + j], bound);
        const T off = mu[j] - p.mean;
        to_mean -= off * p.inverse_variance;
        to_deviation += T(1) - (off * off + d.sigma * d.sigma) * p.inverse_variance;
    }
    to_mean = block_sum(to_mean);
    to_deviation = block_sum(to_deviation);
    if (threadIdx.x != 0) return;
    if (dmean) dmean[r * P + j] = kl_weight * to_mean;
    if (dlog_deviation) dlog_deviation[r * P + j] = kl_weight * to_deviation;
}

/// ratio[r, n] += sum_j log prior(z_j) - log q(z_j): what an importance weight needs besides the likelihood.
template <Spread spread, class T>
__global__ void gaussian_log_ratio_kernel(T* ratio, const T* z, const T* moments, GaussianPrior<T> prior, int Z) {
    const int r = blockIdx.y;
    const std::size_t row = std::size_t(r) * gridDim.x + blockIdx.x;
    const T* mu = moments + row * 2 * Z;
    T total = T(0);
    for (int j : block_stride(Z)) {
        const PriorEntry<T> p = prior_entry(prior, r, j);
        const Deviation<T> d = deviation_from<spread>(mu[Z + j]);
        const T from_prior = z[row * Z + j] - p.mean, from_mu = (z[row * Z + j] - mu[j]) / d.sigma;
        total +=
            d.log_sigma - p.log_deviation + T(0.5) * (from_mu * from_mu - p.inverse_variance * from_prior * from_prior);
    }
    total = block_sum(total);
    if (threadIdx.x == 0) ratio[row] += total;
}

}  // namespace warpvae

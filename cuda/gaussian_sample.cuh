// A diagonal Gaussian posterior: its reparameterised sample (Kingma and Welling 2014, eq. 10), its divergence (gaussian
// KL, appendix B) from a diagonal Gaussian prior, whose mean and log-deviation may be parameters too, and their
// gradients (Vive, eq. 6 and 7, where tau and sigma are standard deviations). gaussian_moments.cuh says what sigma is.
//
//   z     = mu + sigma epsilon
//   kl    = sum_j log tau - log sigma + ((mu - nu)^2 + sigma^2) / (2 tau^2) - 1/2
//   dz/dmu = 1,   dz/dlog sigma = sigma epsilon = z - mu
//   dkl/dmu = (mu - nu) / tau^2,    dkl/dlog sigma = sigma^2 / tau^2 - 1
//   dkl/dnu = -(mu - nu) / tau^2,   dkl/dlog tau = 1 - ((mu - nu)^2 + sigma^2) / tau^2
//
// kl is summed as (mu - nu)^2 / (2 tau^2) + 1/2 (e^x - 1 - x), x = 2 (log sigma - log tau): no term is below 0. moments
// [R, N, 2Z]: mu, then s; z [R, N, Z]; kl [R, N].
//
// Contract: block any. Forward: one block per four rows, which share a Philox block; backward: one per row; the
// prior's gradient: one per latent. Reads and writes about 20 bytes a latent. Deterministic.
#pragma once
#include "cuda/device/reduce.cuh"
#include "cuda/gaussian_moments.cuh"
#include "cuda/philox.cuh"

namespace warpvae {

/// Blocks (x) of four rows for each replica (y): gaussian_sample_forward and gaussian_prior_sample.
constexpr int gaussian_sample_blocks(int N) { return (N + 3) / 4; }

/// Entry j of replica r's prior; `standard`: N(0, 1), known when compiling.
template <class T>
struct PriorEntry {
    T mean, inverse_variance, log_deviation;
};
template <bool standard = false, class T>
__device__ inline PriorEntry<T> prior_entry(const GaussianPrior<T>& prior, int r, int j) {
    if constexpr (standard) return {T(0), T(1), T(0)};
    const T mean = prior.mean ? prior.mean[r * prior.mean_stride + j] : T(0);
    const T log_tau = prior.log_deviation ? prior.log_deviation[r * prior.log_deviation_stride + j] : T(0);
    return {mean, exp_(T(-2) * log_tau), log_tau};
}

/// z = mu + sigma epsilon of one latent, mu itself where nothing is drawn. Returns its divergence from the prior p.
template <Spread spread, class T>
__device__ inline T draw_latent(T& z, T mu, T s, T epsilon, bool is_drawn, const PriorEntry<T>& p) {
    const Deviation<T> d = deviation_of<spread>(s);
    z = is_drawn ? mu + d.sigma * epsilon : mu;
    return divergence_of(mu - p.mean, d.log_sigma - p.log_deviation, p.inverse_variance);
}

template <Spread spread, bool standard, class T>
__global__ void gaussian_sample_forward_kernel(T* z, T* kl, const T* moments, GaussianPrior<T> prior, LatentNoise noise,
                                               int N, int Z) {
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
            divergence += draw_latent<spread>(sample[j], mu[j], mu[Z + j], sample[j], noise.seeds != nullptr,
                                              prior_entry<standard>(prior, r, j));
        }
        divergence = block_sum(divergence);
        if (kl && threadIdx.x == 0) kl[row0 + n] = divergence;
    }
}

/// dL/dmu and dL/ds of one latent from dL/dz = g, where L = f(z) + kl_weight kl.
template <Spread spread, class T>
__device__ inline void through_sample(T& dmu, T& ds, T g, T z, T mu, T s, const PriorEntry<T>& p, T kl_weight) {
    const T slope = log_sigma_slope<spread>(s);
    dmu = g + kl_weight * p.inverse_variance * (mu - p.mean);
    const T free = slope * g * (z - mu) + kl_weight * (slope * (times_variance<spread>(p.inverse_variance, s) - T(1)));
    ds = deviation_of<spread>(s).bounded ? T(0) : free;
}

template <Spread spread, bool standard, class T>
__global__ void gaussian_sample_backward_kernel(T* dmoments, const T* dz, const T* z, const T* moments,
                                                GaussianPrior<T> prior, KlWeight<T> kl_weight, const T* row_weights,
                                                int Z) {
    const int r = blockIdx.y;
    const std::size_t row = std::size_t(r) * gridDim.x + blockIdx.x;
    if (row_weights) kl_weight.of_all *= row_weights[row];
    const T* mu = moments + row * 2 * Z;
    T* out = dmoments + row * 2 * Z;
    const auto latents = block_stride(Z);
    WARPVAE_SIMD()
    for (int j = latents.first; j < latents.last; j += latents.step) {
        through_sample<spread>(out[j], out[Z + j], dz[row * Z + j], z[row * Z + j], mu[j], mu[Z + j],
                               prior_entry<standard>(prior, r, j), kl_weight.of(r, j, Z));
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
template <Spread spread, class T>
__global__ void gaussian_prior_backward_kernel(T* dmean, T* dlog_deviation, std::size_t P, const T* moments,
                                               GaussianPrior<T> prior, KlWeight<T> kl_weight, int N, int Z) {
    const int j = blockIdx.x, r = blockIdx.y;
    const PriorEntry<T> p = prior_entry(prior, r, j);
    T to_mean = T(0), to_deviation = T(0);
    for (int n : block_stride(N)) {
        const T* mu = moments + (std::size_t(r) * N + n) * 2 * Z;
        const T off = mu[j] - p.mean;
        to_mean -= off * p.inverse_variance;
        to_deviation += T(1) - (off * off + times_variance<spread>(T(1), mu[Z + j])) * p.inverse_variance;
    }
    to_mean = block_sum(to_mean);
    to_deviation = block_sum(to_deviation);
    if (threadIdx.x != 0) return;
    if (dmean) dmean[r * P + j] = kl_weight.of(r, j, Z) * to_mean;
    if (dlog_deviation) dlog_deviation[r * P + j] = kl_weight.of(r, j, Z) * to_deviation;
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
        const Deviation<T> d = deviation_of<spread>(mu[Z + j]);
        const T from_prior = z[row * Z + j] - p.mean, from_mu = (z[row * Z + j] - mu[j]) / d.sigma;
        total +=
            d.log_sigma - p.log_deviation + T(0.5) * (from_mu * from_mu - p.inverse_variance * from_prior * from_prior);
    }
    total = block_sum(total);
    if (threadIdx.x == 0) ratio[row] += total;
}

}  // namespace warpvae

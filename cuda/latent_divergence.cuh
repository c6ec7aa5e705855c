// The divergence kl_nj of each latent j of row n from its prior (gaussian_sample.cuh), and how much of it a training
// step counts: KL warm-up (Bowman et al. 2016; Sonderby et al. 2016) and free bits (Kingma et al. 2016, appendix C.8,
// with each latent a subset of its own).
//
//   mean_j   = sum_n w_n kl_nj / sum_n w_n                  over the step's rows; w_n = 1 unless rows have weights
//   factor_j = min(1, step / warmup_steps)                  where mean_j is above free_nats, else 0
//
// A loss in which latent j's divergence has this factor has the gradient of one in which it is warm-up times
// max(free_nats, mean_j): where a mean is below the threshold, nothing pushes it further down.
//
// moments [R, N, 2Z]; factors [R, Z].
//
// Contract: block any. kl_factors: one block per latent and replica, which reads its moments only where bits are free;
// counted_divergence: one block per row; accumulate_divergences gives a latent to a thread. Sums over rows in double
// and in a fixed order. Deterministic; a replica's bits depend on nothing beside it.
#pragma once
#include "cuda/gaussian_sample.cuh"

namespace warpvae {

/// The divergence of latent j of one row, whose moments are at mu.
template <Spread spread, class T>
__device__ inline T divergence_at(const T* mu, const PriorEntry<T>& p, int j, int Z) {
    const T log_sigma = deviation_of<spread>(mu[Z + j]).log_sigma;
    return divergence_of(mu[j] - p.mean, log_sigma - p.log_deviation, p.inverse_variance);
}

template <Spread spread, class T>
__global__ void kl_factors_kernel(T* factors, const T* moments, GaussianPrior<T> prior, KlSchedule schedule,
                                  const std::uint64_t* step, const T* row_weights, int N, int Z) {
    const int j = blockIdx.x, r = blockIdx.y;
    bool is_free = false;
    if (schedule.free_nats > 0) {
        const PriorEntry<T> p = prior_entry(prior, r, j);
        double sum = 0, weights = 0;
        for (int n : block_stride(N)) {
            const std::size_t row = std::size_t(r) * N + n;
            const double weight = row_weights ? double(row_weights[row]) : 1;
            sum += weight * double(divergence_at<spread>(moments + row * 2 * Z, p, j, Z));
            weights += weight;
        }
        sum = block_sum(sum);
        weights = block_sum(weights);
        is_free = sum <= schedule.free_nats * weights;  // false for NaN, which shows in the gradient
    }
    if (threadIdx.x != 0) return;
    const double done = schedule.warmup_steps > 0 ? double(step ? *step : 0) / schedule.warmup_steps : 1;
    factors[std::size_t(r) * Z + j] = is_free ? T(0) : T(done < 1 ? done : 1);
}

template <Spread spread, class T>
__global__ void counted_divergence_kernel(T* kl, const T* moments, GaussianPrior<T> prior, const T* factors, int Z) {
    const int r = blockIdx.y;
    const std::size_t row = std::size_t(r) * gridDim.x + blockIdx.x;
    T total = T(0);
    for (int j : block_stride(Z))
        total += factors[std::size_t(r) * Z + j] *
                 divergence_at<spread>(moments + row * 2 * Z, prior_entry(prior, r, j), j, Z);
    total = block_sum(total);
    if (threadIdx.x == 0) kl[row] = total;
}

template <Spread spread, class T>
__global__ void accumulate_divergences_kernel(double* sums, const T* moments, GaussianPrior<T> prior, int N, int Z) {
    const int r = blockIdx.y;
    for (int j : grid_stride(Z)) {
        const PriorEntry<T> p = prior_entry(prior, r, j);
        double sum = 0;
        for (int n = 0; n < N; ++n)
            sum += double(divergence_at<spread>(moments + (std::size_t(r) * N + n) * 2 * Z, p, j, Z));
        sums[std::size_t(r) * Z + j] += sum;
    }
}

}  // namespace warpvae

// Importance sampling of a marginal likelihood (Burda et al. 2016, eq. 8): with log weights w_k = ratio_k - nll_k,
//
//   log p(x) ~ log 1/K sum_k e^w_k,   ELBO ~ 1/K sum_k w_k,   effective sample size (sum e^w)^2 / sum e^2w
//
// The sums are in double, of e^(w - largest), where largest is the largest log weight so far. They can be continued:
// when a larger weight comes, the sums so far are multiplied by e^(largest - larger). The difference of two equal log
// weights is taken as 0 even where both are infinite. So an infinite nll is a weight of 0, and if all are infinite the
// mean weight is 0. A NaN weight gives NaN.
//
// ratio and nll [Q, K]; out [Q] of LogMeanExp, sums [Q] of LogWeights.
//
// Contract: one block per row q, block any. Reads 8 K bytes twice (from the cache the second time). Deterministic.
#pragma once
#include "cuda/device/reduce.cuh"
#include "cuda/ops/latent.h"

namespace warpvae {

/// e^(w - largest).
__device__ inline double relative_weight(double w, double largest) { return w == largest ? 1. : exp(w - largest); }

/// The sums of row blockIdx.x, in every thread of its block.
template <class T>
__device__ inline LogWeights log_weights_of_row(const T* ratio, const T* nll, int K) {
    const std::size_t row = std::size_t(blockIdx.x) * K;
    const auto weight = [&](int k) { return (ratio ? double(ratio[row + k]) : 0.) - double(nll[row + k]); };
    double largest = -INFINITY, total = 0, squares = 0, sum = 0;
    for (int k : block_stride(K)) {
        const double w = weight(k);
        largest = w > largest || w != w ? w : largest;
        sum += w;
    }
    largest = block_max(largest);
    for (int k : block_stride(K)) {
        const double e = relative_weight(weight(k), largest);
        total += e, squares += e * e;
    }
    total = block_sum(total);
    squares = block_sum(squares);
    return {double(K), largest, total, squares, block_sum(sum)};
}

/// The sums of both.
__device__ inline LogWeights joined(const LogWeights& a, const LogWeights& b) {
    if (a.count == 0 || b.count == 0) return b.count == 0 ? a : b;
    const double largest = a.largest > b.largest || a.largest != a.largest ? a.largest : b.largest;
    const double of_a = relative_weight(a.largest, largest), of_b = relative_weight(b.largest, largest);
    return {a.count + b.count, largest, of_a * a.total + of_b * b.total,
            of_a * of_a * a.squares + of_b * of_b * b.squares, a.sum + b.sum};
}

template <class T>
__global__ void log_mean_exp_kernel(LogMeanExp* out, const T* ratio, const T* nll, int K) {
    const LogWeights row = log_weights_of_row(ratio, nll, K);
    if (threadIdx.x == 0) out[blockIdx.x] = row.result();
}

template <class T>
__global__ void accumulate_log_weights_kernel(LogWeights* sums, const T* ratio, const T* nll, int K) {
    const LogWeights row = log_weights_of_row(ratio, nll, K);
    if (threadIdx.x == 0) sums[blockIdx.x] = joined(sums[blockIdx.x], row);
}

}  // namespace warpvae

// Importance sampling of a marginal likelihood (Burda et al. 2016, eq. 8): with log weights w_k = ratio_k - nll_k,
//
//   log p(x) ~ log 1/K sum_k e^w_k,   ELBO ~ 1/K sum_k w_k,   effective sample size (sum e^w)^2 / sum e^2w
//
// ratio and nll [Q, K]; out [Q] of LogMeanExp. Contract: one block per row q, block any; sums in double about the
// row's largest weight; reads 8 K bytes three times (cached). Deterministic. A NaN weight gives NaN; an infinite nll is
// a weight of 0.
#pragma once
#include "cuda/device/reduce.cuh"
#include "cuda/ops.h"

namespace warpvae {

template <class T>
__global__ void log_mean_exp_kernel(LogMeanExp* out, const T* ratio, const T* nll, int K) {
    const std::size_t q = blockIdx.x;
    const T* mine = nll + q * K;
    const T* plus = ratio ? ratio + q * K : nullptr;
    const auto weight = [&](int k) { return (plus ? double(plus[k]) : 0.) - double(mine[k]); };
    double largest = -INFINITY, sum = 0;
    for (int k : block_stride(K)) {
        const double w = weight(k);
        largest = w > largest || w != w ? w : largest;
        sum += w;
    }
    largest = block_max(largest);
    sum = block_sum(sum);
    double total = 0, squares = 0;
    for (int k : block_stride(K)) {
        const double e = exp(weight(k) - largest);
        total += e, squares += e * e;
    }
    total = block_sum(total);
    squares = block_sum(squares);
    if (threadIdx.x == 0) out[q] = {largest + log(total / K), sum / K, total * total / squares};
}

}  // namespace warpvae

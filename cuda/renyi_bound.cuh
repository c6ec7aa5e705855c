// Renyi's variational bound of order alpha from K log weights w_k = ratio_k - nll_k (Li and Turner 2016, eq. 9 and 12).
// With b = 1 - alpha, and the shift s that makes the largest of b (w_k - s) zero:
//
//   bound = s + 1/b log( 1/K sum_k e^(b (w_k - s)) ),   d(-bound)/dnll_k = softmax(b w)_k = -d(-bound)/dratio_k
//
//   alpha = 1        the mean of w; or, with kl, kl + mean of nll as the loss; equal weights
//   alpha = -+inf    the largest or the smallest w; of equal ones, the first k has all the weight
//
// Near alpha = 1 the mean is near 1, and its logarithm is divided by a small b. There log1p of the mean of expm1 keeps
// all digits, so the bound joins the mean of w smoothly.
//
// The difference of two equal log weights is taken as 0 even where both are infinite. So a draw with an infinite nll
// has no weight beside finite ones where b > 0, and all the weight where b < 0. Where every nll is infinite, so is the
// loss. A NaN gives a NaN loss.
//
// nll, ratio, weights [R, N, K]; loss, negative_elbo, kl [R, N]; alphas [R].
//
// Contract: one block per row, block any. Computes in double. Reads 8 K bytes four times (from the cache after the
// first), writes 4 K. Deterministic.
#pragma once
#include "cuda/device/dependent_launch.cuh"
#include "cuda/device/reduce.cuh"
#include "cuda/math.cuh"
#include "cuda/ops/renyi.h"

namespace warpvae {

template <class T>
__global__ void renyi_bound_kernel(RenyiBound<T> out, const T* nll, const T* ratio, const T* kl, RenyiOrders orders,
                                   int K) {
    wait_for_previous_launch();
    let_next_launch_begin();
    const int r = blockIdx.y;
    const std::size_t row = std::size_t(r) * gridDim.x + blockIdx.x, draws = row * K;
    const double b = 1 - orders.alphas[r], sign = b < 0 ? -1 : 1;
    const auto log_weight = [&](int k) { return double(ratio[draws + k]) - double(nll[draws + k]); };

    double shift = -INFINITY, sum = 0, nll_sum = 0;
    for (int k : block_stride(K)) {
        const double w = sign * log_weight(k);
        shift = w > shift || w != w ? w : shift;
        sum += log_weight(k);
        nll_sum += double(nll[draws + k]);
    }
    shift = sign * block_max(shift);
    sum = block_sum(sum);
    nll_sum = block_sum(nll_sum);

    int first = 0;  // for an infinite alpha: the first draw whose w is the shift, which has all the weight
    if (!is_finite(b)) {
        int from_end = 0;
        for (int k : block_stride(K))
            if (log_weight(k) == shift && K - k > from_end) from_end = K - k;
        first = K - block_max(from_end);
    }
    const auto exponent = [&](int k) {  // b (w - shift), at most 0
        if (!is_finite(b)) return k == first ? 0. : -INFINITY;
        const double w = log_weight(k);
        return b == 0 || w == shift ? 0. : b * (w - shift);
    };
    double total = 0, below = 0;
    for (int k : block_stride(K)) {
        const double x = exponent(k);
        total += exp(x);
        below += expm1(x);
    }
    total = block_sum(total);
    below = block_sum(below);

    if (out.weights)
        for (int k : block_stride(K)) out.weights[draws + k] = T(exp(exponent(k)) / total);
    if (threadIdx.x != 0) return;
    const double log_mean = 2 * below > -K ? log1p(below / K) : log(total / K);
    const double bound = b == 0 ? sum / K : shift + log_mean / b;
    const bool analytic = b == 0 && kl && orders.analytic_kl;
    if (out.loss) out.loss[row] = T(analytic ? double(kl[row]) + nll_sum / K : -bound);
    if (out.negative_elbo) out.negative_elbo[row] = T(-sum / K);
}

}  // namespace warpvae

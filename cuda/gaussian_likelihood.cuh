// The Gaussian negative log-likelihood of real-valued pixels (photographs, standardised or not), its gradient by the
// mean, and by the logarithm of a deviation that all pixels share, or those of one channel:
//
//   nll = sum_i (t - m)^2 / (2 s^2) + log s + log(2 pi) / 2,   dnll/dm = (m - t) / s^2,
//   dnll/dlog s = sum_i 1 - (t - m)^2 / s^2
//
// Images that a decoder makes exactly would draw s to 0 and their density to infinity: log s counts as -6 at least (as
// in Rybkin et al. 2021; s = 0.6 / 255). Below that only a pull upwards is a gradient, so that log s can come back.
//
// A row is `pixels` of C channels, the channel last. One deviation for all is the case of one channel.
//
// Contract: block any; no shared memory but the reductions'; deterministic. gaussian_likelihood_kernel: one block per
// row, which sums each channel's squares and adds the constants once at the end; reads 8 bytes a number and writes 4.
// gaussian_deviation_backward_kernel: one block per channel and replica, whose warps share the rows; reads 8 bytes a
// number.
#pragma once
#include "cuda/device/reduce.cuh"
#include "cuda/math.cuh"
#include "cuda/ops/loss.h"

namespace warpvae {

/// log s as it counts; a NaN stays one.
template <class T>
__device__ T bounded_log_deviation(T log_s) {
    return log_s < T(kLeastLogDeviation) ? T(kLeastLogDeviation) : log_s;
}

/// nll and dmean as in ops.h, either null. log_deviation [C] at stride P, or null: 0.
template <class T, bool kPerChannel>
__global__ void gaussian_likelihood_kernel(T* nll, T* dmean, const T* mean, const T* target, const T* log_deviation,
                                           std::size_t P, T scale, int pixels, int C, LossRows<T> rows) {
    constexpr T half_log_2_pi = T(0.9189385332046727);
    const int r = blockIdx.y, step = kPerChannel ? C : 1;
    const std::size_t row = std::size_t(r) * gridDim.x + blockIdx.x, D = std::size_t(pixels) * step;
    const T* m = mean + row * D;
    const T* t = target + rows.target_of(r, blockIdx.x, gridDim.x) * D;
    T* d = dmean ? dmean + row * D : nullptr;
    if (rows.weights) scale *= rows.weights[row];
    const auto share = block_stride(pixels);
    T total = T(0), constants = T(0);
    for (int c = 0; c < step; ++c) {
        const T log_s = log_deviation ? bounded_log_deviation(log_deviation[r * P + c]) : T(0);
        const T inverse_variance = exp_(T(-2) * log_s), weight = scale * inverse_variance;
        T squares = T(0);
        if (d) {
            WARPVAE_SIMD(reduction(+ : squares))
            for (int p = share.first; p < share.last; p += share.step) {
                const T off = m[p * step + c] - t[p * step + c];
                squares += off * off;
                d[p * step + c] = weight * off;
            }
        } else {
            WARPVAE_SIMD(reduction(+ : squares))
            for (int p = share.first; p < share.last; p += share.step) {
                const T off = m[p * step + c] - t[p * step + c];
                squares += off * off;
            }
        }
        total += T(0.5) * inverse_variance * squares;
        constants += T(pixels) * (log_s + half_log_2_pi);
    }
    if (!nll) return;
    total = block_sum(total);
    if (threadIdx.x == 0) nll[row] = total + constants;
}

/// dlog_deviation[r, c] at stride P; N rows. One block for each channel and replica.
template <class T, bool kPerChannel>
__global__ void gaussian_deviation_backward_kernel(T* dlog_deviation, const T* mean, const T* target,
                                                   const T* log_deviation, std::size_t P, T scale, int N, int pixels,
                                                   LossRows<T> rows) {
    const int c = blockIdx.x, r = blockIdx.y, step = kPerChannel ? gridDim.x : 1;
    const std::size_t first = std::size_t(r) * N, D = std::size_t(pixels) * step;
    const T log_s = log_deviation[r * P + c], inverse_variance = exp_(T(-2) * bounded_log_deviation(log_s));
    const auto share = warp_stride(pixels);
    T total = T(0);
    for (int n = warp_index(); n < N; n += warps_per_block()) {
        const T* m = mean + (first + n) * D + c;
        const T* t = target + rows.target_of(r, n, N) * D + c;
        T sum = T(0);
        WARPVAE_SIMD(reduction(+ : sum))
        for (int p = share.first; p < share.last; p += share.step) {
            const T off = m[p * step] - t[p * step];
            sum += T(1) - inverse_variance * off * off;
        }
        total += (rows.weights ? scale * rows.weights[first + n] : scale) * sum;  // no rows: 0, whatever the scale
    }
    total = block_sum(total);
    const bool held = log_s < T(kLeastLogDeviation) && total > T(0);
    if (threadIdx.x == 0) dlog_deviation[r * P + c] = held ? T(0) : total;
}

}  // namespace warpvae

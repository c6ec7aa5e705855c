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
// Of one deviation for all pixels the gradient needs no more than these sums: gaussian_deviation_of_rows_kernel, one
// block per replica, finds them where nll will be, and reads and writes 4 bytes a row. Of several deviations, and where
// no nll is wanted: gaussian_deviation_backward_kernel, one block per channel and replica, whose warps share the rows;
// it reads 8 bytes a number.
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

/// What `count` numbers of one deviation cost at least.
template <class T>
__device__ T gaussian_constants(int count, T log_s) {
    return T(count) * (log_s + T(0.9189385332046727));  // log(2 pi) / 2
}

/// nll and dmean as in ops.h, either null. log_deviation [C] at stride P, or null: 0. Without the constants nll is half
/// the sum of squares.
template <class T, bool kPerChannel>
__global__ void gaussian_likelihood_kernel(T* nll, T* dmean, const T* mean, const T* target, const T* log_deviation,
                                           std::size_t P, T scale, int pixels, int C, LossRows<T> rows,
                                           bool with_constants) {
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
        constants += gaussian_constants(pixels, log_s);
    }
    if (!nll) return;
    total = block_sum(total);
    if (threadIdx.x == 0) nll[row] = with_constants ? total + constants : total;
}

/// Of one deviation, below its bound too: nothing that pushes it further down.
template <class T>
__device__ T held_deviation_gradient(T log_s, T gradient) {
    return log_s < T(kLeastLogDeviation) && gradient > T(0) ? T(0) : gradient;
}

/// dlog_deviation[r] at stride P from half the sums of squares that nll [R, N] holds; then nll as it is meant to be. D
/// numbers a row. One block for each replica.
template <class T>
__global__ void gaussian_deviation_of_rows_kernel(T* dlog_deviation, T* nll, const T* log_deviation, std::size_t P,
                                                  T scale, int N, int D, const T* weights) {
    const std::size_t r = blockIdx.x, first = r * N;
    const T log_s = log_deviation[r * P], constants = gaussian_constants(D, bounded_log_deviation(log_s));
    T total = T(0);
    for (int n : block_stride(N)) {
        const T half_squares = nll[first + n];
        total += (weights ? scale * weights[first + n] : scale) * (T(D) - T(2) * half_squares);
        nll[first + n] = half_squares + constants;
    }
    total = block_sum(total);
    if (threadIdx.x == 0) dlog_deviation[r * P] = held_deviation_gradient(log_s, total);
}

/// dlog_deviation[r, c] at stride P; N rows. One block for each channel and replica.
template <class T, bool kPerChannel>
__global__ void __launch_bounds__(1024, 1)
    gaussian_deviation_backward_kernel(T* dlog_deviation, const T* mean, const T* target, const T* log_deviation,
                                       std::size_t P, T scale, int N, int pixels, LossRows<T> rows) {
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
    if (threadIdx.x == 0) dlog_deviation[r * P + c] = held_deviation_gradient(log_s, total);
}

}  // namespace warpvae

// What linear support vector machines need around their two matrix products (host/evaluate/linear_svm.h has the
// method). Replica r, class k and fit f make a problem. Its unknowns are theta [R, K, F, d + 1] in double, the bias
// last. It minimises
//
//   f(theta) = 1/2 |theta|^2 + C sum_i max(0, 1 - y_i (w x_i + b))^2,   y_i = 1 where labels[i] = k, else -1,
//
// over all rows for fit 0, and over the rows with folds[i] != f - 1 for fit f. Kernels work on the fits
// first..first+count-1. One product has all classes of a replica: fit f of class k is row k * count + (f - first) of
// "scores" and "sums".
//
// Contract: block any; deterministic (the atomics count); shared memory 1 KB at most, where rows are listed or counted.
// The sums read and write 4 bytes a score. A NaN score gives NaN sums.
#pragma once
#include "cuda/device/reduce.cuh"
#include "cuda/device/warp_rank.cuh"
#include "cuda/logistic_regression.cuh"
#include "cuda/ops/linear_models.h"

namespace warpvae {

/// weights [R, K count, d] and bias [R, K count] in float from theta [R, K, F, d + 1].
template <class T>
__global__ void svm_parameters_kernel(float* weights, float* bias, const T* theta, SvmFits fits, int R, int K, int d) {
    const int D = d + 1;
    for (std::size_t i : grid_stride(std::size_t(R) * K * fits.count * D)) {
        const std::size_t row = i / D, rk = row / fits.count;
        const int j = static_cast<int>(i % D);
        const T value = theta[(rk * fits.all + fits.first + row % fits.count) * D + j];
        if (j < d)
            weights[row * d + j] = float(value);
        else
            bias[row] = float(value);
    }
}

/// One block for each row of scores (x) and chunk (y): with the margin m = max(0, 1 - y (score + bias)), 0 for rows
/// that the fit leaves out, score := y m, loss_sums[chunk, row] = sum m^2, bias_sums[chunk, row] = sum y m.
template <class T>
__global__ void squared_hinge_kernel(double* loss_sums, double* bias_sums, T* scores, const T* bias,
                                     const std::uint8_t* labels, const std::uint8_t* folds, SvmFits fits, int rows) {
    const int p = static_cast<int>(blockIdx.x), P = static_cast<int>(gridDim.x);
    const std::size_t chunk = blockIdx.y;
    const int label = p / fits.count, left_out = fits.first + p % fits.count - 1;
    const T shift = bias[p];
    T* score = scores + (chunk * P + p) * rows;
    labels += chunk * rows;
    folds += chunk * rows;
    double loss = 0, sum = 0;
    const auto share = block_stride(rows);
    WARPVAE_SIMD(reduction(+ : loss, sum))
    for (int i = share.first; i < share.last; i += share.step) {
        const T y = labels[i] == label ? T(1) : T(-1);
        T m = T(1) - y * (score[i] + shift);
        m = m <= T(0) || folds[i] == left_out ? T(0) : m;
        score[i] = y * m;
        loss += double(m) * double(m);
        sum += double(y * m);
    }
    loss = block_sum(loss), sum = block_sum(sum);
    if (threadIdx.x == 0) {
        loss_sums[chunk * P + p] = loss;
        bias_sums[chunk * P + p] = sum;
    }
}

/// gradient of f from sums over chunks of rows, and f itself, its slope along `direction` and the gradient's size.
/// One block for each of the K count problems (x) of a replica (y).
template <class T>
__global__ void svm_objective_kernel(T* gradient, LbfgsScalars* scalars, const T* theta, const T* direction,
                                     SvmSums sums, const LbfgsControl* control, T C, SvmFits fits, int d) {
    const std::size_t p = blockIdx.x, P = gridDim.x, r = blockIdx.y;
    const std::size_t q = (r * P + p) / fits.count * fits.all + fits.first + p % fits.count;
    if (!control[q].active) return;
    const int D = d + 1;
    T penalty = T(0), slope = T(0), largest = T(0), loss = T(0);
    for (int j : block_stride(D)) {
        T sum = T(0);
        for (int c = 0; c < sums.chunks; ++c) {
            const std::size_t row = (r * sums.chunks + c) * P + p;
            sum += j < d ? T(sums.weights[row * d + j]) : T(sums.bias[row]);
        }
        const T at = theta[q * D + j];
        const T value = at - T(2) * C * sum, size = value < T(0) ? -value : value;
        gradient[q * D + j] = value;
        penalty += at * at;
        slope += value * direction[q * D + j];
        largest = (size > largest || size != size) ? size : largest;
    }
    for (int c : block_stride(sums.chunks)) loss += T(sums.loss[(r * sums.chunks + c) * P + p]);
    penalty = block_sum(penalty), slope = block_sum(slope), loss = block_sum(loss), largest = block_max(largest);
    if (threadIdx.x == 0) {
        scalars[q].objective = double(penalty / T(2) + C * loss);
        scalars[q].trial_slope = double(slope);
        scalars[q].gradient_size = double(largest);
    }
}

/// rows[k, 0..counts[k]-1] = the rows with a margin above 0 in class k, ascending. One block per class; each of its
/// warps takes a run of the n rows, counts those of its run, and lists them after those of the warps before it.
///   scores [chunks, K, chunk_rows], the last chunk [K, n % chunk_rows]; bias [K]; rows [K, n].
template <class T>
__global__ void __launch_bounds__(1024, 1)
    svm_active_rows_kernel(unsigned* rows, unsigned* counts, const T* scores, const T* bias, const std::uint8_t* labels,
                           unsigned n, unsigned chunk_rows) {
    __shared__ unsigned found[32];
    const std::size_t K = gridDim.x;
    const int k = static_cast<int>(blockIdx.x), warp = warp_index();
    const T shift = bias[k];
    const auto is_active = [&](unsigned i) {
        const unsigned first = i / chunk_rows * chunk_rows, length = n - first < chunk_rows ? n - first : chunk_rows;
        const T y = labels[i] == k ? T(1) : T(-1);
        return T(1) - y * (scores[first * K + std::size_t(k) * length + (i - first)] + shift) > T(0);
    };
    const auto share = [&](int w) { return static_cast<unsigned>(std::size_t(n) * w / warps_per_block()); };
    const unsigned first = share(warp), last = share(warp + 1);
    unsigned mine = 0;
    for (unsigned i : warp_stride(last - first)) mine += is_active(first + i);
    mine = warp_sum(mine);
    if (lane_index() == 0) found[warp] = mine;
    __syncthreads();
    unsigned* to = rows + std::size_t(k) * n;
    for (int before = 0; before < warp; ++before) to += found[before];
    const auto lanes = static_cast<unsigned>(lanes_per_warp());
    for (unsigned at = first; at < last; at += lanes) {
        const unsigned i = at + static_cast<unsigned>(lane_index());
        unsigned count = 0;
        const bool is_listed = i < last && is_active(i);
        const unsigned rank = warp_rank(is_listed, count);
        if (is_listed) to[rank] = i;
        to += count;
    }
    if (warp == warps_per_block() - 1 && lane_index() == 0) counts[k] = unsigned(to - (rows + std::size_t(k) * n));
}

/// out [problems, rows, d + 1] = (x, 1) of the rows listed for a problem, zeros past their end; of a list longer than
/// `rows` a sample, times sqrt(count / rows). A warp for each row; one grid row per problem (r, k).
template <class T>
__global__ void svm_gather_rows_kernel(T* out, const T* x, SvmActive active, SvmSamples samples, std::size_t n, int K,
                                       int d) {
    const std::size_t rk = samples.first + blockIdx.y, count = active.counts[rk], rows = samples.rows;
    const std::size_t taken = count < rows ? count : rows;
    const T factor = count > rows ? sqrt_(T(count) / T(rows)) : T(1);
    const unsigned* listed = active.rows + rk * n;
    x += rk / K * n * d;
    const std::size_t begin = std::size_t(blockIdx.x) * kSampledAtOnce,
                      end = rows - begin < kSampledAtOnce ? rows : begin + kSampledAtOnce;
    for (std::size_t i = begin + warp_index(); i < end; i += warps_per_block()) {
        T* to = out + (blockIdx.y * rows + i) * (d + 1);
        if (i < taken) {
            const T* from = x + std::size_t(listed[sample_row(i, taken, count)]) * d;
            for (int j : warp_stride(d)) to[j] = factor * from[j];
        } else {
            for (int j : warp_stride(d)) to[j] = T(0);
        }
        if (lane_index() == 0) to[d] = i < taken ? factor : T(0);
    }
}

/// correct[fold] += how many rows i with folds[i] = fold have their label's score largest (the first of equals) in fit
/// fold + 1; without folds correct[0] counts fit `first`. One grid row per chunk. scores [chunks, K count, rows], bias
/// [K count].
template <class T>
__global__ void svm_correct_kernel(unsigned* correct, const T* scores, const T* bias, const std::uint8_t* labels,
                                   const std::uint8_t* folds, SvmFits fits, int K, int rows) {
    __shared__ unsigned bins[256];
    for (int i : block_stride(256)) bins[i] = 0;
    __syncthreads();
    const T* score = scores + std::size_t(blockIdx.y) * K * fits.count * rows;
    for (int i : grid_stride(rows)) {
        const std::size_t row = std::size_t(blockIdx.y) * rows + i;
        const int fold = folds ? folds[row] : 0, fit = folds ? fold + 1 - fits.first : 0;
        int best = 0;
        T largest = T(-INFINITY);
        for (int k = 0; k < K; ++k) {
            const int p = k * fits.count + fit;
            const T value = score[std::size_t(p) * rows + i] + bias[p];
            if (value > largest) largest = value, best = k;
        }
        if (best == labels[row]) atomicAdd(&bins[fold], 1u);
    }
    __syncthreads();
    for (int i : block_stride(256))
        if (bins[i]) atomicAdd(&correct[i], bins[i]);
}

}  // namespace warpvae

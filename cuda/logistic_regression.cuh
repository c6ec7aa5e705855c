// What multinomial logistic regression needs around its two matrix products (host/evaluate/logistic_regression.h has
// the method). Its unknowns are theta [Q, K, d + 1] in double, the intercept last. A class that no row has is left out:
// its probability is 0 and its unknowns stay 0.
//
//   F(theta) = 1/n sum_i -log softmax(W x_i + b)[y_i] + lambda / 2 ||W||^2
//
// F does not change when the same number is added to all intercepts, and its optimum has sum_k W_k = 0; so every
// gradient and direction is kept in the space where the sum over classes is 0 (centre_classes).
//
// Contract: block any; deterministic (the atomics count and take minima of integers); no shared memory but the
// reductions', 256 counters of labels and, of logistic_curvature, 256 K bytes. Kernels read their arrays once or twice.
#pragma once
#include "cuda/device/reduce.cuh"
#include "cuda/device/shared.cuh"
#include "cuda/math.cuh"
#include "cuda/ops/linear_models.h"

namespace warpvae {

/// counts[q, label] += 1 over the rows. One grid row per problem.
template <class Count>
__global__ void label_counts_kernel(Count* counts, const std::uint8_t* const* labels, std::size_t n) {
    __shared__ Count bins[256];
    for (int i : block_stride(256)) bins[i] = 0;
    __syncthreads();
    for (std::size_t i : grid_stride(n)) atomicAdd(&bins[labels[blockIdx.y][i]], Count(1));
    __syncthreads();
    for (int i : block_stride(256))
        if (bins[i]) atomicAdd(&counts[blockIdx.y * 256 + i], bins[i]);
}

/// first[q] = min(first[q], the lowest index of an element of x [Q, n] that is not finite).
template <class T>
__global__ void first_non_finite_kernel(unsigned long long* first, const T* x, std::size_t n) {
    const T* values = x + blockIdx.y * n;
    const auto share = grid_stride(n);
    T sum = T(0);  // NaN if any value is not finite, so the common case needs one vectorised pass
    WARPVAE_SIMD(reduction(+ : sum))
    for (std::size_t i = share.first; i < share.last; i += share.step) sum += values[i] - values[i];
    if (sum == T(0)) return;
    for (std::size_t i : share)
        if (!is_finite(values[i])) {
            atomicMin(&first[blockIdx.y], static_cast<unsigned long long>(i));
            break;
        }
}

/// weights [Q, K, d] and bias [Q, K] in float from theta; -infinity is the bias of a class without rows.
template <class T>
__global__ void logistic_parameters_kernel(float* weights, float* bias, const T* theta, const unsigned* counts, int K,
                                           int d) {
    const std::size_t q = blockIdx.y;
    for (int i : grid_stride(K * (d + 1))) {
        const int k = i / (d + 1), j = i % (d + 1);
        const T value = theta[q * K * (d + 1) + i];
        if (j < d)
            weights[(q * K + k) * d + j] = float(value);
        else
            bias[q * K + k] = counts[q * 256 + k] ? float(value) : -INFINITY;
    }
}

/// Takes the mean over the classes that have rows from column j of x [K, D], and 0 for the others.
template <class T>
__device__ inline void centre_column(T* x, const unsigned* counts, int j, int K, int D) {
    T sum = T(0);
    int present = 0;
    for (int k = 0; k < K; ++k)
        if (counts[k]) sum += x[std::size_t(k) * D + j], ++present;
    for (int k = 0; k < K; ++k) {
        T& value = x[std::size_t(k) * D + j];
        value = counts[k] ? value - sum / T(present) : T(0);
    }
}

/// x [Q, K, D] -= its mean over classes.
template <class T>
__global__ void centre_classes_kernel(T* x, const unsigned* counts, int K, int D) {
    for (int j : grid_stride(D)) centre_column(x + blockIdx.y * std::size_t(K) * D, counts + blockIdx.y * 256, j, K, D);
}

/// gradient of F from sums over chunks of rows, and F itself, its slope along `direction` and the gradient's size.
template <class T>
__global__ void logistic_objective_kernel(T* gradient, LbfgsScalars* scalars, const T* theta, const T* direction,
                                          LogisticSums sums, const unsigned* counts, const LbfgsControl* control,
                                          T lambda, std::size_t n, int K, int d) {
    const std::size_t q = blockIdx.x;
    if (!control[q].active) return;
    const int D = d + 1;
    const std::size_t P = std::size_t(K) * D;
    T* g = gradient + q * P;
    const T* t = theta + q * P;
    T penalty = T(0), slope = T(0), largest = T(0), loss = T(0);
    for (int i : block_stride(K * D)) {
        const int k = i / D, j = i % D;
        const float* sum =
            j < d ? sums.weights + (q * sums.chunks * K + k) * d + j : sums.bias + q * sums.chunks * K + k;
        const std::size_t step = std::size_t(K) * (j < d ? d : 1);
        T total = T(0);
#pragma unroll 8
        for (int c = 0; c < sums.chunks; ++c) total += T(sum[c * step]);
        if (j < d) penalty += t[i] * t[i];
        g[i] = total / T(n) + (j < d ? lambda * t[i] : T(0));
    }
    __syncthreads();
    for (int j : block_stride(D)) {
        centre_column(g, counts + q * 256, j, K, D);
        for (int k = 0; k < K; ++k) {
            const T value = g[k * D + j], size = value < T(0) ? -value : value;
            slope += value * direction[q * P + k * D + j];
            largest = (size > largest || size != size) ? size : largest;
        }
    }
    for (int c : block_stride(sums.chunks)) loss += T(sums.loss[q * sums.chunks + c]);
    penalty = block_sum(penalty), slope = block_sum(slope), loss = block_sum(loss), largest = block_max(largest);
    if (threadIdx.x == 0) {
        scalars[q].objective = double(loss / T(n) + lambda / T(2) * penalty);
        scalars[q].trial_slope = double(slope);
        scalars[q].gradient_size = double(largest);
    }
}

inline constexpr int kSampledAtOnce = 64;  ///< rows that one block gathers or scales
constexpr int sampled_row_blocks(int rows) { return (rows + kSampledAtOnce - 1) / kSampledAtOnce; }
/// Row of a sample that has no period: all rows if they are few, else a golden ratio sequence over them.
__device__ inline std::size_t sample_row(std::size_t i, std::size_t samples, std::size_t n) {
    if (samples == n) return i;
    const std::uint32_t fraction = static_cast<std::uint32_t>((i * 0x9E3779B97F4A7C15ull) >> 32);
    return static_cast<std::size_t>((std::uint64_t(fraction) * n) >> 32);
}

/// rows [Q, count, d] = the sample's rows first..first+count-1 of x [Q, n, d]. A warp for each row; one grid row per
/// problem.
template <class T>
__global__ void sample_rows_kernel(T* rows, const T* x, std::size_t first, std::size_t samples, int count, int d,
                                   std::size_t n) {
    const std::size_t q = blockIdx.y;
    const int begin = blockIdx.x * kSampledAtOnce,
              end = count - begin < kSampledAtOnce ? count : begin + kSampledAtOnce;
    for (int i = begin + warp_index(); i < end; i += warps_per_block()) {
        const T* from = x + (q * n + sample_row(first + i, samples, n)) * d;
        T* to = rows + (q * count + i) * d;
        for (int j : warp_stride(d)) to[j] = from[j];
    }
}

/// scaled[q, k, i, :] = sqrt(f p_ik (1 - p_ik)) (x_i, 1), whose Gram matrix is class k's block of the Hessian of the
/// loss, times f; p is the softmax of logits [Q, K, rows] + bias [Q, K]. f = K' / (K' - 1) for the K' classes that have
/// rows. One block for kSampledAtOnce rows (x) of a problem (y): first their K roots, then, a warp for each, the rows.
template <class T>
__global__ void logistic_curvature_kernel(T* scaled, const T* logits, const T* bias, const T* x, const unsigned* counts,
                                          int rows, int K, int d) {
    const std::size_t q = blockIdx.y;
    const int first = blockIdx.x * kSampledAtOnce, left = rows - first;
    const int count = left < kSampledAtOnce ? left : kSampledAtOnce;
    logits += q * K * rows + first, bias += q * K, x += (q * rows + first) * d, counts += q * 256;
    T* const roots = dynamic_shared<T>();  // [K, count]
    int present = 0;
    for (int k = 0; k < K; ++k) present += counts[k] != 0;
    const T factor = present > 1 ? T(present) / T(present - 1) : T(1);
    for (int i : block_stride(count)) {
        T largest = T(-INFINITY), total = T(0);
        for (int k = 0; k < K; ++k) {
            const T value = logits[std::size_t(k) * rows + i] + bias[k];
            largest = value > largest ? value : largest;
        }
        for (int k = 0; k < K; ++k) total += exp_(logits[std::size_t(k) * rows + i] + bias[k] - largest);
        for (int k = 0; k < K; ++k) {
            const T p = exp_(logits[std::size_t(k) * rows + i] + bias[k] - largest) / total;
            roots[k * count + i] = sqrt_(p < T(1) ? factor * p * (T(1) - p) : T(0));
        }
    }
    __syncthreads();
    for (int line = warp_index(); line < K * count; line += warps_per_block()) {
        const int k = line / count, i = line % count;
        const T root = roots[line];
        const T* from = x + std::size_t(i) * d;
        T* out = scaled + ((q * K + k) * rows + first + i) * (d + 1);
        const auto share = warp_stride(d);
        WARPVAE_SIMD()
        for (int j = share.first; j < share.last; j += share.step) out[j] = root * from[j];
        if (lane_index() == 0) out[d] = root;
    }
}

/// curvature [K, D, D] += scale * gram, from 0 where is_first. Where is_last the diagonal grows by lambda (by 1 / n for
/// the intercept) and by a millionth of itself, which keeps it positive definite in spite of gram's rounding.
template <class T>
__global__ void accumulate_curvature_kernel(T* curvature, const float* gram, T scale, T lambda, T intercept_ridge,
                                            bool is_first, bool is_last, int K, int D) {
    for (int i : grid_stride(K * D * D)) {
        T value = (is_first ? T(0) : curvature[i]) + scale * T(gram[i]);
        const int column = i % D, row = i / D % D;
        if (is_last && row == column) value = value * T(1.000001) + (row < D - 1 ? lambda : intercept_ridge);
        curvature[i] = value;
    }
}

}  // namespace warpvae

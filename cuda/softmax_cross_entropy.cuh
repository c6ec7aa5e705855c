// Multinomial cross-entropy with its gradient: a softmax over K classes that cannot overflow.
//
//   x_k = logits_k + bias_k,   loss = log sum_k exp(x_k - max x) + max x - x_label,
//   dloss/dlogits_k = softmax(x)_k - [k = label]
//
// Logits have one of two orders in memory. A dense layer writes [R, N, K]. Logistic regression uses [R, K, N], classes
// first: there neighbouring threads (GPU) and vector lanes (CPU) read neighbouring rows, and the product with the
// features needs no transposition.
//
// Contract: block any; no shared memory; deterministic. Reads each logit twice and writes dlogits twice (16 bytes per
// element in float, half of them from cache).
#pragma once
#include "cuda/math.cuh"
#include "cuda/ops/loss.h"

namespace warpvae {

// Rows that a thread takes at once: a vector's worth and more on the CPU, one on a GPU.
#ifdef __CUDACC__
inline constexpr int kSoftmaxTile = 1;
#else
inline constexpr int kSoftmaxTile = 64;
#endif
inline constexpr int kSoftmaxRowsPerBlock = 256;
/// Blocks (x) for each replica (y).
constexpr int softmax_blocks(int N) { return (N + kSoftmaxRowsPerBlock - 1) / kSoftmaxRowsPerBlock; }

/// Any output may be null, and so may bias and labels (without labels only `predicted` is written). A label of K or
/// more gives a NaN loss. dlogits may be logits.
template <class T, bool kClassesFirst>
__global__ void softmax_cross_entropy_kernel(CrossEntropy<T> to, const T* logits, const T* bias, std::size_t P,
                                             LabelRows of, T scale, int N, int K) {
    constexpr int kTile = kSoftmaxTile;
    const std::size_t r = blockIdx.y;
    const std::size_t row_step = kClassesFirst ? 1 : K, class_step = kClassesFirst ? N : 1;
    const T* b = bias ? bias + r * P : nullptr;
    const std::uint8_t* label_of_row = of.labels ? of.labels[r] + of.first : nullptr;

    for (int tile : grid_stride((N + kTile - 1) / kTile)) {
        const int n0 = tile * kTile, rows = N - n0 < kTile ? N - n0 : kTile;
        const T* x = logits + r * N * K + n0 * row_step;

        T largest[kTile], total[kTile], at_label[kTile];
        int best[kTile], label[kTile];
        for (int l = 0; l < rows; ++l) {
            label[l] = label_of_row ? label_of_row[n0 + l] : K;
            at_label[l] = label[l] < K ? x[l * row_step + label[l] * class_step] + (b ? b[label[l]] : T(0)) : T(NAN);
            largest[l] = T(-INFINITY), best[l] = 0, total[l] = T(0);
        }
        for (int k = 0; k < K; ++k) {
            const T shift = b ? b[k] : T(0);
            const T* column = x + k * class_step;
            WARPVAE_SIMD()
            for (int l = 0; l < rows; ++l) {
                const T value = column[l * row_step] + shift;
                best[l] = value > largest[l] ? k : best[l];  // the lowest of equals
                largest[l] = value > largest[l] ? value : largest[l];
            }
        }
        if (to.predicted)
            for (int l = 0; l < rows; ++l) to.predicted[r * N + n0 + l] = static_cast<std::uint8_t>(best[l]);
        if (!label_of_row) continue;

        T* d = to.dlogits ? to.dlogits + r * N * K + n0 * row_step : nullptr;
        for (int k = 0; k < K; ++k) {
            const T shift = b ? b[k] : T(0);
            const T* column = x + k * class_step;
            if (d) {
                T* out = d + k * class_step;
                WARPVAE_SIMD()
                for (int l = 0; l < rows; ++l) {
                    const T e = exp_(column[l * row_step] + shift - largest[l]);
                    total[l] += e;
                    out[l * row_step] = e;
                }
            } else {
                WARPVAE_SIMD()
                for (int l = 0; l < rows; ++l) total[l] += exp_(column[l * row_step] + shift - largest[l]);
            }
        }
        if (to.loss) {
            T* out = to.loss + r * N + n0;
            WARPVAE_SIMD()
            for (int l = 0; l < rows; ++l) out[l] = log_(total[l]) + (largest[l] - at_label[l]);
        }
        if (!d) continue;
        WARPVAE_SIMD()
        for (int l = 0; l < rows; ++l) total[l] = scale / total[l];
        for (int k = 0; k < K; ++k) {
            T* out = d + k * class_step;
            WARPVAE_SIMD()
            for (int l = 0; l < rows; ++l)
                out[l * row_step] = out[l * row_step] * total[l] - (label[l] == k ? scale : T(0));
        }
    }
}

}  // namespace warpvae

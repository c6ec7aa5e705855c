// Multinomial cross-entropy with its gradient: a softmax over K classes that cannot overflow.
//
//   x_k = logits_k + bias_k,   loss = log sum_k exp(x_k - max x) + max x - x_label,
//   dloss/dlogits_k = softmax(x)_k - [k = label]
//
// Logits have one of two orders in memory. A dense layer writes [R, N, K]. Logistic regression uses [R, K, N], classes
// first: there neighbouring threads (GPU) and vector lanes (CPU) read neighbouring rows, and the product with the
// features needs no transposition. Of [R, N, K] a block brings its rows into shared memory first, and takes them back
// from there, so that neighbouring threads move neighbouring numbers; each then has a row of its own.
//
// Contract: block any; deterministic; dynamic shared memory of staged_softmax_bytes where K is at most 32 and comes
// last. Reads each logit twice and writes dlogits twice (16 bytes per element in float, half of them from cache or
// shared memory).
#pragma once
#include "cuda/device/shared.cuh"
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

/// From row to row of a block's logits in shared memory: odd, so that threads next to each other meet in no bank.
constexpr int staged_softmax_pitch(int K) { return K | 1; }
/// Whether a block brings its rows into shared memory, and how much it needs for them.
constexpr bool softmax_is_staged(ClassAxis axis, int K) { return axis == ClassAxis::kLast && K <= 32; }
template <class T>
constexpr std::size_t staged_softmax_bytes(int K) {
    return sizeof(T) * kSoftmaxRowsPerBlock * staged_softmax_pitch(K);
}

/// Logits of `rows` rows, at most kSoftmaxTile, and where their gradient goes (may be the same, or null), in steps from
/// row to row and from class to class.
template <class T>
struct LogitTile {
    const T* x;
    T* d;
    std::size_t row_step, class_step;
    int rows;
};

/// `row`: the first of the tile's, of all R N.
template <class T>
__device__ void softmax_tile(const CrossEntropy<T>& to, const LogitTile<T>& tile, const T* b,
                             const std::uint8_t* labels, T scale, std::size_t row, int K) {
    constexpr int kTile = kSoftmaxTile;
    const int rows = tile.rows;
    const std::size_t row_step = tile.row_step, class_step = tile.class_step;
    const T* x = tile.x;
    T largest[kTile], total[kTile], at_label[kTile];
    int best[kTile], label[kTile];
    for (int l = 0; l < rows; ++l) {
        label[l] = labels ? labels[l] : K;
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
        for (int l = 0; l < rows; ++l) to.predicted[row + l] = static_cast<std::uint8_t>(best[l]);
    if (!labels) return;

    for (int k = 0; k < K; ++k) {
        const T shift = b ? b[k] : T(0);
        const T* column = x + k * class_step;
        if (tile.d) {
            T* out = tile.d + k * class_step;
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
        T* out = to.loss + row;
        WARPVAE_SIMD()
        for (int l = 0; l < rows; ++l) out[l] = log_(total[l]) + (largest[l] - at_label[l]);
    }
    if (!tile.d) return;
    WARPVAE_SIMD()
    for (int l = 0; l < rows; ++l) total[l] = scale / total[l];
    for (int k = 0; k < K; ++k) {
        T* out = tile.d + k * class_step;
        WARPVAE_SIMD()
        for (int l = 0; l < rows; ++l)
            out[l * row_step] = out[l * row_step] * total[l] - (label[l] == k ? scale : T(0));
    }
}

/// Any output may be null, and so may bias and labels (without labels only `predicted` is written). A label of K or
/// more gives a NaN loss. dlogits may be logits.
template <class T, bool kClassesFirst>
__global__ void softmax_cross_entropy_kernel(CrossEntropy<T> to, const T* logits, const T* bias, std::size_t P,
                                             LabelRows of, T scale, int N, int K) {
    const std::size_t r = blockIdx.y, first = r * N;
    const std::size_t row_step = kClassesFirst ? 1 : K, class_step = kClassesFirst ? N : 1;
    const T* b = bias ? bias + r * P : nullptr;
    const std::uint8_t* labels = of.labels ? of.labels[r] + of.first : nullptr;
    for (int tile : grid_stride((N + kSoftmaxTile - 1) / kSoftmaxTile)) {
        const int n0 = tile * kSoftmaxTile, rows = N - n0 < kSoftmaxTile ? N - n0 : kSoftmaxTile;
        const std::size_t at = first * K + n0 * row_step;
        softmax_tile<T>(to, {logits + at, to.dlogits ? to.dlogits + at : nullptr, row_step, class_step, rows}, b,
                        labels ? labels + n0 : nullptr, scale, first + n0, K);
    }
}

/// The same of logits [R, N, K], by way of shared memory.
template <class T>
__global__ void staged_softmax_cross_entropy_kernel(CrossEntropy<T> to, const T* logits, const T* bias, std::size_t P,
                                                    LabelRows of, T scale, int N, int K) {
    const std::size_t r = blockIdx.y, first = r * N;
    const int begin = blockIdx.x * kSoftmaxRowsPerBlock, left = N - begin, pitch = staged_softmax_pitch(K);
    const int rows = left < kSoftmaxRowsPerBlock ? left : kSoftmaxRowsPerBlock;
    const T* b = bias ? bias + r * P : nullptr;
    const std::uint8_t* labels = of.labels ? of.labels[r] + of.first + begin : nullptr;
    T* const staged = dynamic_shared<T>();
    const T* from = logits + (first + begin) * K;
    for (int e : block_stride(rows * K)) staged[e / K * pitch + e % K] = from[e];
    __syncthreads();
    for (int tile : block_stride((rows + kSoftmaxTile - 1) / kSoftmaxTile)) {
        const int n0 = tile * kSoftmaxTile, count = rows - n0 < kSoftmaxTile ? rows - n0 : kSoftmaxTile;
        T* const x = staged + n0 * pitch;
        softmax_tile<T>(to, {x, to.dlogits ? x : nullptr, std::size_t(pitch), 1, count}, b,
                        labels ? labels + n0 : nullptr, scale, first + begin + n0, K);
    }
    if (!to.dlogits || !labels) return;
    __syncthreads();
    T* out = to.dlogits + (first + begin) * K;
    for (int e : block_stride(rows * K)) out[e] = staged[e / K * pitch + e % K];
}

}  // namespace warpvae

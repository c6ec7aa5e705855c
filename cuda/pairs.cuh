// Images beside the sets of images that stand for their classes (Feige 2019, eq. 2 and 14): one row of a decoder's or
// posterior's input for each pair, its gradient, and the mean that makes a set one vector. The rows of each array are
// pairs, images or sets (ops/pairs.h). The pairs that a row is part of are an arithmetic progression:
//
//   row                          the pairs that it is part of
//   pair p                       p
//   unlabelled image u           u K + k, k < K
//   labelled image l             U K + l
//   set of class k               u K + k, u < U
//   set of labelled image l      U K + l
//
// So a sum over an arithmetic progression of rows is the backward of all three kinds, and the mean of a set too.
//
// Contract: one block per row written, block any; neighbouring threads (GPU) and vector lanes (CPU) take neighbouring
// columns, each summing its rows in their order. No shared memory; deterministic. Forward: 8 bytes per element;
// backward: 4 for each element of dy and 8 for each written.
#pragma once
#include "cuda/device/loops.cuh"
#include "cuda/ops/pairs.h"

namespace warpvae {

/// Rows first, first + step, ..., `count` of them.
struct RowRange {
    int first, step, count;
};
__device__ inline RowRange pairs_of(PairRows rows, int row, const PairShape& shape) {
    const int U = shape.unlabelled, K = shape.classes;
    if (rows == PairRows::kPairs) return {row, 1, 1};
    if (rows == PairRows::kImages) return row < U ? RowRange{row * K, 1, K} : RowRange{U * K + row - U, 1, 1};
    if (U == 0) return {row, 1, 1};
    return row < K ? RowRange{row, K, U} : RowRange{U * K + row - K, 1, 1};
}
__device__ inline int row_of_pair(PairRows rows, int pair, const PairShape& shape) {
    return rows == PairRows::kPairs ? pair : rows == PairRows::kImages ? shape.image_of(pair) : shape.set_of(pair);
}
constexpr int row_count(PairRows rows, const PairShape& shape) {
    return rows == PairRows::kPairs ? shape.pairs() : rows == PairRows::kImages ? shape.images() : shape.sets();
}

/// y[:] = x[:], shared by the block.
template <class T>
__device__ inline void copy_row(T* y, const T* x, int D) {
    const auto columns = block_stride(D);
    WARPVAE_SIMD()
    for (int c = columns.first; c < columns.last; c += columns.step) y[c] = x[c];
}

// Columns that a thread sums at once: some vectors' worth on the CPU, one on a GPU.
#ifdef __CUDACC__
inline constexpr int kSumTile = 1;
#else
inline constexpr int kSumTile = 64;
#endif

/// y[:] = finish(column, sum over `rows` of x[row, :]), rows of x `stride` apart; shared by the block.
template <class T, class Finish>
__device__ inline void sum_rows(T* y, const T* x, std::size_t stride, RowRange rows, int D, Finish finish) {
    for (int tile : block_stride((D + kSumTile - 1) / kSumTile)) {
        const int first = tile * kSumTile, columns = D - first < kSumTile ? D - first : kSumTile;
        const T* row = x + rows.first * stride + first;
        T sum[kSumTile] = {};
        for (int i = 0; i < rows.count; ++i, row += rows.step * stride) {
            WARPVAE_SIMD()
            for (int c = 0; c < columns; ++c) sum[c] += row[c];
        }
        WARPVAE_SIMD()
        for (int c = 0; c < columns; ++c) y[first + c] = finish(first + c, sum[c]);
    }
}

/// One block per pair.
template <class T>
__global__ void concatenate_pairs_forward_kernel(T* y, PairPart<T> a, PairPart<T> b, PairShape shape) {
    const int pair = blockIdx.x, r = blockIdx.y;
    const std::size_t a_row = std::size_t(r) * row_count(a.rows, shape) + row_of_pair(a.rows, pair, shape);
    const std::size_t b_row = std::size_t(r) * row_count(b.rows, shape) + row_of_pair(b.rows, pair, shape);
    T* row = y + (std::size_t(r) * gridDim.x + pair) * (a.D + b.D);
    copy_row(row, a.values + a_row * a.D, a.D);
    copy_row(row + a.D, b.values + b_row * b.D, b.D);
}

/// One block per row of `part`, whose D columns lie in dy [R, pairs, width] at its first column.
template <class T>
__global__ void concatenate_pairs_backward_kernel(PairPartGradient<T> part, const T* dy, PairShape shape, int width) {
    const int row = blockIdx.x, r = blockIdx.y;
    const std::size_t at = (std::size_t(r) * gridDim.x + row) * part.D;
    const T* gradient = dy + std::size_t(r) * shape.pairs() * width;
    const RowRange pairs = pairs_of(part.rows, row, shape);
    T* dx = part.gradient + at;
    if (part.output) {
        const T* x = part.output + at;
        sum_rows(dx, gradient, width, pairs, part.D, [x](int c, T sum) { return x[c] > T(0) ? sum : T(0); });
    } else {
        sum_rows(dx, gradient, width, pairs, part.D, [](int, T sum) { return sum; });
    }
}

/// One block per set.
template <class T>
__global__ void set_mean_forward_kernel(T* y, const T* x, int m, int D) {
    const std::size_t set = blockIdx.x;
    sum_rows(y + set * D, x + set * m * D, D, {0, 1, m}, D, [m](int, T sum) { return sum / T(m); });
}

/// One block per element of a set.
template <class T>
__global__ void set_mean_backward_kernel(T* dx, const T* dy, const T* x, int m, int D) {
    const std::size_t row = blockIdx.x;
    T* to = dx + row * D;
    const T* from = dy + row / m * D;
    const auto columns = block_stride(D);
    if (x) {
        const T* output = x + row * D;
        WARPVAE_SIMD()
        for (int c = columns.first; c < columns.last; c += columns.step)
            to[c] = output[c] > T(0) ? from[c] / T(m) : T(0);
    } else {
        WARPVAE_SIMD()
        for (int c = columns.first; c < columns.last; c += columns.step) to[c] = from[c] / T(m);
    }
}

}  // namespace warpvae

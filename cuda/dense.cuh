// A dense layer, y = activation(x W^T + b), is a strided-batched matrix product (matmul, in ops.h) and three kernels of
// our own: bias and activation, the ReLU's mask, and the bias gradient. torch.nn.Linear's layout: W [out, in].
//
//   forward    y = max(0, x W^T + b)
//   backward   dW = dy^T x,   db = sum_n dy,   dx = (dy W) * (x > 0) where x came out of a ReLU
//
// Contract: block any; no shared memory; deterministic. Bytes per element: bias_activation reads and writes y (8),
// relu_backward reads dx and x and writes dx (12), column_sum reads y (4).
#pragma once
#include "cuda/device/loops.cuh"
#include "cuda/math.cuh"
#include "cuda/ops.h"

namespace warpvae {

/// One block per row: y[r, n, :] = activation(y[r, n, :] + b[r]).
template <class T>
__global__ void bias_activation_kernel(T* y, const T* b, std::size_t P, Activation activation, int out) {
    T* row = y + (std::size_t(blockIdx.y) * gridDim.x + blockIdx.x) * out;
    const T* bias = b + blockIdx.y * P;
    const auto columns = block_stride(out);
    if (activation == Activation::kRelu) {
        WARPVAE_SIMD()
        for (int c = columns.first; c < columns.last; c += columns.step) {
            const T value = row[c] + bias[c];
            row[c] = value < T(0) ? T(0) : value;  // NaN stays NaN
        }
    } else if (activation == Activation::kSigmoid) {
        WARPVAE_SIMD()
        for (int c = columns.first; c < columns.last; c += columns.step) row[c] = sigmoid_(row[c] + bias[c]);
    } else {
        WARPVAE_SIMD()
        for (int c = columns.first; c < columns.last; c += columns.step) row[c] += bias[c];
    }
}

/// dx *= (x > 0); a select, not a product: NaN in dx survives where x > 0 and not elsewhere, as in PyTorch.
template <class T>
__global__ void relu_backward_kernel(T* dx, const T* x, std::size_t n) {
    const auto elements = grid_stride(n);
    WARPVAE_SIMD()
    for (std::size_t i = elements.first; i < elements.last; i += elements.step) dx[i] = x[i] > T(0) ? dx[i] : T(0);
}

/// sums[r, c] = sum_n y[r, n, c], rows in their order. A thread owns a column (16 neighbours on the CPU device, which
/// reads whole cache lines that way).
#ifdef __CUDACC__
inline constexpr int kColumnTile = 1;
#else
inline constexpr int kColumnTile = 16;
#endif
template <class T>
__global__ void column_sum_kernel(T* sums, const T* y, std::size_t P, int N, int columns) {
    const T* Y = y + std::size_t(blockIdx.y) * N * columns;
    T* out = sums + blockIdx.y * P;
    for (int tile : grid_stride((columns + kColumnTile - 1) / kColumnTile)) {
        const int first = tile * kColumnTile;
        T total[kColumnTile] = {};
        if (first + kColumnTile <= columns) {
            for (int n = 0; n < N; ++n) {
                const T* row = Y + std::size_t(n) * columns + first;
                for (int c = 0; c < kColumnTile; ++c) total[c] += row[c];
            }
            for (int c = 0; c < kColumnTile; ++c) out[first + c] = total[c];
        } else {
            for (int c = first; c < columns; ++c) {
                T sum = T(0);
                for (int n = 0; n < N; ++n) sum += Y[std::size_t(n) * columns + c];
                out[c] = sum;
            }
        }
    }
}

}  // namespace warpvae

// A dense layer, y = activation(x W^T + b), as a strided-batched matrix product (matmul in ops/dense.h) and three
// kernels of our own: bias and activation, the activation's derivative, and the bias gradient. So it runs on the CPU
// device, in double, and at --math tf32 and bf16; floats at full precision take fused_dense.cuh on a GPU. W is [out,
// in], as in torch.nn.Linear.
//
//   forward    y = f(x W^T + b)
//   backward   dW = dy^T x,   db = sum_n dy,   dx = (dy W) * f', where f is the activation whose output is x
//
// With row weights w the last three are dy^T (w x), sum_n w dy and w (dy W) * f'. f and f' are in activation.cuh.
//
// Contract: block any; no shared memory; deterministic. Bytes per element: bias_activation reads and writes y (8),
// activation_backward reads dx and y and writes dx (12), weighted_backward writes weighted_x too (16), column_sum reads
// y (4).
#pragma once
#include "cuda/activation.cuh"
#include "cuda/device/loops.cuh"
#include "cuda/ops/dense.h"

namespace warpvae {

/// One block per row: y[r, n, :] = activation(y[r, n, :] + b[r]).
template <class T, class F>
__global__ void bias_activation_kernel(T* y, const T* b, std::size_t P, int out) {
    T* row = y + (std::size_t(blockIdx.y) * gridDim.x + blockIdx.x) * out;
    const T* bias = b + blockIdx.y * P;
    const auto columns = block_stride(out);
    WARPVAE_SIMD()
    for (int c = columns.first; c < columns.last; c += columns.step) row[c] = F::forward(row[c] + bias[c]);
}

/// dx *= f', from f's output y.
template <class T, class F>
__global__ void activation_backward_kernel(T* dx, const T* y, std::size_t n) {
    const auto elements = grid_stride(n);
    WARPVAE_SIMD()
    for (std::size_t i = elements.first; i < elements.last; i += elements.step) dx[i] = F::backward(dx[i], y[i]);
}

/// One block per row: dx *= w f', from f's output x, and weighted_x = w x, with the row's weight w.
template <class T, class F>
__global__ void weighted_backward_kernel(T* dx, const T* x, RowWeights<T> rows, int in) {
    const std::size_t row = std::size_t(blockIdx.y) * gridDim.x + blockIdx.x;
    const T weight = rows.weights[row];
    T* d = dx + row * in;
    const T* output = x + row * in;
    T* weighted = rows.weighted_x + row * in;
    const auto columns = block_stride(in);
    WARPVAE_SIMD()
    for (int c = columns.first; c < columns.last; c += columns.step) {
        d[c] = weight * F::backward(d[c], output[c]);
        weighted[c] = weight * output[c];
    }
}

/// sums[r, c] = sum_n w[r, n] y[r, n, c], rows in their order; w = 1 without row weights. A thread owns a column (16
/// neighbours on the CPU device, which reads whole cache lines that way).
#ifdef __CUDACC__
inline constexpr int kColumnTile = 1;
#else
inline constexpr int kColumnTile = 16;
#endif
constexpr int column_tiles(int columns) { return (columns + kColumnTile - 1) / kColumnTile; }
template <class T>
__global__ void column_sum_kernel(T* sums, const T* y, const T* row_weights, std::size_t P, int N, int columns) {
    const T* Y = y + std::size_t(blockIdx.y) * N * columns;
    T* out = sums + blockIdx.y * P;
    const T* weights = row_weights ? row_weights + std::size_t(blockIdx.y) * N : nullptr;
    for (int tile : grid_stride((columns + kColumnTile - 1) / kColumnTile)) {
        const int first = tile * kColumnTile;
        T total[kColumnTile] = {};
        if (first + kColumnTile <= columns) {
            for (int n = 0; n < N; ++n) {
                const T* row = Y + std::size_t(n) * columns + first;
                const T weight = weights ? weights[n] : T(1);
                for (int c = 0; c < kColumnTile; ++c) total[c] += weight * row[c];
            }
            for (int c = 0; c < kColumnTile; ++c) out[first + c] = total[c];
        } else {
            for (int c = first; c < columns; ++c) {
                T sum = T(0);
                for (int n = 0; n < N; ++n) sum += (weights ? weights[n] : T(1)) * Y[std::size_t(n) * columns + c];
                out[c] = sum;
            }
        }
    }
}

}  // namespace warpvae

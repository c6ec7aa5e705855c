// Small maps of whole arrays that join a model's parts: the backward of a sigmoid, sums of gradients, a bounded range,
// and rows repeated for several samples of one image.
//
//   sigmoid_backward   dx = dy y (1 - y)
//   add                y += x
//   range_limit        y = centre + range (2 sigmoid(slope x) - 1): slope 2 is tanh, 1 the sigmoid (Vive, appendix A)
//   repeat_rows        y[n K + k] = x[n];   mean_rows   y[n] = mean over k of x[n K + k]
//
// Contract: block any; no shared memory; 8 to 12 bytes per element. Deterministic.
#pragma once
#include "cuda/device/loops.cuh"
#include "cuda/math.cuh"
#include "cuda/ops/dense.h"

namespace warpvae {

template <class T>
__global__ void sigmoid_backward_kernel(T* dx, const T* dy, const T* y, std::size_t n) {
    const auto elements = grid_stride(n);
    WARPVAE_SIMD()
    for (std::size_t i = elements.first; i < elements.last; i += elements.step) dx[i] = dy[i] * y[i] * (T(1) - y[i]);
}

template <class T>
__global__ void add_kernel(T* y, const T* x, std::size_t n) {
    const auto elements = grid_stride(n);
    WARPVAE_SIMD()
    for (std::size_t i = elements.first; i < elements.last; i += elements.step) y[i] += x[i];
}

/// Rows of S numbers; centre and range [S].
template <class T>
__global__ void range_limit_kernel(T* y, const T* x, const T* centre, const T* range, T slope, std::size_t n, int S) {
    for (std::size_t i : grid_stride(n)) {
        const std::size_t s = i % S;
        y[i] = centre[s] + range[s] * (T(2) * sigmoid_(slope * x[i]) - T(1));
    }
}
template <class T>
__global__ void range_limit_backward_kernel(T* dx, const T* dy, const T* x, const T* range, T slope, std::size_t n,
                                            int S) {
    for (std::size_t i : grid_stride(n)) {
        const T half = sigmoid_(slope * x[i]);
        dx[i] = dy[i] * range[i % S] * T(2) * slope * half * (T(1) - half);
    }
}

/// One block per row of y.
template <class T>
__global__ void repeat_rows_kernel(T* y, const T* x, int K, int D) {
    T* to = y + std::size_t(blockIdx.x) * D;
    const T* from = x + std::size_t(blockIdx.x / K) * D;
    const auto columns = block_stride(D);
    WARPVAE_SIMD()
    for (int i = columns.first; i < columns.last; i += columns.step) to[i] = from[i];
}

template <class T>
__global__ void mean_rows_kernel(T* y, const T* x, int K, std::size_t rows) {
    for (std::size_t n : grid_stride(rows)) {
        T sum = T(0);
        for (int k = 0; k < K; ++k) sum += x[n * K + k];
        y[n] = sum / T(K);
    }
}

}  // namespace warpvae

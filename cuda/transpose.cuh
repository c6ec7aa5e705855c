// Batches of transposed matrices: what lies between torch's order of a convolution's weights, [out, in, kernel,
// kernel], and that of a library which reads channels last, [out, kernel, kernel, in].
//
//   y[r, b, j, i] = x[r, b, i, j]      x of replica r [batch, rows, columns], y [batch, columns, rows], each at a
//   stride
//
// Contract: block any; no shared memory; deterministic; reads and writes 4 bytes per element, side by side in y only
// (weights are few: reading them out of order costs less than tiles in shared memory would).
#pragma once
#include "cuda/device/loops.cuh"
#include "cuda/ops/convolution.h"

namespace warpvae {

template <class T>
__global__ void transpose_kernel(T* y, std::size_t y_stride, const T* x, std::size_t x_stride, std::size_t n, int rows,
                                 int columns) {
    T* to = y + blockIdx.y * y_stride;
    const T* from = x + blockIdx.y * x_stride;
    for (std::size_t at : grid_stride(n)) {
        const std::size_t row = at % rows, column = at / rows % columns, matrix = at / rows / columns;
        to[at] = from[(matrix * rows + row) * columns + column];
    }
}

}  // namespace warpvae

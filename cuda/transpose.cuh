// Batches of transposed matrices. They turn torch's order of a convolution's weights, [out, in, kernel, kernel], into
// that of a library which reads channels last, [out, kernel, kernel, in], and back.
//
//   y[r, b, j, i] = x[r, b, i, j]      x [batch, rows, columns] and y [batch, columns, rows] of replica r, at strides
//
// Contract: block any; no shared memory; deterministic; reads and writes 4 bytes per element. Neighbouring threads
// write neighbours in y, but do not read neighbours in x: weights are few, so that costs less than tiles in shared
// memory.
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

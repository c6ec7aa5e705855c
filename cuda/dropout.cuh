// Dropout (Srivastava et al. 2014), scaled in training so that nothing is left to do in evaluation:
//
//   y = x / (1 - rate) where u >= rate, else 0;   dx = dy / (1 - rate) where u >= rate, else 0
//
// with u of element (n, j) uniform in [0, 1): word j % 4 of block n ceil(D / 4) + j / 4 of Philox(seeds[r], kDropout +
// layer, *step). The backward draws the same u again; no mask is stored. x, y [R, N, D], in place allowed. A dropped
// NaN is 0.
//
// Contract: block any, a grid-stride loop over quads of a row; reads 4 and writes 4 bytes an element. Deterministic.
#pragma once
#include "cuda/ops/dense.h"
#include "cuda/philox.cuh"

namespace warpvae {

/// Whether there is such a mask of [R, N, D], and the purpose of its draws. Launchers ask (dropout.cu).
bool is_sound(const DropoutMask& mask, int R, int N, int D);
Purpose purpose_of(const DropoutMask& mask);

/// y from x, the first `count` of four neighbours, which share a block of the random stream.
template <class T>
__device__ inline void drop_quad(T* y, const T* x, int count, const Random4& random, float rate, T scale) {
#pragma unroll
    for (int k = 0; k < 4; ++k)
        if (k < count) y[k] = uniform_from(random.v[k]) >= rate ? scale * x[k] : T(0);
}

template <class T>
__global__ void dropout_kernel(T* y, const T* x, float rate, T scale, const std::uint64_t* seeds,
                               const std::uint64_t* step, Purpose purpose, int N, int D) {
    const int r = blockIdx.y;
    const std::uint32_t quads = (std::uint32_t(D) + 3) / 4;
    const std::uint64_t at = step ? *step : 0;
    for (std::uint32_t q : grid_stride(N * quads)) {
        const int first = 4 * int(q % quads);
        const std::size_t element = (std::size_t(r) * N + q / quads) * D + first;
        drop_quad(y + element, x + element, D - first, philox(seeds[r], purpose, at, q), rate, scale);
    }
}

}  // namespace warpvae

// Clipping each replica's gradient by its norm (Pascanu et al. 2013), so that one bad minibatch cannot throw the
// parameters far away:
//
//   g = g * min(1, max_norm / |g|),   |g|^2 = sum of g^2 over the replica's whole arena
//
// The first kernel sums the squares of kNormParts equal parts of each arena, in double. In the second, every thread
// adds the parts in their order, and scales. A norm within the bound changes no bit. A norm that is not finite changes
// none either: the optimiser then names the tensor at fault. gradients [R, P]; partial_squares [R, kNormParts].
//
// Contract: block any; deterministic. Reads 4 bytes per parameter; where it clips, reads and writes 4 more.
#pragma once
#include "cuda/device/reduce.cuh"
#include "cuda/math.cuh"
#include "cuda/ops/optimiser.h"

namespace warpvae {

/// One block per part: partial_squares[r, part] = sum of the part's g^2.
template <class T>
__global__ void norm_parts_kernel(double* partial_squares, const T* gradients, std::size_t P) {
    const std::size_t each = (P + kNormParts - 1) / kNormParts, begin = blockIdx.x * each;
    const T* g = gradients + blockIdx.y * P + begin;
    double total = 0;
    const auto elements = block_stride(begin < P ? (P - begin < each ? P - begin : each) : 0);
    WARPVAE_SIMD(reduction(+ : total))
    for (std::size_t i = elements.first; i < elements.last; i += elements.step) total += double(g[i]) * double(g[i]);
    total = block_sum(total);
    if (threadIdx.x == 0) partial_squares[blockIdx.y * kNormParts + blockIdx.x] = total;
}

template <class T>
__global__ void clip_norm_kernel(T* gradients, const double* partial_squares, T max_norm, std::size_t P) {
    double square = 0;
    for (int part = 0; part < kNormParts; ++part) square += partial_squares[blockIdx.y * kNormParts + part];
    const double norm = sqrt_(square);
    if (!is_finite(norm) || norm <= double(max_norm)) return;
    const T scale = T(double(max_norm) / norm);
    T* g = gradients + blockIdx.y * P;
    const auto elements = grid_stride(P);
    WARPVAE_SIMD()
    for (std::size_t i = elements.first; i < elements.last; i += elements.step) g[i] *= scale;
}

}  // namespace warpvae

// Inverses of many small symmetric positive definite matrices, by Gauss-Jordan elimination in place. Such matrices need
// no pivoting. In double; meant for preconditioners of up to a few hundred rows.
//
// Contract: block any, one block per matrix; dynamic shared memory 2 D doubles; deterministic. D^3 multiply-adds,
// each of which reads and writes its element, from the cache where the matrix fits.
#pragma once
#include "cuda/device/loops.cuh"
#include "cuda/device/shared.cuh"
#include "cuda/ops/linear_models.h"

namespace warpvae {

inline constexpr int kLargestSpd = 3072;  // two rows must fit in 48 KB of shared memory
template <class T>
constexpr std::size_t spd_inverse_bytes(int D) {
    return 2 * sizeof(T) * std::size_t(D);
}

/// matrices [R, D, D] := their inverses.
template <class T>
__global__ void spd_inverse_kernel(T* matrices, int D) {
    T* A = matrices + std::size_t(blockIdx.x) * D * D;
    T* row = dynamic_shared<T>();  // the pivot's row and column before the step
    T* column = row + D;
    for (int p = 0; p < D; ++p) {
        const T pivot = T(1) / A[std::size_t(p) * D + p];
        for (int j : block_stride(D)) {
            row[j] = A[std::size_t(p) * D + j];
            column[j] = A[std::size_t(j) * D + p];
        }
        __syncthreads();
        for (int i = warp_index(); i < D; i += warps_per_block()) {
            T* out = A + std::size_t(i) * D;
            const auto columns = warp_stride(D);
            if (i == p) {
                for (int j : columns) out[j] = j == p ? pivot : row[j] * pivot;
                continue;
            }
            const T factor = column[i] * pivot;
            WARPVAE_SIMD()
            for (int j = columns.first; j < columns.last; j += columns.step)
                out[j] = (j == p ? T(0) : out[j]) - factor * (j == p ? T(1) : row[j]);
        }
        __syncthreads();
    }
}

}  // namespace warpvae

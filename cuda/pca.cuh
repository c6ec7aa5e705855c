// Rows less their mean, for principal component analysis (host/evaluate/pca.h). The rest of it is matrix products and
// symmetric_eigen.
//
// Contract: block any; deterministic; reads and writes each number once.
#pragma once
#include "cuda/device/loops.cuh"
#include "cuda/ops/linear_models.h"

namespace warpvae {

/// out [n, D] = x [n, D] - mean [D]; x itself where mean is null. One grid row per row of x.
template <class T>
__global__ void centre_rows_kernel(T* out, const float* x, const double* mean, int D) {
    const std::size_t row = std::size_t(blockIdx.y) * D;
    const auto share = grid_stride(D);
    if (mean) {
        WARPVAE_SIMD()
        for (int j = share.first; j < share.last; j += share.step) out[row + j] = T(double(x[row + j]) - mean[j]);
    } else {
        for (int j : share) out[row + j] = T(x[row + j]);
    }
}

}  // namespace warpvae

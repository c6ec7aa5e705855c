// Principal component analysis, exact, on the device: the covariance in double, its leading eigenvectors by subspace
// iteration (leading_eigenvectors.h), or all of them by LAPACK or cuSOLVER. As scikit-learn's
// PCA(svd_solver="covariance_eigh"), but for the sign: the entry of largest magnitude of every component is positive.
#pragma once
#include <cstddef>
#include <vector>

#include "cuda/device/buffer.h"
#include "cuda/ops.h"

namespace warpvae {

struct Pca {
    int features = 0, components = 0;  ///< D, Z
    std::vector<double> mean;          ///< [D]
    std::vector<double> directions;    ///< [Z, D], orthonormal rows, the largest variance first
    std::vector<double> variances;     ///< [Z], with n - 1 degrees of freedom
    double total_variance = 0;         ///< of all D
};

/// Fits n rows. Throws Error naming the row and column of a number that is not finite, or sizes that make no sense.
///   x: device [n, D], for images what gather_range makes of them; 1 <= components <= D, n >= 2.
Pca fit_pca(const Matmul& matmul, const float* x, std::size_t n, int D, int components);

/// The mean of n rows, [D]. x: device [n, D].
std::vector<double> mean_of_rows(const Matmul& matmul, const float* x, std::size_t n, int D);

/// What projected rows are centred with: the mean of the rows that were fitted, or their own (Vive's paper).
enum class PcaCentre { kFitted, kOwn };
/// (x - mean) directions^T: device [n, Z]. x: device [n, D].
DeviceBuffer<float> project_pca(const Matmul& matmul, const Pca& pca, const float* x, std::size_t n,
                                PcaCentre centre = PcaCentre::kFitted);

}  // namespace warpvae

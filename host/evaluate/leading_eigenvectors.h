// The leading eigenvectors of a large matrix, by subspace iteration (Saad 2011, Numerical Methods for Large Eigenvalue
// Problems, chapter 5): a block of vectors, a few more than are asked for, is multiplied by the matrix and made
// orthonormal, again and again, until the Ritz vectors in it no longer err. A library that finds all D eigenvectors
// takes some 9 D^3 operations in steps that wait for each other; for 2 of 784 this takes a hundredth of them.
#pragma once
#include <optional>
#include <vector>

#include "cuda/ops/dense.h"

namespace warpvae {

struct LeadingEigenvectors {
    std::vector<double> values;   ///< [count], the largest first
    std::vector<double> vectors;  ///< [count, D]: orthonormal rows, of either sign
};

/// Of a symmetric positive semidefinite matrix, device [D, D]. |A v - value v| is at most 1e-12 of the largest value.
/// Nothing where a library is the better choice: count + 8 is more than a quarter of D, the matrix is of too low a
/// rank, or eigenvalues lie so close together that it would take more than 100 multiplications, or on the CPU device
/// more than 2 D / (count + 8).
std::optional<LeadingEigenvectors> leading_eigenvectors(const Matmul& matmul, const double* matrix, int D, int count);

}  // namespace warpvae

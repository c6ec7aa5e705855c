// The one door to Eigen, which multiplies doubles and solves the eigenproblem on the CPU device: plain templates,
// compiled for this machine's instructions.
#pragma once
#include <string>

#include "cuda/ops/dense.h"

namespace warpvae::cpu {

/// C [m, n] = op(A) op(B), op(A) [m, k], op(B) [k, n]: row-major, ld* elements from row to row of the array as stored.
void multiply(Op op_a, Op op_b, int m, int n, int k, const double* A, int lda, const double* B, int ldb, double* C,
              int ldc);

/// "Eigen 3.4.0"
std::string eigen_version();

}  // namespace warpvae::cpu

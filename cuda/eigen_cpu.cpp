#include "cuda/eigen_cpu.h"

// Small products go through Eigen's general one, too. Eigen's other way for them gives other bits when arrays have
// other addresses, and a replica among others has another address than alone.
#define EIGEN_GEMM_TO_COEFFBASED_THRESHOLD 1
#include <Eigen/Core>
#include <Eigen/Eigenvalues>

#include "cuda/device/cpu_pool.h"
#include "cuda/ops/linear_models.h"

namespace warpvae {

namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Input = Eigen::Map<const RowMajor, 0, Eigen::OuterStride<>>;
using Output = Eigen::Map<RowMajor, 0, Eigen::OuterStride<>>;

}  // namespace

void cpu::multiply(Op op_a, Op op_b, int m, int n, int k, const double* A, int lda, const double* B, int ldb, double* C,
                   int ldc) {
    const bool ta = op_a == Op::kTranspose, tb = op_b == Op::kTranspose;
    const Input a(A, ta ? k : m, ta ? m : k, Eigen::OuterStride<>(lda));
    const Input b(B, tb ? n : k, tb ? k : n, Eigen::OuterStride<>(ldb));
    Output c(C, m, n, Eigen::OuterStride<>(ldc));
    if (ta && tb)
        c.noalias() = a.transpose() * b.transpose();
    else if (ta)
        c.noalias() = a.transpose() * b;
    else if (tb)
        c.noalias() = a * b.transpose();
    else
        c.noalias() = a * b;
}

std::string cpu::eigen_version() {
    return "Eigen " + std::to_string(EIGEN_WORLD_VERSION) + "." + std::to_string(EIGEN_MAJOR_VERSION) + "." +
           std::to_string(EIGEN_MINOR_VERSION);
}

Status symmetric_eigen(double* values, double* vectors, const double* matrix, int D, Stream) {
    if (D < 0) return {kInvalidValue};
    if (D == 0) return {};
    cpu::DeviceAccess access;
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(Eigen::Map<const Eigen::MatrixXd>(matrix, D, D));
    if (solver.info() != Eigen::Success) return {kInvalidValue};
    Eigen::Map<Eigen::VectorXd>(values, D) = solver.eigenvalues();
    Eigen::Map<Eigen::MatrixXd>(vectors, D, D) = solver.eigenvectors();  // a vector a row, read by rows
    return {};
}

}  // namespace warpvae

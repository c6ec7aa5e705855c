// Linear support vector machines, trained on the device to their unique optimum: scikit-learn's LinearSVC (squared
// hinge, L2, one class against the rest, the bias a feature of 1 inside the norm, features as they are).
//
//   minimise  1/2 |(w, b)|^2 + C sum_i max(0, 1 - y_i (w x_i + b))^2   for each class, y_i = +1 in it, else -1
//
// All folds of a cross-validation and the fit on all rows share the features, so their scores for all classes are one
// matrix product and so are their gradients. L-BFGS whose initial inverse Hessian is that of the generalised Hessian
// 1 + 2 C X_A^T X_A (A: the rows with a margin above 0, a sample of them if they are many) of the class' fit on all
// rows, renewed in rounds 0, 1, 2, 4, 8, ...: a quasi-Newton method where A is complete. The folds start from
// that fit's optimum and keep its Hessian. Products are in float over chunks of rows, the chunks' sums and all vectors
// of the optimiser in double. A problem's result does not depend on the other replicas, bit for bit on the CPU device.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "cuda/ops.h"
#include "host/evaluate/lbfgs_problems.h"

namespace warpvae {

inline constexpr int kMostSvmFeatures = 3071;  ///< d: spd_inverse takes no more with the bias

struct LinearSvmOptions {
    double C = 1;      ///< weight of the loss, > 0
    int classes = 10;  ///< K: labels are 0..K-1
    int folds = 9;     ///< of cross_validate_linear_svm
    /// A problem ends when the largest component of its gradient is below this times that at 0 and the last step
    /// changed no coefficient by more than coefficient_tolerance times the largest.
    double gradient_tolerance = 1e-6;
    double coefficient_tolerance = 1e-4;
    int max_iterations = 1000;
};

/// Fit 0 of F is on all rows, fit f on all but those of fold f - 1. A certificate's gradient_norm is relative to that
/// at 0. Features whose mean is some 100 times their spread or more leave it above the tolerance: float sums of their
/// products are no better. Centre them.
struct LinearSvmFit {
    int replicas = 0, classes = 0, fits = 0, features = 0;
    std::vector<float> weights;                  ///< [R, K, F, d]
    std::vector<float> intercepts;               ///< [R, K, F]
    std::vector<LbfgsCertificate> certificates;  ///< [R, K, F]
};

/// Fits one class against the rest for every class, fold and replica. Throws Error naming the row and column of a
/// feature that is not finite, a bad label, a class or fold without rows, an option out of range. Meant for up to a
/// thousand features, kMostSvmFeatures at most (a matrix of (d + 1)^2 doubles per replica and class is inverted on the
/// device). `matmul` must be
/// of Math::kFp32.
///   features: device [R, n, d]; labels [n], the same for all replicas; folds [n]: numbers 0, 1, ..., or empty: F = 1.
LinearSvmFit fit_linear_svm(const Matmul& matmul, const float* features, const std::vector<std::uint8_t>& labels,
                            const std::vector<std::uint8_t>& folds, int R, std::size_t n, int d,
                            const LinearSvmOptions& options = {});

/// The fraction of m rows that each replica's fit on all rows predicts right (the class of the largest score).
/// features: device [R, m, d].
std::vector<double> linear_svm_accuracy(const Matmul& matmul, const LinearSvmFit& fit, const float* features,
                                        const std::vector<std::uint8_t>& labels);
/// [R, F - 1]: the fraction of each fold's rows that the fit without them predicts right. Arguments as of the fit.
std::vector<double> linear_svm_fold_accuracy(const Matmul& matmul, const LinearSvmFit& fit, const float* features,
                                             const std::vector<std::uint8_t>& labels,
                                             const std::vector<std::uint8_t>& folds);

/// Fold number of each row, exactly as scikit-learn's StratifiedKFold(folds) without shuffling. Throws Error if a class
/// that has rows has fewer than folds, or folds are not 2 to 255.
std::vector<std::uint8_t> stratified_folds(const std::vector<std::uint8_t>& labels, int folds);

/// Accuracies of one replica.
struct SvmScores {
    double cv_mean = 0, cv_std = 0;  ///< over the folds, ddof 0
    double test = 0;                 ///< of the fit on all training rows
    bool converged = true;           ///< all problems did
    double gradient_norm = 0;        ///< the largest of any certificate
};

/// Stratified cross-validation and a test, for every replica.
///   train_features: device [R, n, d]; test_features: device [R, m, d].
std::vector<SvmScores> cross_validate_linear_svm(const Matmul& matmul, const float* train_features,
                                                 const std::vector<std::uint8_t>& train_labels,
                                                 const float* test_features,
                                                 const std::vector<std::uint8_t>& test_labels, int R, int d,
                                                 const LinearSvmOptions& options = {});

}  // namespace warpvae

// Multinomial logistic regression, trained on the device to its unique optimum: scikit-learn's LogisticRegression
// (lbfgs, L2, intercept not regularised, features as they are) for Q problems at once, replicas times feature sets.
//
//   minimise  C sum_i -log softmax(W x_i + b)[y_i] + 1/2 ||W||^2
//
// L-BFGS on the mean objective, F = that / (C n). Its initial inverse Hessian is the inverse of the Hessian's diagonal
// blocks, one per class, estimated from a sample of rows and renewed in rounds 0, 1, 2, 4, 8, ...: some 20 evaluations
// of F instead of the 60 to 140 that scaling or Boehning's bound need. On a GPU an evaluation is one launch for all
// problems (cuda/fused_logistic.cuh), on the CPU device it is a library's products. Either sums in float over chunks of
// rows; the chunks' sums and all vectors of the optimiser are in double. The problems run in lock-step, each with its
// own line search and its own end; on the CPU device a problem's result does not depend on the others, bit for bit.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "cuda/ops.h"
#include "host/evaluate/lbfgs_problems.h"

namespace warpvae {

struct LogisticRegressionOptions {
    double C = 1;      ///< inverse strength of the regularisation, > 0
    int classes = 10;  ///< K: labels are 0..K-1
    /// A problem ends when the largest component of F's gradient is below this (times that at theta = 0, where features
    /// are so large that it exceeds 1) and the last step changed no coefficient by more than coefficient_tolerance
    /// times the largest.
    double gradient_tolerance = 1e-7;
    double coefficient_tolerance = 1e-4;
    int max_iterations = 1000;
};

struct LogisticRegressionFit {
    int problems = 0, classes = 0, features = 0;
    std::vector<float> weights;     ///< [Q, K, d]; columns sum to 0 over classes
    std::vector<float> intercepts;  ///< [Q, K]; sum to 0
    /// A class that no row has is left out, as scikit-learn does: weights 0, intercept -infinity, never predicted.
    std::vector<LbfgsCertificate> certificates;  ///< [Q]; the objective is F
};

/// Fits Q problems of n rows. Throws Error naming the row and column of a feature that is not finite, a label that is
/// not below `classes`, a problem with one class only, an option out of range. Meant for up to a few hundred features
/// (the blocks are inverted on the device: K (d + 1)^3 operations). `matmul` must be of Math::kFp32.
///   features: device [Q, n, d]; labels: device table of Q device pointers to n bytes.
LogisticRegressionFit fit_logistic_regression(const Matmul& matmul, const float* features,
                                              const std::uint8_t* const* labels, int Q, std::size_t n, int d,
                                              const LogisticRegressionOptions& options = {});

/// predicted [Q, m] = the most probable class of each row; features [Q, m, d]. Device memory.
void predict_logistic_regression(const Matmul& matmul, const LogisticRegressionFit& fit, std::uint8_t* predicted,
                                 const float* features, std::size_t m);

/// The fraction of m rows that each problem predicts right. Device memory as above.
std::vector<double> logistic_regression_accuracy(const Matmul& matmul, const LogisticRegressionFit& fit,
                                                 const float* features, const std::uint8_t* const* labels,
                                                 std::size_t m);

}  // namespace warpvae

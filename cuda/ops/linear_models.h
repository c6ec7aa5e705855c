// What fits linear classifiers and principal components on the device. Letters and conventions: cuda/ops.h.
#pragma once
#include <cstddef>
#include <cstdint>

#include "cuda/device/device.h"

namespace warpvae {

// --- logistic regression: lbfgs{,_search}.cuh, spd_inverse.cuh, {logistic_regression,fused_logistic}.cuh -------------
// Q problems (replicas x feature sets) in lock-step; method and use: host/evaluate/logistic_regression.h.

inline constexpr int kLbfgsMemory = 10;  ///< pairs (s, y) kept
/// What is asked of problem q in the next round.
struct LbfgsControl {
    int active;    ///< 0: the problem is done, kernels leave it alone
    int accept;    ///< 1: the trial point becomes the current one, and the pair enters the history at `newest`
    int redirect;  ///< 1: compute a new direction, from the newest `pairs` pairs
    int pairs, newest;
    double step;  ///< trial = theta + step * direction
};
/// What is known of problem q after each evaluation.
struct LbfgsScalars {
    double slope, direction_size, theta_size;      ///< at theta, along the direction; sizes are largest magnitudes
    double objective, trial_slope, gradient_size;  ///< at the trial point
};
/// How far problem q is: its line search, when it ends, and how it ended.
struct LbfgsSearch {
    double gradient_tolerance, unknown_tolerance;  ///< it ends with the gradient and the last step this small
    int max_iterations;
    int converged, iterations, evaluations;
    double gradient_norm, objective;  ///< at theta; the gradient's largest component
    double slope;                     ///< at theta, along the direction
    double low, low_slope;            ///< the longest step known to be too short
    double high, high_slope;          ///< the shortest known to be too long, 0 while there is none
    int trials;
};
/// The device memory of Q problems of P unknowns, P from 1. theta, gradient, trial, trial_gradient, direction [Q, P];
/// history_s, history_y [Q, kLbfgsMemory, P]; rho, alpha [Q, kLbfgsMemory].
template <class T>
struct LbfgsState {
    T *theta, *gradient, *trial, *trial_gradient, *direction, *history_s, *history_y, *rho, *alpha;
};
/// Takes over the trial point where control[q].accept.
Status lbfgs_accept(const LbfgsState<double>& state, const LbfgsControl* control, int Q, std::size_t P, Stream stream);
/// The two-loop recursion where control[q].redirect: direction := q; then, given r = B q [Q, P] for the caller's
/// approximate inverse Hessian B, direction := the descent direction, and the first three scalars.
Status lbfgs_first_loop(const LbfgsState<double>& state, const LbfgsControl* control, int Q, std::size_t P,
                        Stream stream);
Status lbfgs_second_loop(const LbfgsState<double>& state, LbfgsScalars* scalars, const double* r,
                         const LbfgsControl* control, int Q, std::size_t P, Stream stream);
/// trial = theta + step * direction where control[q].active.
Status lbfgs_trial(const LbfgsState<double>& state, const LbfgsControl* control, int Q, std::size_t P, Stream stream);
/// After an evaluation, with `scalars` of it: ends each active problem, asks for another step, or accepts the trial
/// point and asks for a new direction. Takes back what earlier calls asked of problems that have ended. All are [Q].
Status lbfgs_decide(LbfgsSearch* search, LbfgsControl* control, const LbfgsScalars* scalars, int Q, Stream stream);

/// Symmetric positive definite matrices [R, D, D] := their inverses, in place. D at most 3072.
Status spd_inverse(double* matrices, int R, int D, Stream stream);

/// counts[q, v] += how many of labels[q][0..n-1] are v. counts [Q, 256].
Status label_counts(unsigned* counts, const std::uint8_t* const* labels, int Q, std::size_t n, Stream stream);
/// first[q] = min(first[q], lowest i for which x[q, i] is not finite). x [Q, n].
Status first_non_finite(unsigned long long* first, const float* x, int Q, std::size_t n, Stream stream);
/// weights [Q, K, d], bias [Q, K] from theta [Q, K, d + 1]; the bias of a class with counts[q, k] = 0 is -infinity.
Status logistic_parameters(float* weights, float* bias, const double* theta, const unsigned* counts, int Q, int K,
                           int d, Stream stream);
/// x [Q, K, D] -= its mean over the classes that have rows; 0 for those without.
Status centre_classes(double* x, const unsigned* counts, int Q, int K, int D, Stream stream);
/// Sums over each chunk of the rows.
struct LogisticSums {
    float* weights;  ///< [Q, chunks, K, d]: of dloss/dlogits times x
    float* bias;     ///< [Q, chunks, K]: of dloss/dlogits
    double* loss;    ///< [Q, chunks]
    int chunks;
};
/// What Q problems are fitted to.
struct LogisticRows {
    const float* features;              ///< [Q, n, d]
    const std::uint8_t* const* labels;  ///< [Q] device pointers to n bytes below K
    std::size_t n;
    int d;
};
inline constexpr int kLogisticChunk = 512;  ///< rows of a chunk of fused_logistic_sums
constexpr std::size_t fused_logistic_chunks(std::size_t n) { return (n + kLogisticChunk - 1) / kLogisticChunk; }
/// Whether a block of this device has room for so many classes and features: 16 and 380 on Hopper.
bool fused_logistic_fits(int K, int d);
/// Whether logistic regression takes fused_logistic_sums: on a GPU, where it fits.
bool logistic_is_fused(int K, int d);
/// The sums at theta [Q, K, d + 1] of all chunks where control[q].active, in one launch. A class with counts[q, k] = 0
/// has the probability 0. to.chunks must be fused_logistic_chunks(rows.n), and K and d such as fit.
Status fused_logistic_sums(const LogisticSums& to, const double* theta, const LogisticRows& rows,
                           const unsigned* counts, const LbfgsControl* control, int Q, int K, Stream stream);
/// The objective F = mean loss + lambda / 2 |W|^2 (intercepts are free; lambda is 1 / (C n) of scikit-learn's C) and
/// its gradient: state.trial_gradient and the last three scalars where control[q].active, from sums over all n rows, n
/// from 1.
Status logistic_objective(const LbfgsState<double>& state, LbfgsScalars* scalars, const LogisticSums& sums,
                          const unsigned* counts, const LbfgsControl* control, double lambda, std::size_t n, int Q,
                          int K, int d, Stream stream);
/// rows [Q, count, d] = rows first..first+count-1 of a sample of `samples` (at most n) rows of x [Q, n, d]: all of
/// them, or where they are fewer a golden ratio sequence over them, which may take a row twice.
Status sample_rows(float* rows, const float* x, std::size_t first, std::size_t samples, int count, int d, std::size_t n,
                   int Q, Stream stream);
/// scaled[q, k, i, :] = sqrt(f p_ik (1 - p_ik)) (x_i, 1) with p = softmax(logits + bias) over classes, K at most 256,
/// and f = K' / (K' - 1) for the K' classes with counts[q, k] > 0.
/// scaled [Q, K, rows, d + 1], logits [Q, K, rows], bias [Q, K], x [Q, rows, d].
Status logistic_curvature(float* scaled, const float* logits, const float* bias, const float* x, const unsigned* counts,
                          int Q, int rows, int K, int d, Stream stream);
/// curvature [K, D, D] += scale * gram [K, D, D], from 0 if `is_first`; if `is_last` its diagonal grows by a millionth
/// of itself and by lambda, the last entry by intercept_ridge.
Status accumulate_curvature(double* curvature, const float* gram, double scale, double lambda, double intercept_ridge,
                            bool is_first, bool is_last, int K, int D, Stream stream);

// --- linear support vector machines: linear_svm.cuh ------------------------------------------------------------------

// R replicas x K classes x F fits (0: all rows; f: all but those of fold f - 1); method and use:
// host/evaluate/linear_svm.h.

/// The fits first..first+count-1 of `all`: their parameters and sums are [K, count] rows of one matrix product.
struct SvmFits {
    int first, count, all;
};
/// weights [R, K, count, d], bias [R, K, count] from theta [R, K, all, d + 1].
Status svm_parameters(float* weights, float* bias, const double* theta, SvmFits fits, int R, int K, int d,
                      Stream stream);
/// Rows of one replica, in chunks of equal length.
struct SvmRows {
    const std::uint8_t* labels;  ///< [chunks, rows]
    const std::uint8_t* folds;   ///< [chunks, rows]: the number of each row's fold
    int chunks, rows;
};
/// With m = max(0, 1 - y (score + bias)), y = 1 where the label is the class and -1 elsewhere, m = 0 for rows that the
/// fit leaves out: loss_sums = sum m^2, bias_sums = sum y m, score := y m. scores [chunks, K, count, rows]; bias [K,
/// count]; the sums [chunks, K, count].
Status squared_hinge(double* loss_sums, double* bias_sums, float* scores, const float* bias, const SvmRows& rows,
                     SvmFits fits, int K, Stream stream);
/// Sums over each chunk of the rows.
struct SvmSums {
    const float* weights;  ///< [R, chunks, K, count, d]: of y m x
    const double* bias;    ///< [R, chunks, K, count]: of y m
    const double* loss;    ///< [R, chunks, K, count]: of m^2
    int chunks;
};
/// state.trial_gradient and the last three scalars where control[q].active, q over [R, K, all], of
/// 1/2 |theta|^2 + C sum m^2.
Status svm_objective(const LbfgsState<double>& state, LbfgsScalars* scalars, const SvmSums& sums,
                     const LbfgsControl* control, double C, SvmFits fits, int R, int K, int d, Stream stream);
/// rows[k, 0..counts[k]-1] = the rows with 1 - y (score + bias) > 0 in class k, ascending. rows [K, n], counts [K],
/// scores [K, chunk_rows] for each whole chunk of the n rows and [K, what is left], bias [K], labels [n]; n and
/// chunk_rows at most 2^31.
Status svm_active_rows(unsigned* rows, unsigned* counts, const float* scores, const float* bias,
                       const std::uint8_t* labels, int K, std::size_t n, std::size_t chunk_rows, Stream stream);
/// The rows that svm_active_rows listed, of all problems (r, k).
struct SvmActive {
    const unsigned* rows;    ///< [R, K, n]
    const unsigned* counts;  ///< [R, K]
};
/// The problems (r, k) number first..first+problems-1 and as many rows of each.
struct SvmSamples {
    int first, problems, rows;
};
/// out [problems, rows, d + 1] = (x, 1) of up to `rows` listed rows of x [R, n, d], spread over the list, and zeros
/// after them. Where the list is longer, all of them times sqrt(its length / rows): their Gram matrix is an estimate of
/// that of the whole list.
Status svm_gather_rows(float* out, const float* x, const SvmActive& active, const SvmSamples& samples, std::size_t n,
                       int K, int d, Stream stream);
/// correct[f] += how many rows of fold f have their label's score + bias largest (lowest class of equals) in fit f + 1,
/// which must be among `fits`; where rows.folds is null, correct[0] counts all rows by fit `first`. correct [256],
/// scores [chunks, K, count, rows], bias [K, count]. Scores must be finite.
Status svm_correct(unsigned* correct, const float* scores, const float* bias, const SvmRows& rows, SvmFits fits, int K,
                   Stream stream);

// --- principal components: pca.cuh, eigen_{cpu,cuda}.cpp -------------------------------------------------------------

/// out [n, D] = x [n, D] - mean [D], rounded to T; x itself where mean is null. n at most 65535.
template <class T>
Status centre_rows(T* out, const float* x, const double* mean, int n, int D, Stream stream);
/// Eigenvalues [D], ascending, of a symmetric matrix [D, D], and its eigenvectors as the rows of vectors [D, D], of
/// length 1 and either sign. An error if the iteration does not converge. Waits for the result.
Status symmetric_eigen(double* values, double* vectors, const double* matrix, int D, Stream stream);

// --- softmax regression by stochastic gradients: softmax_sgd.cuh -----------------------------------------------------

struct SoftmaxSgdOptions {
    int classes = 10;  ///< K, from 1 to 32
    int batch = 32;    ///< rows of a step, from 1 to 256
    int steps = 30000;
    float learning_rate = 1e-3f;
};
/// Q multinomial regressions without regularisation by plain SGD from 0, each its whole training in one block: step s
/// takes the next `batch` rows of the set in the order of minibatch_order (kShuffle), epoch after epoch without a break
/// (MinibatchOrder::kCycle), and subtracts learning_rate times the gradient of their mean cross-entropy from W. As
/// argo's LatentVarsClassificationHook does (Peste et al. 2017).
///   weights [Q, K, d + 1], the intercept last; features [Q] device pointers to [n, d], n from 1; labels [Q] device
///   pointers to n bytes below K (any other, once drawn, makes its problem's weights NaN); seeds [Q]. d at most 256.
template <class T>
Status softmax_sgd(T* weights, const T* const* features, const std::uint8_t* const* labels, const std::uint64_t* seeds,
                   const SoftmaxSgdOptions& options, int Q, std::size_t n, int d, Stream stream);
/// predicted [Q, m] = the largest of W (x, 1) (lowest of equals); features [Q] device pointers to [m, d].
template <class T>
Status softmax_predict(std::uint8_t* predicted, const T* weights, const T* const* features, int classes, int Q,
                       std::size_t m, int d, Stream stream);

}  // namespace warpvae

// Every launcher of the kernel library, in plain C++. Each operation lives in `cuda/<op>.cuh` (device functions and
// kernels, to take into other projects) and `cuda/<op>.cu` (the launchers declared here).
//
// Letters used throughout:
//   R replicas (independent models, the leading axis of everything)   N rows of a batch   D features or pixels
//   H hidden units   Z latents   P parameters of one model, padded   K classes
// All arrays are device memory, row-major, contiguous unless a stride is named. Outputs come first, then inputs, sizes,
// stream. T is float or double (double is for gradient checks). Every launcher returns the device's error code at once;
// kernels run later in `stream`. All results are deterministic: no float atomics anywhere.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "cuda/device/device.h"

namespace warpvae {

// --- randomness: philox.cuh ------------------------------------------------------------------------------------------

/// What a random number is for: streams of different purposes never meet (architecture: seed, purpose, step, element).
enum class Purpose : std::uint32_t {
    kInitialise = 1,  ///< parameters; step = index of the tensor
    kShuffle = 2,     ///< minibatch order; step = epoch
    kLatent = 3,      ///< noise of z in training
    kFeature = 4,     ///< noise of z when latents are read out as features
    kBinarise = 5,    ///< dynamic binarisation
    kAugment = 6,     ///< affine transform on the fly; step = epoch
    kDataset = 7,     ///< fixed transforms that make a data set; generated glyphs
    kPrior = 8,       ///< samples of the prior
    kEvaluate = 9,    ///< noise of z in the evaluation of the ELBO
    kDegrade = 10,    ///< noise put on images to be denoised; step = the kind of noise
    kPose = 32,       ///< added to the purpose of z: the same noise for the pose u
    kTest = 100,      ///< tests
};

/// out[i], i < n: standard normal draws of (seed, purpose, step, element i).
template <class T>
Status philox_normal(T* out, std::size_t n, std::uint64_t seed, Purpose purpose, std::uint64_t step, Stream stream);
/// out[i], i < n: uniform draws in [low, high) of (seed, purpose, step, element i).
template <class T>
Status philox_uniform(T* out, std::size_t n, T low, T high, std::uint64_t seed, Purpose purpose, std::uint64_t step,
                      Stream stream);

// --- minibatches: gather.cuh -----------------------------------------------------------------------------------------

/// A random affine change of each gathered image about its centre; all zero (and scales 1): none.
struct Augmentation {
    float max_rotation = 0;  ///< degrees: uniform in [-max, max]
    float min_scale = 1, max_scale = 1;
    float max_translation = 0;  ///< pixels, each axis
    constexpr bool any() const { return max_rotation != 0 || min_scale != 1 || max_scale != 1 || max_translation != 0; }
};
struct GatherOptions {
    int height = 28, width = 28;  ///< D = height * width
    bool binarise = false;        ///< pixel := 1 with probability pixel, drawn anew each step (kBinarise)
    Augmentation augmentation;    ///< drawn anew each epoch (kAugment)
};
/// The minibatch of step *step: batch[r, n, :] = images[r][order(step * N' + n)] / 255, where order is the
/// epoch's Feistel permutation of 0..count-1 under seeds[r], and N' = `full_batch`, the batch size of which N (the
/// tail) may be less. One epoch is ceil(count / N') steps.
///   batch [R, N, D]; images [R] device pointers to bytes [count, D]; seeds [R]; step: one number on the device.
template <class T>
Status gather(T* batch, const std::uint8_t* const* images, const std::uint64_t* seeds, const std::uint64_t* step,
              std::size_t count, int full_batch, int R, int N, const GatherOptions& options, Stream stream);
/// The labels of the same minibatch: out[r, n] = labels[r][order(...)]. out [R, N]; labels [R] device pointers to
/// [count].
Status gather_labels(std::uint8_t* out, const std::uint8_t* const* labels, const std::uint64_t* seeds,
                     const std::uint64_t* step, std::size_t count, int full_batch, int R, int N, Stream stream);
/// The images `first`..`first+N-1` of every replica, in their own order: batch[r, n, :] = images[r][first + n] / 255.
template <class T>
Status gather_range(T* batch, const std::uint8_t* const* images, std::size_t first, int R, int N, int D, Stream stream);
/// order[i] = the place that the minibatch order of `epoch` gives to i, i < count; as gather uses it.
Status minibatch_order(std::uint32_t* order, std::size_t count, std::uint64_t seed, std::uint64_t epoch, Stream stream);
/// *step += 1.
Status advance_step(std::uint64_t* step, Stream stream);

// --- dense layers: matmul.h, dense.cuh -------------------------------------------------------------------------------

/// Precision of matrix products on a GPU; the CPU device always uses the operands' own.
enum class Math { kFp32, kTf32, kBf16 };

/// A matrix product's device-side helper: cuBLAS handles and workspace on a GPU, nothing on the CPU device.
class Matmul {
  public:
    explicit Matmul(Stream stream = nullptr, Math math = Math::kFp32);
    ~Matmul();
    Matmul(const Matmul&) = delete;
    Matmul& operator=(const Matmul&) = delete;
    struct Impl;
    Impl& impl() const { return *impl_; }
    Stream stream() const;

  private:
    Impl* impl_;
};

/// "OpenBLAS 0.3.21 SkylakeX" or "cuBLAS 13.0": what matrix products run on.
std::string matmul_library();

enum class Op { kNone, kTranspose };
/// C[r] = op(A[r]) op(B[r]) for every replica: C [R, m, n], op(A) [m, k], op(B) [k, n], strides in elements between
/// replicas. On the CPU device the result depends on one replica's shape only, not on R or the number of cores.
template <class T>
Status matmul(const Matmul& matmul, T* C, std::size_t stride_c, Op op_a, const T* A, std::size_t stride_a, Op op_b,
              const T* B, std::size_t stride_b, int R, int m, int n, int k);

enum class Activation { kNone, kRelu, kSigmoid };
/// y = activation(x W^T + b): torch.nn.Linear. y [R, N, out], x [R, N, in]; W [out, in] and b [out] of replica r at
/// W + r * P and b + r * P.
template <class T>
Status dense_forward(const Matmul& matmul, T* y, const T* x, const T* W, const T* b, std::size_t P,
                     Activation activation, int R, int N, int in, int out);
/// Given dy = dL/d(x W^T + b) [R, N, out]: dW = dy^T x, db = column sums of dy, both at stride P, and, unless dx is
/// null, dx = dy W, times (x > 0) where x is the output of a ReLU.
template <class T>
Status dense_backward(const Matmul& matmul, T* dx, T* dW, T* db, const T* dy, const T* x, const T* W, std::size_t P,
                      Activation x_activation, int R, int N, int in, int out);
/// As dense_forward in one cuBLASLt call with its bias/ReLU epilogue; false where the library offers no algorithm (and
/// always on the CPU device), y then untouched. float only.
bool dense_forward_epilogue(const Matmul& matmul, float* y, const float* x, const float* W, const float* b,
                            std::size_t P, Activation activation, int R, int N, int in, int out);

/// y[r, n, :] = activation(y[r, n, :] + b[r]) in place. b at stride P.
template <class T>
Status bias_activation(T* y, const T* b, std::size_t P, Activation activation, int R, int N, int out, Stream stream);
/// dx *= (x > 0) in place, n elements.
template <class T>
Status relu_backward(T* dx, const T* x, std::size_t n, Stream stream);
/// sums[r, c] = sum over n of y[r, n, c], at stride P.
template <class T>
Status column_sum(T* sums, const T* y, std::size_t P, int R, int N, int columns, Stream stream);

// --- the latent: gaussian_head.cuh, reparameterise.cuh, gaussian_kl.cuh, gaussian_sample.cuh
// ----------------------------------------------

/// Noise of a latent: element (n, j) of step `*step` (0 where step is null) and row `first_row + n`.
struct LatentNoise {
    const std::uint64_t* seeds = nullptr;  ///< [R]; null: no noise, z = mu
    const std::uint64_t* step = nullptr;
    Purpose purpose = Purpose::kLatent;
    std::size_t first_row = 0;  ///< a multiple of 4
};
/// The encoder's two heads, the sample and its divergence in one kernel (Kingma and Welling, eq. 10 and appendix B):
///   [mu, logvar] = h W^T + b,   z = mu + exp(logvar / 2) * epsilon,
///   kl[r, n] = 1/2 sum_j (mu^2 + exp(logvar) - 1 - logvar)
/// moments [R, N, 2Z] = (mu, logvar); z [R, N, Z]; kl [R, N]; h [R, N, H]; W [2Z, H], b [2Z] at stride P.
template <class T>
Status gaussian_head_forward(T* moments, T* z, T* kl, const T* h, const T* W, const T* b, std::size_t P,
                             LatentNoise noise, int R, int N, int H, int Z, Stream stream);
/// dmoments [R, N, 2Z] from dz [R, N, Z]: the gradient of L = f(z) + kl_weight * sum_n kl, through z and the
/// divergence.
///   dmu = dz + w mu,   dlogvar = dz (z - mu) / 2 + w (exp(logvar) - 1) / 2
template <class T>
Status gaussian_head_backward(T* dmoments, const T* dz, const T* z, const T* moments, T kl_weight, int R, int N, int Z,
                              Stream stream);

/// z = mu + exp(logvar / 2) * epsilon alone. moments [R, N, 2Z], z [R, N, Z].
template <class T>
Status reparameterise_forward(T* z, const T* moments, LatentNoise noise, int R, int N, int Z, Stream stream);
/// dmoments = the gradient of f(z): dmu = dz, dlogvar = dz (z - mu) / 2.
template <class T>
Status reparameterise_backward(T* dmoments, const T* dz, const T* z, const T* moments, int R, int N, int Z,
                               Stream stream);
/// kl[r, n] = KL(N(mu, exp(logvar)) || N(0, 1)) alone. moments [R, N, 2Z].
template <class T>
Status gaussian_kl_forward(T* kl, const T* moments, int R, int N, int Z, Stream stream);
/// dmoments += weight * dkl/dmoments.
template <class T>
Status gaussian_kl_backward(T* dmoments, const T* moments, T weight, int R, int N, int Z, Stream stream);

/// Where sigma = e^s is kept from 0 (Vive, appendix A: "clipped to be more than 1e-6").
enum class DeviationBound {
    kDeviation,  ///< sigma itself, at 1e-6
    kLogarithm,  ///< the paper's letter: s at 1e-6, so sigma is at least 1
};
/// A diagonal Gaussian prior, each replica's own or one for all (stride 0). Device memory; null: mean 0, deviation 1.
template <class T>
struct GaussianPrior {
    const T* mean = nullptr;
    std::size_t mean_stride = 0;
    const T* log_deviation = nullptr;
    std::size_t log_deviation_stride = 0;
};
/// z = mu + sigma epsilon and kl[r, n] = KL(N(mu, sigma^2) || prior), from moments (mu, s = log sigma):
/// gaussian_sample.cuh. z [R, N, Z]; kl [R, N]; moments [R, N, 2Z].
template <class T>
Status gaussian_sample_forward(T* z, T* kl, const T* moments, const GaussianPrior<T>& prior, DeviationBound bound,
                               LatentNoise noise, int R, int N, int Z, Stream stream);
/// dmoments [R, N, 2Z] of L = f(z) + kl_weight * sum_n kl from dz [R, N, Z].
template <class T>
Status gaussian_sample_backward(T* dmoments, const T* dz, const T* z, const T* moments, const GaussianPrior<T>& prior,
                                DeviationBound bound, T kl_weight, int R, int N, int Z, Stream stream);
/// The prior's own gradients of the same L: dmean, dlog_deviation [Z] at stride P, either null.
template <class T>
Status gaussian_prior_backward(T* dmean, T* dlog_deviation, std::size_t P, const T* moments,
                               const GaussianPrior<T>& prior, DeviationBound bound, T kl_weight, int R, int N, int Z,
                               Stream stream);
/// z [R, N, Z] = draws of the prior; noise.seeds must be there.
template <class T>
Status gaussian_prior_sample(T* z, const GaussianPrior<T>& prior, LatentNoise noise, int R, int N, int Z,
                             Stream stream);
/// ratio[r, n] += log prior(z) - log N(z; mu, sigma^2).
template <class T>
Status gaussian_log_ratio(T* ratio, const T* z, const T* moments, const GaussianPrior<T>& prior, DeviationBound bound,
                          int R, int N, int Z, Stream stream);

// --- marginal likelihood: importance_weights.cuh ---------------------------------------------------------------------

/// What K importance weights say of one image.
struct LogMeanExp {
    double log_mean;               ///< log of the mean weight: the estimate of log p(x)
    double mean_log;               ///< the mean log weight: of weights drawn from q, the ELBO
    double effective_sample_size;  ///< 1 .. K
};
/// out [Q] from log weights ratio - nll, both [Q, K]; ratio may be null.
template <class T>
Status log_mean_exp(LogMeanExp* out, const T* ratio, const T* nll, int Q, int K, Stream stream);

// --- maps of whole arrays: elementwise.cuh ---------------------------------------------------------------------------

/// dx = dy y (1 - y), n elements, in place allowed.
template <class T>
Status sigmoid_backward(T* dx, const T* dy, const T* y, std::size_t n, Stream stream);
/// y += x, n elements.
template <class T>
Status add(T* y, const T* x, std::size_t n, Stream stream);
/// y = centre + range (2 sigmoid(slope x) - 1) for rows of S numbers, in place allowed; centre, range [S].
template <class T>
Status range_limit(T* y, const T* x, const T* centre, const T* range, T slope, std::size_t rows, int S, Stream stream);
template <class T>
Status range_limit_backward(T* dx, const T* dy, const T* x, const T* range, T slope, std::size_t rows, int S,
                            Stream stream);
/// y [rows, K, D]: each row of x [rows, D] K times.
template <class T>
Status repeat_rows(T* y, const T* x, int K, std::size_t rows, int D, Stream stream);
/// y [rows] = means over K of x [rows, K].
template <class T>
Status mean_rows(T* y, const T* x, int K, std::size_t rows, Stream stream);

// --- losses: bernoulli.cuh, softmax_cross_entropy.cuh ----------------------------------------------------------------

/// Negative log-likelihood of `target` in [0, 1] under Bernoulli(sigmoid(logits)), summed over D, and, unless dlogits
/// is null, dlogits = scale * (sigmoid(logits) - target). nll [R, N]; the rest [R, N, D]; dlogits may be logits.
template <class T>
Status bernoulli_from_logits(T* nll, T* dlogits, const T* logits, const T* target, T scale, int R, int N, int D,
                             Stream stream);
/// The same from probabilities, clipped to [1e-6, 1 - 1e-6] before the logarithm (Vive, appendix A): the gradient is 0
/// where the clip is active. dprobabilities may be probabilities.
template <class T>
Status bernoulli_from_probabilities(T* nll, T* dprobabilities, const T* probabilities, const T* target, T scale, int R,
                                    int N, int D, Stream stream);
/// y = sigmoid(x), n elements, in place allowed.
template <class T>
Status sigmoid(T* y, const T* x, std::size_t n, Stream stream);
/// Where the class axis of logits lies: [R, N, K], or [R, K, N].
enum class ClassAxis { kLast, kFirst };
/// Multinomial cross-entropy of x = logits + bias: loss[r, n] = log sum_k exp(x[k]) - x[label],
/// dlogits = scale * (softmax(x) - onehot(label)), predicted[r, n] = argmax (lowest of equals). Each of the three may
/// be null, and so may bias; without labels only predicted is written. A label of K or more gives a NaN loss. K at most
/// 256.
///   logits, dlogits [R, N, K] or [R, K, N] (in place allowed); bias [K] at stride P; labels [R] device pointers to
///   bytes, read from `first`.
template <class T>
Status softmax_cross_entropy(T* loss, T* dlogits, std::uint8_t* predicted, const T* logits, const T* bias,
                             std::size_t P, const std::uint8_t* const* labels, std::size_t first, T scale,
                             ClassAxis axis, int R, int N, int K, Stream stream);

// --- optimisers: adam.cuh, adadelta.cuh
// --------------------------------------------------------------------------------------------

/// The first non-finite gradient of a replica: all ones while there is none (fill its bytes with 255 before training),
/// else the step in the high half and the lowest offset in the arena that was not finite in the low half.
struct NonFinite {
    unsigned long long key;
    bool found() const { return key != ~0ull; }
    std::uint64_t step() const { return key >> 32; }
    std::uint64_t element() const { return key & 0xffffffffu; }
};
struct AdamOptions {
    float beta1 = 0.9f, beta2 = 0.999f, epsilon = 1e-8f;
};
/// One Adam step (Kingma and Ba, algorithm 1; as torch.optim.Adam) of the whole arena [R, P] in one launch:
///   m = b1 m + (1-b1) g, v = b2 v + (1-b2) g^2, p -= lr / (1-b1^t) * m / (sqrt(v / (1-b2^t)) + eps), t = *step + 1.
/// learning_rate [R]; non_finite [R], see NonFinite.
template <class T>
Status adam(T* parameters, T* m, T* v, NonFinite* non_finite, const T* gradients, const T* learning_rate,
            const std::uint64_t* step, const AdamOptions& options, int R, std::size_t P, Stream stream);

struct AdadeltaOptions {
    float rho = 0.95f, epsilon = 1e-6f;
};
/// One Adadelta step in Lasagne's form, see adadelta.cuh. squares and updates [R, P] start at 0; the rest as adam.
template <class T>
Status adadelta(T* parameters, T* squares, T* updates, NonFinite* non_finite, const T* gradients,
                const T* learning_rate, const std::uint64_t* step, const AdadeltaOptions& options, int R, std::size_t P,
                Stream stream);

// --- reductions: reduction.cuh ---------------------------------------------------------------------------------------

/// totals[r * stride] += sum over n of values[r, n], in double and in a fixed order.
template <class T>
Status accumulate_sum(double* totals, std::size_t stride, const T* values, int R, int N, Stream stream);
/// Sums of x and of x^2 over the rows: sums [R, 2, D] += x [R, N, x_stride], its first D columns. In double; for means,
/// variances and active units.
template <class T>
Status accumulate_moments(double* sums, const T* x, int R, int N, int D, int x_stride, Stream stream);
/// correct[r] += how many predicted[r, n] equal labels[r][first + n].
Status accumulate_correct(unsigned long long* correct, const std::uint8_t* predicted, const std::uint8_t* const* labels,
                          std::size_t first, int R, int N, Stream stream);

// --- logistic regression: lbfgs.cuh, spd_inverse.cuh, logistic_regression.cuh
// ----------------------------------------- Q problems (replicas x feature sets) in lock-step; their method and use:
// host/evaluate/logistic_regression.h.

inline constexpr int kLbfgsMemory = 10;  ///< pairs (s, y) kept
/// What the host asks of problem q in the next round.
struct LbfgsControl {
    int active;    ///< 0: the problem is done, kernels leave it alone
    int accept;    ///< 1: the trial point becomes the current one, and the pair enters the history at `newest`
    int redirect;  ///< 1: compute a new direction, from the newest `pairs` pairs
    int pairs, newest;
    double step;  ///< trial = theta + step * direction
};
/// What the host reads of problem q in each round.
struct LbfgsScalars {
    double slope, direction_size, theta_size;      ///< at theta, along the direction; sizes are largest magnitudes
    double objective, trial_slope, gradient_size;  ///< at the trial point
};
/// The device memory of Q problems of P unknowns. theta, gradient, trial, trial_gradient, direction [Q, P];
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
/// state.trial_gradient and the last three scalars where control[q].active, from sums over `chunks` chunks of the n
/// rows: weight_sums [Q, chunks, K, d] and bias_sums [Q, chunks, K] of dloss/dlogits times (x, 1), loss_sums [Q,
/// chunks].
Status logistic_objective(const LbfgsState<double>& state, LbfgsScalars* scalars, const float* weight_sums,
                          const float* bias_sums, const double* loss_sums, const unsigned* counts,
                          const LbfgsControl* control, double lambda, std::size_t n, int chunks, int Q, int K, int d,
                          Stream stream);
/// rows [count, d] = rows first..first+count-1 of a sample of `samples` (at most n) rows of x [n, d].
Status sample_rows(float* rows, const float* x, std::size_t first, std::size_t samples, int count, int d, std::size_t n,
                   Stream stream);
/// scaled[k, i, :] = sqrt(p_ik (1 - p_ik)) (x_i, 1) with p = softmax(logits + bias) over classes.
/// scaled [K, rows, d + 1], logits [K, rows], bias [K], x [rows, d].
Status logistic_curvature(float* scaled, const float* logits, const float* bias, const float* x, int rows, int K, int d,
                          Stream stream);
/// curvature [K, D, D] += scale * gram, from 0 if `is_first`; if `is_last` its diagonal grows by a millionth of itself
/// and by lambda, the last entry by intercept_ridge.
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
/// With m = max(0, 1 - y (score + bias)), y = 1 where the label is the class and -1 elsewhere, m = 0 for rows that the
/// fit leaves out: loss_sums = sum m^2, bias_sums = sum y m, score := y m. scores [chunks, K, count, rows]; bias [K,
/// count]; the sums [chunks, K, count]; labels and fold numbers [chunks, rows].
Status squared_hinge(double* loss_sums, double* bias_sums, float* scores, const float* bias, const std::uint8_t* labels,
                     const std::uint8_t* folds, SvmFits fits, int K, int chunks, int rows, Stream stream);
/// state.trial_gradient and the last three scalars where control[q].active, q over [R, K, all], of
/// 1/2 |theta|^2 + C sum m^2. weight_sums [R, chunks, K, count, d] of y m x; bias_sums and loss_sums [R, chunks, K,
/// count].
Status svm_objective(const LbfgsState<double>& state, LbfgsScalars* scalars, const float* weight_sums,
                     const double* bias_sums, const double* loss_sums, const LbfgsControl* control, double C,
                     int chunks, SvmFits fits, int R, int K, int d, Stream stream);
/// rows[k, 0..counts[k]-1] = the rows with 1 - y (score + bias) > 0 in class k, ascending. rows [K, n], counts [K],
/// scores [K, chunk_rows] for each whole chunk of the n rows and [K, what is left], bias [K], labels [n].
Status svm_active_rows(unsigned* rows, unsigned* counts, const float* scores, const float* bias,
                       const std::uint8_t* labels, int K, std::size_t n, std::size_t chunk_rows, Stream stream);
/// out [samples, d + 1] = (x, 1) of `samples` of the `count` listed rows of x [n, d], spread over the list.
Status svm_gather_rows(float* out, const float* x, const unsigned* rows, std::size_t samples, std::size_t count, int d,
                       Stream stream);
/// correct[f] += how many rows of fold f have their label's score + bias largest (lowest class of equals) in fit f + 1,
/// which must be among `fits`; where folds is null, correct[0] counts all rows by fit `first`. correct [256], scores
/// [chunks, K, count, rows], bias [K, count], labels and folds [chunks, rows]. Scores must be finite.
Status svm_correct(unsigned* correct, const float* scores, const float* bias, const std::uint8_t* labels,
                   const std::uint8_t* folds, SvmFits fits, int K, int chunks, int rows, Stream stream);

// --- principal components: pca.cuh, eigen_{cpu,cuda}.cpp -------------------------------------------------------------

/// out [n, D] = x [n, D] - mean [D], rounded to T; x itself where mean is null. n at most 65535.
template <class T>
Status centre_rows(T* out, const float* x, const double* mean, int n, int D, Stream stream);
/// Eigenvalues [D], ascending, of a symmetric matrix [D, D], and its eigenvectors as the rows of vectors [D, D], of
/// length 1 and either sign. An error if the iteration does not converge. Waits for the result.
Status symmetric_eigen(double* values, double* vectors, const double* matrix, int D, Stream stream);

// --- images: affine_warp.cuh (on bilinear.cuh) -----------------------------------------------------------------------

enum class Interpolation { kNearest, kBilinear };
/// What an image is outside: 0, or its edge repeated.
enum class Padding { kZeros, kBorder };
/// An affine map of *output* pixel offsets from the centre to *input* pixel offsets from the centre (x right, y down):
///   x' = a x + b y + tx,  y' = c x + d y + ty.
struct AffineMap {
    float a = 1, b = 0, tx = 0, c = 0, d = 1, ty = 0;
};
/// Warps byte images [N, H, W], image n by maps[n], about the pixel centre ((W-1)/2, (H-1)/2), zeros outside; bilinear
/// values are rounded to the nearest byte.
Status affine_warp(std::uint8_t* out, const std::uint8_t* in, const AffineMap* maps, Interpolation interpolation,
                   std::size_t N, int H, int W, Stream stream);

// --- spatial transformers: grid_sample.cuh, affine_grid.cuh, thin_plate_spline.cpp
// ------------------------------------

/// Coordinates run from -1 to 1 over the image, x right and y down. With align_corners these are the centres of the
/// first and last pixel, without it their outer edges.
struct SampleOptions {
    Padding padding = Padding::kBorder;
    bool align_corners = true;
    /// With kBorder, at a coordinate that lies exactly on the first row or column: the derivative of the cell inside
    /// (true: Lasagne; what lets a warp leave the identity) or 0 (false: PyTorch). On the last one both have 0.
    bool identity_safe = true;
};
/// Images [N, C, H, W] become [N, C, out_H, out_W].
struct SampleShape {
    int C = 1, H = 28, W = 28, out_H = 28, out_W = 28;
};
/// out[n, c, i, j] = image n's channel c at grid[n, i, j] = (x, y), bilinear. Torch's grid_sample in all four modes.
///   out [N, C, out_H, out_W]; images [N, C, H, W]; grid [N, out_H, out_W, 2]. A coordinate that is not finite gives
///   NaN.
template <class T>
Status grid_sample_forward(T* out, const T* images, const T* grid, std::size_t N, const SampleShape& shape,
                           const SampleOptions& options, Stream stream);
/// dimages and dgrid from dout, either null if not wanted. Bit-identical whatever the order of threads and the batch
/// around an image; a gradient that is not finite makes its channel's dimages NaN.
template <class T>
Status grid_sample_backward(T* dimages, T* dgrid, const T* dout, const T* images, const T* grid, std::size_t N,
                            const SampleShape& shape, const SampleOptions& options, Stream stream);

/// What the numbers u of a warp mean. Each makes the coefficients A [2, K] of a grid that is linear in them,
/// (x, y)(pixel) = A B(:, pixel), with a basis B [K, out_H * out_W] that is the same for all images.
enum class WarpForm {
    kAffine,         ///< u = A, 6 numbers: x = u0 x' + u1 y' + u2, y = u3 x' + u4 y' + u5 (affine_basis)
    kPose,           ///< u = (psi, log Sx, log Sy, Tx, Ty): A = [Sx cos, -Sx sin, Sx Tx; Sy sin, Sy cos, Sy Ty]
    kInverseAffine,  ///< the map that undoes kAffine; |determinant| is kept from 1e-4 upwards
    kInversePose,    ///< the map that undoes kPose
    kControlPoints,  ///< u = offsets of g x g control points, all x then all y (thin_plate_spline_basis)
};
template <class T>
struct Warp {
    WarpForm form = WarpForm::kAffine;
    const T* basis = nullptr;  ///< device [K, out_H * out_W]
    int K = 3;                 ///< 3, or g * g
    int stride = 6;            ///< numbers from one image's u to the next
};
/// How many numbers u a warp has.
constexpr int warp_parameters(WarpForm form, int K) {
    return form == WarpForm::kControlPoints ? 2 * K : form == WarpForm::kPose || form == WarpForm::kInversePose ? 5 : 6;
}
inline constexpr int kMaxControlPoints = 64;  ///< g from 2 to 8
/// [3, H * W]: x', y' and 1 at each pixel.
std::vector<double> affine_basis(int H, int W, bool align_corners = true);
/// [g * g, H * W]: what each control point's place adds to the grid (Bookstein 1989; Lasagne's TPSTransformerLayer).
/// Columns sum to 1. Control points stand on linspace(-1, 1, g)^2, rows first. Throws DeviceError unless 2 <= g <= 8.
std::vector<double> thin_plate_spline_basis(int g, int H, int W, bool align_corners = true);

/// As grid_sample with the grid of u [N, stride], which is never stored.
template <class T>
Status warp_forward(T* out, const T* images, const T* u, const Warp<T>& warp, std::size_t N, const SampleShape& shape,
                    const SampleOptions& options, Stream stream);
/// dimages and du from dout, either null if not wanted; `add`: du += instead of du =.
template <class T>
Status warp_backward(T* dimages, T* du, bool add, const T* dout, const T* images, const T* u, const Warp<T>& warp,
                     std::size_t N, const SampleShape& shape, const SampleOptions& options, Stream stream);

// --- generated digits: glyphs.cuh ------------------------------------------------------------------------------------

/// Where and how bent a generated digit is. The skeleton's point (x, y), each about -1..1 with y down, lands at
///   centre + u R K S (x + bend_x (y^2 - 1/3), y + bend_y (x^2 - 1/6)) + (translate_x, translate_y),
/// u = 0.32 min(H, W) pixels, R the rotation, K the shear, S = diag(exp(log_scale_x), exp(log_scale_y)).
struct GlyphPose {
    float rotation;                  ///< radians, counter-clockwise as shown
    float log_scale_x, log_scale_y;  ///< of the digit's own axes
    float shear;                     ///< above 0 the digit leans right
    float translate_x, translate_y;  ///< pixels, right and down
    float bend_x, bend_y;            ///< what no affine map undoes
};
/// Ranges of what is drawn for each image; each number is uniform in [-max, max] (thickness in [min, max]).
struct GlyphOptions {
    float max_rotation = 0.3f;
    float max_log_scale = 0.2f;
    float max_shear = 0.35f;
    float max_translation = 1.5f;  ///< pixels
    float max_bend = 0.2f;
    float jitter = 0.07f;  ///< standard deviation of each skeleton point's own displacement; not part of the pose
    float min_thickness = 1.6f, max_thickness = 3.8f;  ///< pixels of a 28 pixel image
};

struct GlyphVertex {
    float x, y;
};
/// A piece of a stroke from vertex at[1] to at[2]: the Catmull-Rom spline through at[0..3], numbered within the style.
struct GlyphSpan {
    std::uint8_t at[4];
};
/// One way to write a digit.
struct GlyphStyle {
    int first_vertex, vertex_count, first_span, span_count;
};
inline constexpr int kMaxGlyphVertices = 48, kMaxGlyphSpans = 48;  ///< of one style
/// Device memory: the styles of digit k are first_style[k] .. first_style[k + 1] - 1, first_style [11].
struct GlyphSkeletons {
    const GlyphVertex* vertices;
    const GlyphSpan* spans;
    const GlyphStyle* styles;
    const int* first_style;
};
/// Draws glyphs first .. first + N - 1 of (seed, step): images [N, H, W] bytes, labels [N], poses [N]. Glyph i is the
/// same whatever `first` and N.
Status glyphs(std::uint8_t* images, std::uint8_t* labels, GlyphPose* poses, const GlyphSkeletons& skeletons,
              const GlyphOptions& options, std::uint64_t seed, std::uint64_t step, std::size_t first, std::size_t N,
              int H, int W, Stream stream);

}  // namespace warpvae

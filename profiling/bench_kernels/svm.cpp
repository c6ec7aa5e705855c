// Linear support vector machines of 20 features in 10 classes, each with nine folds, and principal components.
#include "profiling/bench_kernels/rows.h"

namespace warpvae {
namespace {

constexpr int kFits = 10, kFeatures = 20, kExtended = kFeatures + 1, kProblems = kClasses * kFits;
constexpr double kScores = double(kProblems) * N;

/// The scores of 128 rows, a chunk for each model, by all fits.
struct Scores {
    float *scores, *bias;
    std::uint8_t *labels, *folds;
    explicit Scores(Arrays& a)
        : scores(a.floats(kProblems * N)),
          bias(a.shared(std::vector<float>(kProblems, 0.1f))),
          labels(a.zeros<std::uint8_t>(N)),
          folds(a.zeros<std::uint8_t>(N)) {}
    SvmRows rows(int chunks) const { return {labels, folds, chunks, N}; }
};
constexpr SvmFits kAll{0, kFits, kFits};

}  // namespace

std::vector<Row> svm_rows() {
    return {
        {"svm_parameters (20 features, 100 fits)", 12.0 * kProblems * kExtended, 0,
         [](Arrays& a) {
             float *weights = a.floats(kProblems * kFeatures), *bias = a.floats(kProblems);
             const double* theta = a.zeros<double>(kProblems * kExtended);
             return
                 [=, R = a.R] { return svm_parameters(weights, bias, theta, kAll, R, kClasses, kFeatures, nullptr); };
         }},
        {"squared_hinge (100 fits)", 8 * kScores + 16.0 * kProblems, 0,
         [](Arrays& a) {
             const Scores s(a);
             double *loss = a.zeros<double>(kProblems), *bias = a.zeros<double>(kProblems);
             return [=, chunks = a.R] {
                 return squared_hinge(loss, bias, s.scores, s.bias, s.rows(chunks), kAll, kClasses, nullptr);
             };
         }},
        {"svm_objective (20 features, 100 fits)", kProblems * (4.0 * kFeatures + 16 + 3 * 8.0 * kExtended), 0,
         [](Arrays& a) {
             LbfgsState<double> state{};
             for (double** x : {&state.trial, &state.trial_gradient, &state.direction})
                 *x = a.zeros<double>(kProblems * kExtended);
             LbfgsScalars* scalars = a.zeros<LbfgsScalars>(kProblems);
             const SvmSums sums{a.floats(kProblems * kFeatures), a.zeros<double>(kProblems), a.zeros<double>(kProblems),
                                1};
             const LbfgsControl* control = a.each(std::vector<LbfgsControl>(kProblems, {1, 1, 1, 1, 0, 1.}));
             return [=, R = a.R] {
                 return svm_objective(state, scalars, sums, control, 1., kAll, R, kClasses, kFeatures, nullptr);
             };
         }},
        {"svm_active_rows (10 classes, all rows)", 8.0 * N * kClasses, 0,
         [](Arrays& a) {
             unsigned *rows = a.zeros<unsigned>(kClasses * N), *counts = a.zeros<unsigned>(kClasses);
             const float *scores = a.floats(kClasses * N), *bias = a.floats(kClasses);
             const std::uint8_t* labels = a.zeros<std::uint8_t>(N);
             return [=, K = a.R * kClasses] {
                 return svm_active_rows(rows, counts, scores, bias, labels, K, N, N, nullptr);
             };
         }},
        {"svm_gather_rows (20 features, 10 classes)", 4.0 * N * kClasses * (2 * kFeatures + 1), 0,
         [](Arrays& a) {
             float *out = a.floats(N * kClasses * kExtended), *x = a.floats(N * kFeatures);
             std::vector<unsigned> all;
             for (unsigned i = 0; i < unsigned(N * kClasses); ++i) all.push_back(i % N);
             const SvmActive active{a.each(all), a.each(std::vector<unsigned>(kClasses, N))};
             return [=, problems = a.R * kClasses] {
                 return svm_gather_rows(out, x, active, {0, problems, N}, N, kClasses, kFeatures, nullptr);
             };
         }},
        {"svm_correct (100 fits)", 4 * kScores / kFits + 2.0 * N, 0,
         [](Arrays& a) {
             const Scores s(a);
             unsigned* correct = a.zeros<unsigned>(256);
             return [=, chunks = a.R] {
                 return svm_correct(correct, s.scores, s.bias, s.rows(chunks), kAll, kClasses, nullptr);
             };
         }},
        {"centre_rows (784, to double)", 12 * kPixels, 0,
         [](Arrays& a) {
             double *out = a.zeros<double>(N * D), *mean = a.zeros<double>(N * D);
             const float* x = a.floats(N * D);
             return [=, n = a.R * N] { return centre_rows(out, x, mean, std::min(n, 65535), D, nullptr); };
         }},
        {"symmetric_eigen (784 x 784, double; one matrix)", 16.0 * D * D + 8 * D, 10. / 3 * D * D * D,
         [](Arrays& a) {
             std::vector<double> matrix(D * D);
             for (int i = 0; i < D; ++i)
                 for (int j = 0; j < D; ++j) matrix[i * D + j] = 1. / (1 + i + j) + (i == j ? i : 0);
             double *values = a.zeros<double>(D), *vectors = a.zeros<double>(D * D), *of = a.shared(matrix);
             return [=] { return symmetric_eigen(values, vectors, of, D, nullptr); };
         },
         Models::kOne},
    };
}

}  // namespace warpvae

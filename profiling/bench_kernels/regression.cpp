// Logistic regression on 1,000 rows of 100 features in 10 classes, by L-BFGS, and by stochastic gradients. A model is
// one problem here.
#include <limits>

#include "profiling/bench_kernels/rows.h"

namespace warpvae {
namespace {

constexpr int kRows = 1000, kFeatures = 100, kExtended = kFeatures + 1;
constexpr std::size_t kUnknowns = kClasses * kExtended;
constexpr double kProducts = 2.0 * kRows * kClasses * kExtended;  // of scores, or of their gradient's sums

/// A problem that takes every trial point, and redirects from all pairs.
constexpr LbfgsControl kAccepts{1, 1, 1, kLbfgsMemory, 0, 1.};

struct Problem {
    LbfgsState<double> state;
    LbfgsScalars* scalars;
    const LbfgsControl* control;
    const unsigned* counts;
    double* product;
    explicit Problem(Arrays& a)
        : scalars(a.zeros<LbfgsScalars>(1)),
          control(a.each<LbfgsControl>({kAccepts})),
          counts(a.each(std::vector<unsigned>(256, kRows / kClasses))),
          product(a.zeros<double>(kUnknowns)) {
        for (double** x : {&state.theta, &state.gradient, &state.trial, &state.trial_gradient, &state.direction})
            *x = a.zeros<double>(kUnknowns);
        for (double** x : {&state.history_s, &state.history_y}) *x = a.zeros<double>(kLbfgsMemory * kUnknowns);
        for (double** x : {&state.rho, &state.alpha}) *x = a.zeros<double>(kLbfgsMemory);
    }
};
LogisticSums logistic_sums(Arrays& a, int chunks) {
    return {a.floats(chunks * kClasses * kFeatures), a.floats(chunks * kClasses), a.zeros<double>(chunks), chunks};
}
/// A line search without an end.
LbfgsSearch endless() {
    LbfgsSearch search{};
    search.max_iterations = std::numeric_limits<int>::max();
    return search;
}

constexpr int kSteps = 100, kBatch = 32, kLatentsOfPeste = 50;

}  // namespace

std::vector<Row> regression_rows() {
    const double vector = 8.0 * kUnknowns;  // bytes
    return {
        {"lbfgs_accept (1,010 unknowns)", 8 * vector, 0,
         [](Arrays& a) {
             const Problem p(a);
             return [=, Q = a.R] { return lbfgs_accept(p.state, p.control, Q, kUnknowns, nullptr); };
         }},
        {"lbfgs_first_loop (1,010 unknowns, 10 pairs)", (2 * kLbfgsMemory + 2) * vector, 4.0 * kLbfgsMemory * kUnknowns,
         [](Arrays& a) {
             const Problem p(a);
             return [=, Q = a.R] { return lbfgs_first_loop(p.state, p.control, Q, kUnknowns, nullptr); };
         }},
        {"lbfgs_second_loop (1,010 unknowns, 10 pairs)", (2 * kLbfgsMemory + 4) * vector,
         4.0 * kLbfgsMemory * kUnknowns,
         [](Arrays& a) {
             const Problem p(a);
             return [=, Q = a.R] {
                 return lbfgs_second_loop(p.state, p.scalars, p.product, p.control, Q, kUnknowns, nullptr);
             };
         }},
        {"lbfgs_trial (1,010 unknowns)", 3 * vector, 0,
         [](Arrays& a) {
             const Problem p(a);
             return [=, Q = a.R] { return lbfgs_trial(p.state, p.control, Q, kUnknowns, nullptr); };
         }},
        {"lbfgs_decide (10 problems)",
         2.0 * kClasses * (sizeof(LbfgsSearch) + sizeof(LbfgsControl)) + kClasses * sizeof(LbfgsScalars), 0,
         [](Arrays& a) {
             LbfgsSearch* searches = a.each(std::vector<LbfgsSearch>(kClasses, endless()));
             LbfgsControl* controls = a.each(std::vector<LbfgsControl>(kClasses, LbfgsControl{1, 0, 1, 0, 0, 1.}));
             const LbfgsScalars* scalars = a.each(std::vector<LbfgsScalars>(kClasses, {-1, 1, 1, 0, 0, 1}));
             return [=, Q = a.R * kClasses] { return lbfgs_decide(searches, controls, scalars, Q, nullptr); };
         }},
        {"spd_inverse (10 of 101 x 101, double)", 16.0 * kClasses * kExtended * kExtended,
         double(kClasses) * kExtended * kExtended * kExtended,
         [](Arrays& a) {
             std::vector<double> matrices(kUnknowns * kExtended);
             for (std::size_t row = 0; row < kUnknowns; ++row) matrices[row * kExtended + row % kExtended] = 2;
             double* to = a.each(matrices);
             return [=, count = a.R * kClasses] { return spd_inverse(to, count, kExtended, nullptr); };
         }},
        {"label_counts (1,000 labels)", kRows, 0,
         [](Arrays& a) {
             unsigned* counts = a.zeros<unsigned>(256);
             return [=, labels = a.images(kRows), Q = a.R] { return label_counts(counts, labels, Q, kRows, nullptr); };
         }},
        {"first_non_finite (1,000 x 100)", 4.0 * kRows * kFeatures, 0,
         [](Arrays& a) {
             auto* first = a.zeros<unsigned long long>(1);
             const float* x = a.floats(kRows * kFeatures);
             return [=, Q = a.R] { return first_non_finite(first, x, Q, kRows * kFeatures, nullptr); };
         }},
        {"logistic_parameters (100 features, 10 classes)", 12.0 * kUnknowns, 0,
         [](Arrays& a) {
             const Problem p(a);
             float *weights = a.floats(kClasses * kFeatures), *bias = a.floats(kClasses);
             return [=, Q = a.R] {
                 return logistic_parameters(weights, bias, p.state.trial, p.counts, Q, kClasses, kFeatures, nullptr);
             };
         }},
        {"centre_classes (101, 10 classes)", 2 * vector, 0,
         [](Arrays& a) {
             const Problem p(a);
             return [=, Q = a.R] { return centre_classes(p.product, p.counts, Q, kClasses, kExtended, nullptr); };
         }},
        {"logistic_objective (100 features, 10 classes, 2 chunks)", 3 * vector + 2 * 4.0 * kUnknowns, 0,
         [](Arrays& a) {
             const Problem p(a);
             const LogisticSums sums = logistic_sums(a, 2);
             return [=, Q = a.R] {
                 return logistic_objective(p.state, p.scalars, sums, p.counts, p.control, 1e-3, kRows, Q, kClasses,
                                           kFeatures, nullptr);
             };
         }},
        {"sample_rows (1,000 of 60,000, 100 features; one problem)", 2 * 4.0 * kRows * kFeatures, 0,
         [](Arrays& a) {
             float *rows = a.floats(kRows * kFeatures), *x = a.floats(kImages * kFeatures);
             return [=] { return sample_rows(rows, x, 0, 8192, kRows, kFeatures, kImages, 1, nullptr); };
         },
         Models::kOne},
        {"sample_rows (all of 128, 100 features)", 2 * 4.0 * N * kFeatures, 0,
         [](Arrays& a) {
             float *rows = a.floats(N * kFeatures), *x = a.floats(N * kFeatures);
             return [=, Q = a.R] { return sample_rows(rows, x, 0, N, N, kFeatures, N, Q, nullptr); };
         }},
        {"logistic_curvature (128 rows of 100 features, 10 classes)",
         4.0 * N * (kFeatures + kClasses + double(kUnknowns)), 0,
         [](Arrays& a) {
             float *scaled = a.floats(N * kUnknowns), *logits = a.floats(kClasses * N), *bias = a.floats(kClasses),
                   *x = a.floats(N * kFeatures);
             const unsigned* counts = a.each(std::vector<unsigned>(256, kRows / kClasses));
             return [=, Q = a.R] {
                 return logistic_curvature(scaled, logits, bias, x, counts, Q, N, kClasses, kFeatures, nullptr);
             };
         }},
        {"accumulate_curvature (10 of 101 x 101)", (8 + 8 + 4) * double(kUnknowns) * kExtended, 0,
         [](Arrays& a) {
             double* curvature = a.zeros<double>(kUnknowns * kExtended);
             const float* gram = a.floats(kUnknowns * kExtended, 0, 1e-6f);
             return [=, K = a.R * kClasses] {
                 return accumulate_curvature(curvature, gram, 1e-3, 1e-3, 1e-3, false, false, K, kExtended, nullptr);
             };
         }},
        {"softmax_sgd (100 steps of 32 of 1,000 rows, 50 latents)",
         4.0 * kSteps * kBatch * kLatentsOfPeste + kSteps * kBatch,
         4.0 * kSteps * kBatch * kClasses * (kLatentsOfPeste + 1),
         [](Arrays& a) {
             SoftmaxSgdOptions options;
             options.batch = kBatch, options.steps = kSteps;
             float* weights = a.floats(kClasses * (kLatentsOfPeste + 1));
             const float* features = a.floats(kRows * kLatentsOfPeste);
             std::vector<const float*> own;
             for (int q = 0; q < a.R; ++q) own.push_back(features + std::size_t(q) * kRows * kLatentsOfPeste);
             return [=, each = a.shared(own), labels = a.images(kRows), seeds = a.seeds(), Q = a.R] {
                 return softmax_sgd<float>(weights, each, labels, seeds, options, Q, kRows, kLatentsOfPeste, nullptr);
             };
         }},
        {"softmax_predict (1,000 rows, 50 latents)", 4.0 * kRows * kLatentsOfPeste + kRows,
         2.0 * kRows * kClasses * (kLatentsOfPeste + 1),
         [](Arrays& a) {
             std::uint8_t* predicted = a.zeros<std::uint8_t>(kRows);
             const float *weights = a.floats(kClasses * (kLatentsOfPeste + 1)),
                         *features = a.floats(kRows * kLatentsOfPeste);
             std::vector<const float*> own;
             for (int q = 0; q < a.R; ++q) own.push_back(features + std::size_t(q) * kRows * kLatentsOfPeste);
             return [=, each = a.shared(own), Q = a.R] {
                 return softmax_predict<float>(predicted, weights, each, kClasses, Q, kRows, kLatentsOfPeste, nullptr);
             };
         }},
    };
}

std::vector<Row> fused_regression_rows() {
    return {
        {"fused_logistic_sums (1,000 rows of 100 features, 10 classes)", kRows * (4.0 * kFeatures + 1), 2 * kProducts,
         [](Arrays& a) {
             const Problem p(a);
             const LogisticSums sums = logistic_sums(a, int(fused_logistic_chunks(kRows)));
             const float* x = a.floats(kRows * kFeatures);
             return [=, labels = a.images(kRows), Q = a.R] {
                 return fused_logistic_sums(sums, p.state.trial, {x, labels, kRows, kFeatures}, p.counts, p.control, Q,
                                            kClasses, nullptr);
             };
         }},
    };
}

}  // namespace warpvae

#include "cuda/logistic_regression.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

Status label_counts(unsigned* counts, const std::uint8_t* const* labels, int Q, std::size_t n, Stream stream) {
    return launch(label_counts_kernel<unsigned>, for_elements(n, Q), stream, counts, labels, n);
}
Status first_non_finite(unsigned long long* first, const float* x, int Q, std::size_t n, Stream stream) {
    return launch(first_non_finite_kernel<float>, for_elements(n, Q), stream, first, x, n);
}
Status logistic_parameters(float* weights, float* bias, const double* theta, const unsigned* counts, int Q, int K,
                           int d, Stream stream) {
    return launch(logistic_parameters_kernel<double>, for_elements(std::size_t(K) * (d + 1), Q), stream, weights, bias,
                  theta, counts, K, d);
}
Status centre_classes(double* x, const unsigned* counts, int Q, int K, int D, Stream stream) {
    return launch(centre_classes_kernel<double>, for_elements(D, Q, Block::any(64)), stream, x, counts, K, D);
}
Status logistic_objective(const LbfgsState<double>& state, LbfgsScalars* scalars, const LogisticSums& sums,
                          const unsigned* counts, const LbfgsControl* control, double lambda, std::size_t n, int Q,
                          int K, int d, Stream stream) {
    if (n < 1) return {kInvalidValue};
    return launch(logistic_objective_kernel<double>, for_blocks(Q, 1, Block::any(512)), stream, state.trial_gradient,
                  scalars, state.trial, state.direction, sums, counts, control, lambda, n, K, d);
}
Status sample_rows(float* rows, const float* x, std::size_t first, std::size_t samples, int count, int d, std::size_t n,
                   int Q, Stream stream) {
    if (count < 0 || samples > n || first > samples || std::size_t(count) > samples - first) return {kInvalidValue};
    return launch(sample_rows_kernel<float>, for_blocks(sampled_row_blocks(count), Q), stream, rows, x, first, samples,
                  count, d, n);
}
Status logistic_curvature(float* scaled, const float* logits, const float* bias, const float* x, const unsigned* counts,
                          int Q, int rows, int K, int d, Stream stream) {
    if (rows < 0 || K < 0 || K > 256) return {kInvalidValue};
    const std::size_t roots = sizeof(float) * std::size_t(K) * kSampledAtOnce;
    return launch(logistic_curvature_kernel<float>, for_blocks(sampled_row_blocks(rows), Q, Block::any(256), roots),
                  stream, scaled, logits, bias, x, counts, rows, K, d);
}
Status accumulate_curvature(double* curvature, const float* gram, double scale, double lambda, double intercept_ridge,
                            bool is_first, bool is_last, int K, int D, Stream stream) {
    return launch(accumulate_curvature_kernel<double>, for_elements(std::size_t(K) * D * D), stream, curvature, gram,
                  scale, lambda, intercept_ridge, is_first, is_last, K, D);
}

}  // namespace warpvae

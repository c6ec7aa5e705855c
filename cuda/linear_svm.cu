#include "cuda/linear_svm.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

Status svm_parameters(float* weights, float* bias, const double* theta, SvmFits fits, int R, int K, int d,
                      Stream stream) {
    return launch(svm_parameters_kernel<double>, for_elements(std::size_t(R) * K * fits.count * (d + 1)), stream,
                  weights, bias, theta, fits, R, K, d);
}
Status squared_hinge(double* loss_sums, double* bias_sums, float* scores, const float* bias, const SvmRows& rows,
                     SvmFits fits, int K, Stream stream) {
    return launch(squared_hinge_kernel<float>, for_blocks(std::size_t(K) * fits.count, rows.chunks), stream, loss_sums,
                  bias_sums, scores, bias, rows.labels, rows.folds, fits, rows.rows);
}

Status svm_objective(const LbfgsState<double>& state, LbfgsScalars* scalars, const SvmSums& sums,
                     const LbfgsControl* control, double C, SvmFits fits, int R, int K, int d, Stream stream) {
    return launch(svm_objective_kernel<double>, for_blocks(std::size_t(K) * fits.count, R), stream,
                  state.trial_gradient, scalars, state.trial, state.direction, sums, control, C, fits, d);
}

Status svm_active_rows(unsigned* rows, unsigned* counts, const float* scores, const float* bias,
                       const std::uint8_t* labels, int K, std::size_t n, std::size_t chunk_rows, Stream stream) {
    constexpr std::size_t kMostRows = 1u << 31;  // their numbers, and a warp's past the last of them, are unsigned
    if (n > kMostRows || chunk_rows > kMostRows || (n > 0 && chunk_rows == 0)) return {kInvalidValue};
    return launch(svm_active_rows_kernel<float>, for_blocks(K, 1, Block::any(1024)), stream, rows, counts, scores, bias,
                  labels, static_cast<unsigned>(n), static_cast<unsigned>(chunk_rows));
}
Status svm_gather_rows(float* out, const float* x, const SvmActive& active, const SvmSamples& samples, std::size_t n,
                       int K, int d, Stream stream) {
    if (samples.first < 0 || samples.rows < 0) return {kInvalidValue};
    return launch(svm_gather_rows_kernel<float>, for_blocks(sampled_row_blocks(samples.rows), samples.problems), stream,
                  out, x, active, samples, n, K, d);
}
Status svm_correct(unsigned* correct, const float* scores, const float* bias, const SvmRows& rows, SvmFits fits, int K,
                   Stream stream) {
    return launch(svm_correct_kernel<float>, for_elements(rows.rows, rows.chunks), stream, correct, scores, bias,
                  rows.labels, rows.folds, fits, K, rows.rows);
}

}  // namespace warpvae

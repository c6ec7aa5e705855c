// Optimisers over the whole arena of Mills' VAE, and sums.
#include "profiling/bench_kernels/rows.h"

namespace warpvae {
std::vector<Row> optimiser_rows() {
    return {
        {"adam (whole arena)", 28.0 * P, 0,
         [](Arrays& a) {
             const Arena s(a);
             return [=, R = a.R] {
                 return adam<float>({s.parameters, s.first, s.second, s.non_finite}, s.gradients, s.rates, s.step, {},
                                    R, P, nullptr);
             };
         }},
        {"adadelta (whole arena)", 28.0 * P, 0,
         [](Arrays& a) {
             const Arena s(a);
             return [=, R = a.R] {
                 return adadelta<float>({s.parameters, s.first, s.second, s.non_finite}, s.gradients, s.rates, s.step,
                                        {}, R, P, nullptr);
             };
         }},
        {"clip_norm (whole arena, nothing to clip)", 4.0 * P, 0,
         [](Arrays& a) {
             float* gradients = a.floats(P);
             double* squares = a.zeros<double>(kNormParts);
             return [=, R = a.R] { return clip_norm(gradients, squares, 1e9f, R, P, nullptr); };
         }},
        {"accumulate_sum (of 128)", 4.0 * N, 0,
         [](Arrays& a) {
             double* totals = a.zeros<double>(1);
             float* values = a.floats(N);
             return [=, R = a.R] { return accumulate_sum(totals, 1, values, R, N, nullptr); };
         }},
        {"accumulate_sums (twice 128, end of a step)", 8.0 * N, 0,
         [](Arrays& a) {
             double* totals = a.zeros<double>(2);
             std::uint64_t* step = a.step();
             const std::vector<RowValues<float>> terms = {{a.floats(N), N, N}, {a.floats(N), N, N}};
             return [=, R = a.R] { return accumulate_sums(totals, step, terms, R, nullptr); };
         }},
        {"accumulate_moments (20 of 40 columns)", 4 * kLatents + 32.0 * Z, 0,
         [](Arrays& a) {
             double* sums = a.zeros<double>(2 * Z);
             float* x = a.floats(N * 2 * Z);
             return [=, R = a.R] { return accumulate_moments(sums, x, R, N, Z, 2 * Z, nullptr); };
         }},
        {"accumulate_correct", 2.0 * N, 0,
         [](Arrays& a) {
             auto* correct = a.zeros<unsigned long long>(1);
             const std::uint8_t* predicted = a.zeros<std::uint8_t>(N);
             return [=, labels = a.images(N), R = a.R] {
                 return accumulate_correct(correct, predicted, labels, 0, R, N, nullptr);
             };
         }},
    };
}

}  // namespace warpvae

// Dense layers, their products and the maps behind them, for Mills' VAE 784-400-20.
#include "cuda/ops/dense_chain.h"
#include "profiling/bench_kernels/rows.h"

namespace warpvae {
namespace {

constexpr Activation kRelu = Activation::kRelu;
/// Of a layer of 784 and 400 units, and of the heads of 20 latents.
constexpr double kProduct = 2.0 * N * D * H, kWeights = double(D) * H, kHeads = 4.0 * N * H * Z,
                 kHeadWeights = 2. * Z * H;

RowSumScratch row_sums(Arrays& a) { return {a.floats(N * row_sum_parts(D)), a.zeros<unsigned int>(row_sum_tiles(N))}; }
MinibatchRows<float> minibatch_rows_of(Arrays& a) { return {a.floats(N * D), a.images(), a.minibatch()}; }

/// And what all weights' gradients of a step are made of.
struct Step : Arena {
    WeightLayers<float> layers;
    explicit Step(Arrays& a)
        : Arena(a),
          layers{{{kW4, kB4, a.floats(N * D), a.floats(N * H), N, H, D},
                  {kW3, kB3, a.floats(N * H), a.floats(N * Z), N, Z, H},
                  {kW2, kB2, a.floats(N * 2 * Z), a.floats(N * H), N, H, 2 * Z},
                  {kW1, kB1, a.floats(N * H), a.floats(N * D), N, D, H}},
                 {}} {}
    static constexpr double kRead = 4 * (2 * kPixels + 4 * kHidden + 3 * kLatents);
    static constexpr double kOperations = 2 * kProduct + 2.0 * N * 3 * H * Z;
};

}  // namespace

std::vector<Row> dense_rows() {
    return {
        {"matmul: x W^T (784 to 400)", 4 * (kPixels + kHidden + kWeights), kProduct,
         [](Arrays& a) {
             float *y = a.floats(N * H), *x = a.floats(N * D), *W = a.floats(P);
             return [=, R = a.R, &m = a.matmul] {
                 return matmul(m, y, N * H, Op::kNone, x, N * D, Op::kTranspose, W, P, R, N, H, D);
             };
         }},
        {"matmul: dW = dy^T x (784 to 400)", 4 * (kPixels + kHidden + kWeights), kProduct,
         [](Arrays& a) {
             float *dW = a.floats(P), *dy = a.floats(N * H), *x = a.floats(N * D);
             return [=, R = a.R, &m = a.matmul] {
                 return matmul(m, dW, P, Op::kTranspose, dy, N * H, Op::kNone, x, N * D, R, H, D, N);
             };
         }},
        {"matmul: dx = dy W (400 to 784)", 4 * (kPixels + kHidden + kWeights), kProduct,
         [](Arrays& a) {
             float *dx = a.floats(N * H), *dy = a.floats(N * D), *W = a.floats(P);
             return [=, R = a.R, &m = a.matmul] {
                 return matmul(m, dx, N * H, Op::kNone, dy, N * D, Op::kNone, W, P, R, N, H, D);
             };
         }},
        {"dense_forward (784 to 400, relu)", 4 * (kPixels + kHidden + kWeights), kProduct,
         [](Arrays& a) {
             float *y = a.floats(N * H), *x = a.floats(N * D), *W = a.floats(P);
             return
                 [=, R = a.R, &m = a.matmul] { return dense_forward(m, y, x, W + kW1, W + kB1, P, kRelu, R, N, D, H); };
         }},
        {"dense_gather_forward (784 to 400, relu)", 5 * kPixels + 4 * (kHidden + kWeights), kProduct,
         [](Arrays& a) {
             const auto x = minibatch_rows_of(a);
             float *y = a.floats(N * H), *W = a.floats(P);
             return [=, R = a.R, &m = a.matmul] {
                 return dense_gather_forward(m, y, x, W + kW1, W + kB1, P, kRelu, R, N, D, H);
             };
         }},
        {"dense_backward_input (400 to 784, relu)", 4 * (kPixels + 2 * kHidden + kWeights), kProduct,
         [](Arrays& a) {
             float *dx = a.floats(N * H), *dy = a.floats(N * D), *x = a.floats(N * H), *W = a.floats(P);
             return [=, R = a.R, &m = a.matmul] {
                 return dense_backward_input(m, dx, dy, x, W + kW4, P, kRelu, R, N, H, D);
             };
         }},
        {"dense_backward_weights (784 to 400)", 4 * (kPixels + kHidden + kWeights), kProduct,
         [](Arrays& a) {
             float *to = a.floats(P), *dy = a.floats(N * H), *x = a.floats(N * D);
             return [=, R = a.R, &m = a.matmul] {
                 return dense_backward_weights<float>(m, to, {kW1, kB1, dy, x, N, D, H}, R, P);
             };
         }},
        {"dense_gaussian_head (400 to 20 latents)", 4 * (kHidden + kHeadWeights + 3 * kLatents), kHeads,
         [](Arrays& a) {
             float *moments = a.floats(N * 2 * Z), *z = a.floats(N * Z), *kl = a.floats(N), *h = a.floats(N * H),
                   *W = a.floats(P);
             const LatentNoise noise = a.noise();
             return [=, R = a.R, &m = a.matmul] {
                 return dense_gaussian_head<float>(m, moments, z, kl, h, W + kW2, W + kB2, P, {}, noise, R, N, H, Z);
             };
         }},
        {"dense_to_gaussian_backward (20 latents to 400)", 4 * (kHidden + kHeadWeights / 2 + 5 * kLatents), kHeads / 2,
         [](Arrays& a) {
             float *dmoments = a.floats(N * 2 * Z), *dz = a.floats(N * Z), *dy = a.floats(N * H), *W = a.floats(P),
                   *z = a.floats(N * Z), *moments = a.floats(N * 2 * Z);
             return [=, R = a.R, &m = a.matmul] {
                 return dense_to_gaussian_backward<float>(m, dmoments, dz, dy, W + kW3, P, z, moments, {}, 0.01f, R, N,
                                                          Z, H);
             };
         }},
        {"dense_bernoulli (400 to 784 logits)", 4 * (2 * kPixels + kHidden + kWeights), kProduct,
         [](Arrays& a) {
             float *nll = a.floats(N), *dy = a.floats(N * D), *x = a.floats(N * H), *W = a.floats(P),
                   *target = a.floats(N * D);
             const RowSumScratch sums = row_sums(a);
             return [=, R = a.R, &m = a.matmul] {
                 return dense_bernoulli<float>(m, nll, dy, x, W + kW4, W + kB4, P, {target, 0.01f}, sums, R, N, H, D);
             };
         }},
        {"dense_sigmoid_bernoulli (400 to 784 probabilities)", 4 * (3 * kPixels + kHidden + kWeights), kProduct,
         [](Arrays& a) {
             float *nll = a.floats(N), *dy = a.floats(N * D), *y = a.floats(N * D), *x = a.floats(N * H),
                   *W = a.floats(P), *target = a.floats(N * D);
             const RowSumScratch sums = row_sums(a);
             return [=, R = a.R, &m = a.matmul] {
                 return dense_sigmoid_bernoulli<float>(m, nll, dy, y, x, W + kW4, W + kB4, P, target, 0.01f, sums, R, N,
                                                       H, D);
             };
         }},
        {"dense_bernoulli_nll (400 to 784 logits)", 4 * (kPixels + kHidden + kWeights), kProduct,
         [](Arrays& a) {
             float *nll = a.floats(N), *y = a.floats(N * D), *x = a.floats(N * H), *W = a.floats(P),
                   *target = a.floats(N * D);
             const RowSumScratch sums = row_sums(a);
             return [=, R = a.R, &m = a.matmul] {
                 return dense_bernoulli_nll<float>(m, nll, y, x, W + kW4, W + kB4, P, Activation::kNone, {target}, sums,
                                                   R, N, H, D);
             };
         }},
        {"bias_activation (relu, 784)", 8 * kPixels, 0,
         [](Arrays& a) {
             float *y = a.floats(N * D), *b = a.floats(D);
             return [=, R = a.R] { return bias_activation(y, b, D, kRelu, R, N, D, nullptr); };
         }},
        {"activation_backward (relu, 400)", 12 * kHidden, 0,
         [](Arrays& a) {
             float *dx = a.floats(N * H), *y = a.floats(N * H);
             return [=, n = std::size_t(a.R) * N * H] { return activation_backward(dx, y, kRelu, n, nullptr); };
         }},
        {"column_sum (784)", 4 * kPixels, 0,
         [](Arrays& a) {
             float *sums = a.floats(D), *y = a.floats(N * D);
             return [=, R = a.R] { return column_sum(sums, y, D, R, N, D, nullptr); };
         }},
        {"sigmoid_backward (784)", 12 * kPixels, 0,
         [](Arrays& a) {
             float *dx = a.floats(N * D), *dy = a.floats(N * D), *y = a.floats(N * D);
             return [=, n = std::size_t(a.R) * N * D] { return sigmoid_backward(dx, dy, y, n, nullptr); };
         }},
        {"add (400)", 12 * kHidden, 0,
         [](Arrays& a) {
             float *y = a.floats(N * H), *x = a.floats(N * H, 0, 1e-6f);
             return [=, n = std::size_t(a.R) * N * H] { return add(y, x, n, nullptr); };
         }},
        {"range_limit (6 numbers of a pose)", 8.0 * N * 6, 0,
         [](Arrays& a) {
             float *y = a.floats(N * 6), *x = a.floats(N * 6), *centre = a.floats(6), *range = a.floats(6);
             return
                 [=, rows = std::size_t(a.R) * N] { return range_limit(y, x, centre, range, 1.f, rows, 6, nullptr); };
         }},
        {"range_limit_backward (6 numbers of a pose)", 12.0 * N * 6, 0,
         [](Arrays& a) {
             float *dx = a.floats(N * 6), *dy = a.floats(N * 6), *x = a.floats(N * 6), *range = a.floats(6);
             return [=, rows = std::size_t(a.R) * N] {
                 return range_limit_backward(dx, dy, x, range, 1.f, rows, 6, nullptr);
             };
         }},
        {"dropout (400)", 8 * kHidden, 0,
         [](Arrays& a) {
             float *y = a.floats(N * H), *x = a.floats(N * H);
             const DropoutMask mask{0.5, a.seeds(), a.step(), 0};
             return [=, R = a.R] { return dropout(y, x, mask, R, N, H, nullptr); };
         }},
        {"dense_dropout (400, in place)", 8 * kHidden, 0,
         [](Arrays& a) {
             float* x = a.zeros<float>(N * H);  // what is kept doubles with every call
             const DropoutMask mask{0.5, a.seeds(), a.step(), 0};
             return [=, R = a.R, &m = a.matmul] { return dense_dropout(m, x, mask, R, N, H); };
         }},
        {"repeat_rows (40, 15 times)", 4 * 16 * 2 * kLatents, 0,
         [](Arrays& a) {
             float *y = a.floats(N * 15 * 2 * Z), *x = a.floats(N * 2 * Z);
             return [=, rows = std::size_t(a.R) * N] { return repeat_rows(y, x, 15, rows, 2 * Z, nullptr); };
         }},
        {"mean_rows (of 400)", 4 * (kHidden + N), 0,
         [](Arrays& a) {
             float *y = a.floats(N), *x = a.floats(N * H);
             return [=, rows = std::size_t(a.R) * N] { return mean_rows(y, x, H, rows, nullptr); };
         }},
    };
}

std::vector<Row> fused_dense_rows() {
    return {
        {"fused_dense_forward (784 to 400, relu)", 4 * (kPixels + kHidden + kWeights), kProduct,
         [](Arrays& a) {
             float *y = a.floats(N * H), *x = a.floats(N * D), *W = a.floats(P);
             return [=, R = a.R] { return fused_dense_forward(y, x, W + kW1, W + kB1, P, kRelu, R, N, D, H, nullptr); };
         }},
        {"fused_dense_gather_forward (784 to 400, relu)", 5 * kPixels + 4 * (kHidden + kWeights), kProduct,
         [](Arrays& a) {
             const auto x = minibatch_rows_of(a);
             float *y = a.floats(N * H), *W = a.floats(P);
             return [=, R = a.R] {
                 return fused_dense_gather_forward(y, x, W + kW1, W + kB1, P, kRelu, R, N, D, H, nullptr);
             };
         }},
        {"fused_dense_backward_input (400 to 784, relu)", 4 * (kPixels + 2 * kHidden + kWeights), kProduct,
         [](Arrays& a) {
             float *dx = a.floats(N * H), *dy = a.floats(N * D), *x = a.floats(N * H), *W = a.floats(P);
             return
                 [=, R = a.R] { return fused_dense_backward_input(dx, dy, x, W + kW4, P, kRelu, R, N, H, D, nullptr); };
         }},
        {"fused_dense_bernoulli (400 to 784 logits)", 4 * (2 * kPixels + kHidden + kWeights), kProduct,
         [](Arrays& a) {
             float *nll = a.floats(N), *dy = a.floats(N * D), *x = a.floats(N * H), *W = a.floats(P),
                   *target = a.floats(N * D);
             const RowSumScratch sums = row_sums(a);
             return [=, R = a.R] {
                 return fused_dense_bernoulli(nll, dy, x, W + kW4, W + kB4, P, {target, 0.01f}, sums, R, N, H, D,
                                              nullptr);
             };
         }},
        {"fused_dense_sigmoid_bernoulli (400 to 784 probabilities)", 4 * (3 * kPixels + kHidden + kWeights), kProduct,
         [](Arrays& a) {
             float *nll = a.floats(N), *dy = a.floats(N * D), *y = a.floats(N * D), *x = a.floats(N * H),
                   *W = a.floats(P), *target = a.floats(N * D);
             const RowSumScratch sums = row_sums(a);
             return [=, R = a.R] {
                 return fused_dense_sigmoid_bernoulli(nll, dy, y, x, W + kW4, W + kB4, P, target, 0.01f, sums, R, N, H,
                                                      D, nullptr);
             };
         }},
        {"fused_dense_bernoulli_nll (400 to 784 logits)", 4 * (kPixels + kHidden + kWeights), kProduct,
         [](Arrays& a) {
             float *nll = a.floats(N), *x = a.floats(N * H), *W = a.floats(P), *target = a.floats(N * D);
             const RowSumScratch sums = row_sums(a);
             return [=, R = a.R] {
                 return fused_dense_bernoulli_nll(nll, x, W + kW4, W + kB4, P, Activation::kNone, {target}, sums, R, N,
                                                  H, D, nullptr);
             };
         }},
        {"fused_gaussian_head (400 to 20 latents)", 4 * (kHidden + kHeadWeights + 3 * kLatents), kHeads,
         [](Arrays& a) {
             float *moments = a.floats(N * 2 * Z), *z = a.floats(N * Z), *kl = a.floats(N), *h = a.floats(N * H),
                   *W = a.floats(P);
             const LatentNoise noise = a.noise();
             return [=, R = a.R] {
                 return fused_gaussian_head(moments, z, kl, h, W + kW2, W + kB2, P, {}, noise, R, N, H, Z, nullptr);
             };
         }},
        {"fused_gaussian_head_backward (20 latents to 400)", 4 * (kHidden + kHeadWeights / 2 + 5 * kLatents),
         kHeads / 2,
         [](Arrays& a) {
             float *dmoments = a.floats(N * 2 * Z), *dy = a.floats(N * H), *W = a.floats(P), *z = a.floats(N * Z),
                   *moments = a.floats(N * 2 * Z);
             return [=, R = a.R] {
                 return fused_gaussian_head_backward(dmoments, dy, W + kW3, P, z, moments, {}, 0.01f, R, N, Z, H,
                                                     nullptr);
             };
         }},
        {"weight_gradients (784-400-20-400-784)", Step::kRead + 4.0 * P, Step::kOperations,
         [](Arrays& a) {
             const Step s(a);
             return [=, R = a.R] { return weight_gradients(s.gradients, s.layers, R, P, nullptr); };
         }},
        {"weight_gradients_adam (784-400-20-400-784)", Step::kRead + 24.0 * P, Step::kOperations,
         [](Arrays& a) {
             const Step s(a);
             return [=, R = a.R] {
                 return weight_gradients_adam({s.parameters, s.first, s.second, s.non_finite}, s.gradients, s.layers,
                                              s.rates, s.step, {}, R, P, nullptr);
             };
         }},
        {"weight_gradients_adadelta (784-400-20-400-784)", Step::kRead + 24.0 * P, Step::kOperations,
         [](Arrays& a) {
             const Step s(a);
             return [=, R = a.R] {
                 return weight_gradients_adadelta({s.parameters, s.first, s.second, s.non_finite}, s.gradients,
                                                  s.layers, s.rates, s.step, {}, R, P, nullptr);
             };
         }},
        {"dense_chain (192 to 64 to 16, relu: EQUIVAE's means)", 4.0 * (N * (192 + 64 + 16) + 64 * 192 + 16 * 64),
         2.0 * N * (192 * 64 + 64 * 16),
         [](Arrays& a) {
             constexpr std::size_t size = 13392;  // both layers' weights, then their biases
             float *x = a.floats(N * 192), *h = a.floats(N * 64), *y = a.floats(N * 16), *W = a.floats(size);
             return [=, R = a.R, &m = a.matmul] {
                 DenseChain<float> chain(m, R);
                 check(dense_forward(m, h, x, W, W + 13312, size, kRelu, R, N, 192, 64));
                 check(dense_forward(m, y, h, W + 12288, W + 13376, size, Activation::kNone, R, N, 64, 16));
                 return chain.launch();
             };
         }},
    };
}

}  // namespace warpvae

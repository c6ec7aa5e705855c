// Sizes of 0, for every launcher of cuda/ops/ but evaluation's (zero_sizes_evaluation_test.cpp): what has no elements
// is left alone, a sum over nothing is 0, a total stays as it was, and what makes no sense (a mean over nothing) is
// refused (cuda/ops.h). Outputs begin as NaN between guard words and inputs are ones, so that nothing is right by
// chance.
#include <array>

#include "cuda/ops.h"
#include "tests/support/zero_sizes.h"
#include "tests/support/zero_sizes_channels.h"

namespace warpvae {
namespace {

using namespace test;

/// R, N and the rest of a call, as its declaration names them, are in its order; S is the stream.
constexpr Stream S = nullptr;

template <class T>
void convolutions() {
    const Convolver convolver;
    const ConvolutionShape shape{2, 6, 6, 3, 3, 1, 1}, thin{1, 6, 6, 3, 3, 2, 1};
    for (const ConvolutionShape& s : {shape, thin}) {
        TAKES(convolution_forward<T>(convolver, none, ones, ones, 64, s, 1, 0));
        TAKES(convolution_backward_data<T>(convolver, none, ones, ones, 64, s, 2, 0));
        TAKES(convolution_backward_weights<T>(convolver, zeros(s.weights()), ones, ones, 64, s, 1, 0));
        TAKES(convolution_backward_weights<T>(convolver, zeros(2 * s.weights()), ones, ones, s.weights(), s, 2, 0));
        TAKES(transposed_convolution_forward<T>(convolver, none, ones, ones, 64, s, 1, 0));
        TAKES(transposed_convolution_backward_data<T>(convolver, none, ones, ones, 64, s, 1, 0));
        TAKES(transposed_convolution_backward_weights<T>(convolver, zeros(s.weights()), ones, ones, 64, s, 1, 0));
        TAKES(convolution_forward<T>(convolver, none, ones, ones, 64, s, 0, 3));
        TAKES(convolution_backward_data<T>(convolver, none, ones, ones, 64, s, 0, 3));
        TAKES(convolution_backward_weights<T>(convolver, none, ones, ones, 64, s, 0, 3));
        TAKES(convolution_backward_weights<T>(convolver, none, ones, ones, 64, s, 0, 0));
    }
    REFUSES(convolution_forward<T>(convolver, none, ones, ones, 64, {0, 6, 6, 3, 3, 1, 1}, 1, 1));
}
template <class T>
void products() {
    const Matmul context;
    const Op N = Op::kNone, t = Op::kTranspose;
    for (const Op a : {N, t})
        for (const Op b : {N, t}) {
            TAKES(matmul<T>(context, none, 0, a, ones, 6, b, ones, 6, 0, 2, 2, 3));
            TAKES(matmul<T>(context, none, 0, a, ones, 0, b, ones, 6, 2, 0, 2, 3));
            TAKES(matmul<T>(context, none, 0, a, ones, 6, b, ones, 0, 2, 2, 0, 3));
            TAKES(matmul<T>(context, zeros(12), 6, a, ones, 0, b, ones, 0, 2, 2, 3, 0));
        }
    REFUSES(matmul<T>(context, none, 0, N, ones, 0, N, ones, 0, 1, 2, 3, -1));
    const Activation relu = Activation::kRelu;
    TAKES(dense_forward<T>(context, none, ones, ones, ones, 64, relu, 0, 2, 3, 4));
    TAKES(dense_forward<T>(context, none, ones, ones, ones, 64, relu, 2, 0, 3, 4));
    TAKES(dense_forward<T>(context, none, ones, ones, ones, 64, relu, 2, 2, 3, 0));
    TAKES(dense_forward<T>(context, all(16, 1), ones, ones, ones, 64, relu, 2, 2, 0, 4));  // the bias
    const Minibatch four{ones, nullptr, MinibatchOrder::epochs(8, 4)};
    TAKES(dense_gather_forward<T>(context, none, {none, ones, four}, ones, ones, 64, relu, 0, 2, 3, 4));
    TAKES(dense_gather_forward<T>(context, none, {none, ones, four}, ones, ones, 64, relu, 2, 0, 3, 4));
    TAKES(dense_gather_forward<T>(context, none, {all(12, T(1) / 255), ones, four}, ones, ones, 64, relu, 2, 2, 3, 0));
    TAKES(dense_backward_input<T>(context, none, ones, ones, ones, 64, relu, 0, 2, 3, 4));
    TAKES(dense_backward_input<T>(context, none, ones, ones, ones, 64, relu, 2, 0, 1, 4));
    TAKES(dense_backward_input<T>(context, none, ones, ones, ones, 64, relu, 1, 2, 0, 4));
    TAKES(dense_backward_input<T>(context, zeros(6), ones, ones, ones, 64, relu, 1, 2, 3, 0));
    TAKES(dense_backward_input<T>(context, none, ones, ones, ones, 64, relu, 2, 0, 3, 4, nullptr,
                                  RowWeights<T>{ones, none}));
    TAKES(dense_backward_input<T>(context, none, ones, ones, ones, 64, relu, 2, 2, 0, 4, nullptr,
                                  RowWeights<T>{ones, none}));
    TAKES(dense_backward_input<T>(context, zeros(6), ones, ones, ones, 64, relu, 1, 2, 3, 0, nullptr,
                                  RowWeights<T>{ones, all(6, 1)}));
    const auto layer = [](int rows, int in, int out) {
        return DenseWeightGradient<T>{0, std::size_t(in) * out, ones, ones, rows, in, out};
    };
    TAKES(dense_backward_weights<T>(context, none, layer(2, 3, 4), 0, 64));
    TAKES(dense_backward_weights<T>(context, zeros(16), layer(0, 1, 4), 2, 8));
    TAKES(dense_backward_weights<T>(context, zeros(16), layer(0, 3, 4), 1, 64));
    TAKES(dense_backward_weights<T>(context, all(4, 2), layer(2, 0, 4), 1, 64));
    TAKES(dense_backward_weights<T>(context, none, layer(2, 3, 0), 1, 64));
    auto weighted = layer(0, 3, 4);
    weighted.row_weights = ones;
    TAKES(dense_backward_weights<T>(context, zeros(16), weighted, 1, 64));
    weighted = layer(2, 0, 4), weighted.row_weights = ones;
    TAKES(dense_backward_weights<T>(context, all(4, 2), weighted, 1, 64));
    TAKES(dense_dropout<T>(context, none, {0.5, ones, ones, 0}, 0, 2, 3));
    TAKES(dense_dropout<T>(context, none, {0.5, ones, ones, 0}, 2, 0, 3));
    TAKES(dense_dropout<T>(context, none, {0.5, ones, ones, 0}, 2, 2, 0));
    const LatentNoise noise;
    for (const GaussianLatent<T>& latent : {GaussianLatent<T>{}, GaussianLatent<T>{Spread::kLogDeviation, {}}}) {
        TAKES(dense_gaussian_head<T>(context, none, none, none, ones, ones, ones, 64, latent, noise, 0, 2, 3, 4));
        TAKES(dense_gaussian_head<T>(context, none, none, none, ones, ones, ones, 64, latent, noise, 2, 0, 3, 4));
        TAKES(dense_gaussian_head<T>(context, none, none, zeros(10), ones, ones, ones, 64, latent, noise, 2, 5, 3, 0));
        TAKES(dense_to_gaussian_backward<T>(context, none, none, ones, ones, 64, ones, ones, latent, T(1), 0, 2, 3, 4));
        TAKES(dense_to_gaussian_backward<T>(context, none, none, ones, ones, 64, ones, ones, latent, T(1), 2, 0, 3, 4));
        TAKES(dense_to_gaussian_backward<T>(context, none, none, ones, ones, 64, ones, ones, latent, T(1), 2, 2, 0, 4));
    }
    GuardedBuffer<float> parts(64);
    GuardedBuffer<unsigned int> arrived(std::vector<unsigned int>(8, 0));
    const RowSumScratch scratch{parts.data(), arrived.data()};
    const BernoulliTarget<T> target{ones};
    TAKES(dense_bernoulli<T>(context, none, none, ones, ones, ones, 64, target, scratch, 0, 2, 3, 4));
    TAKES(dense_bernoulli<T>(context, none, none, ones, ones, ones, 64, target, scratch, 2, 0, 3, 4));
    TAKES(dense_bernoulli<T>(context, zeros(4), none, ones, ones, ones, 64, target, scratch, 2, 2, 3, 0));
    // Logits of 1 from the bias alone, against targets of 1.
    TAKES(dense_bernoulli<T>(context, all(2, 4 * std::log1p(std::exp(T(-1)))), all(8, 1 / (1 + std::exp(T(-1))) - 1),
                             ones, ones, ones, 64, target, scratch, 1, 2, 0, 4));
    TAKES(dense_sigmoid_bernoulli<T>(context, none, none, none, ones, ones, ones, 64, ones, T(1), scratch, 0, 2, 3, 4));
    TAKES(dense_sigmoid_bernoulli<T>(context, none, none, none, ones, ones, ones, 64, ones, T(1), scratch, 2, 0, 3, 4));
    TAKES(dense_sigmoid_bernoulli<T>(context, zeros(4), none, none, ones, ones, ones, 64, ones, T(1), scratch, 2, 2, 3,
                                     0));
    for (const Activation f : {Activation::kNone, Activation::kSigmoid}) {
        TAKES(dense_bernoulli_nll<T>(context, none, none, ones, ones, ones, 64, f, target, scratch, 0, 2, 3, 4));
        TAKES(dense_bernoulli_nll<T>(context, none, none, ones, ones, ones, 64, f, target, scratch, 2, 0, 3, 4));
        TAKES(dense_bernoulli_nll<T>(context, zeros(4), none, ones, ones, ones, 64, f, target, scratch, 2, 2, 3, 0));
    }
    REFUSES(dense_bernoulli_nll<T>(context, none, none, ones, ones, ones, 64, Activation::kTanh, target, scratch, 1, 2,
                                   3, 4));
}

void dense() {
    const Matmul context;
    const Activation elu = Activation::kElu;
    TAKES(bias_activation<float>(none, ones, 64, elu, 0, 2, 3, S));
    TAKES(bias_activation<float>(none, ones, 64, elu, 2, 0, 3, S));
    TAKES(bias_activation<float>(none, ones, 64, elu, 2, 2, 0, S));
    TAKES(activation_backward<float>(none, ones, elu, 0, S));
    TAKES(column_sum<float>(none, ones, 64, 0, 2, 3, S));
    TAKES(column_sum<float>(zeros(6), ones, 3, 2, 0, 3, S));
    TAKES(column_sum<float>(zeros(37), ones, 64, 1, 0, 37, S));
    TAKES(column_sum<float>(none, ones, 64, 2, 2, 0, S));
    TAKES(sigmoid_backward<float>(none, ones, ones, 0, S));
    TAKES(add<float>(none, ones, 0, S));
    TAKES(range_limit<float>(none, ones, ones, ones, 1, 0, 3, S));
    TAKES(range_limit<float>(none, ones, ones, ones, 1, 2, 0, S));
    TAKES(range_limit_backward<float>(none, ones, ones, ones, 1, 0, 3, S));
    TAKES(range_limit_backward<float>(none, ones, ones, ones, 1, 2, 0, S));
    TAKES(dropout<float>(none, ones, {0.5, ones, ones, 0}, 0, 2, 3, S));
    TAKES(dropout<float>(none, ones, {0.5, ones, ones, 0}, 2, 0, 3, S));
    TAKES(dropout<float>(none, ones, {0.5, ones, ones, 0}, 2, 2, 0, S));
    TAKES(repeat_rows<float>(none, ones, 2, 0, 3, S));
    TAKES(repeat_rows<float>(none, ones, 2, 3, 0, S));
    REFUSES(repeat_rows<float>(none, ones, 0, 2, 3, S));
    TAKES(mean_rows<float>(none, ones, 2, 0, S));
    REFUSES(mean_rows<float>(none, ones, 0, 2, S));
}

void fused_convolutions() {
    const Activation relu = Activation::kRelu;
    const ConvolutionShape shape{2, 5, 4, 3, 3, 2, 1}, none_wide{0, 5, 5, 1, 3, 1, 1}, too_far{1, 9, 9, 1, 3, 4, 1};
    const int P = 64;  // 54 weights
    const auto forward = [](int N) { return std::vector<ConvolutionForward>{{none, ones, ones, ones, N}}; };
    const auto backward = [](int N) { return std::vector<ConvolutionBackwardData>{{none, ones, ones, ones, N}}; };
    TAKES(fused_convolution_forward(forward(2), P, relu, shape, 0, S));
    TAKES(fused_convolution_forward(forward(0), P, relu, shape, 2, S));
    TAKES(fused_convolution_forward({}, P, relu, shape, 2, S));
    REFUSES(fused_convolution_forward(forward(2), P, relu, none_wide, 1, S));
    REFUSES(fused_convolution_forward(forward(2), P, relu, too_far, 1, S));
    REFUSES(fused_convolution_forward(forward(2), P, Activation::kTanh, shape, 1, S));
    REFUSES(fused_convolution_forward(forward(-1), P, relu, shape, 1, S));
    TAKES(fused_convolution_backward_data(backward(2), P, relu, shape, 0, S));
    TAKES(fused_convolution_backward_data(backward(0), P, relu, shape, 2, S));
    TAKES(fused_transposed_convolution_forward(forward(2), P, relu, shape, 0, S));
    TAKES(fused_transposed_convolution_forward(forward(0), P, relu, shape, 2, S));
    TAKES(fused_transposed_convolution_backward_data(backward(2), P, relu, shape, 0, S));
    TAKES(fused_transposed_convolution_backward_data(backward(0), P, relu, shape, 2, S));
    called.insert("fused_convolution_fits");
    EXPECT_TRUE(fused_convolution_fits(shape, 0));
    EXPECT_FALSE(fused_convolution_fits(too_far, 1));
    EXPECT_FALSE(fused_convolution_fits(shape, 1 << 27));
    // No images: weights 0 to 53 and three biases are 0.
    GuardedBuffer<unsigned int> arrived(std::vector<unsigned int>(16, 0));
    GuardedBuffer<float> parts(partial_gradients(shape, false, 0).parts);
    const WeightLayers<float> layer{{}, {{0, 54, ones, ones, shape, false, 0, {parts.data(), arrived.data()}}}};
    TAKES(weight_gradients(none, layer, 0, 57, S));
    TAKES(weight_gradients(zeros(57), layer, 1, 57, S));
}

void fused_dense() {
    const Activation relu = Activation::kRelu;
    TAKES(fused_dense_forward(none, ones, ones, ones, 64, relu, 0, 2, 3, 4, S));
    TAKES(fused_dense_forward(none, ones, ones, ones, 64, relu, 2, 0, 3, 4, S));
    TAKES(fused_dense_forward(none, ones, ones, ones, 64, relu, 2, 2, 3, 0, S));
    TAKES(fused_dense_forward(all(16, 1), ones, ones, ones, 64, relu, 2, 2, 0, 4, S));
    REFUSES(fused_dense_forward(none, ones, ones, ones, 64, relu, 1, -1, 3, 4, S));
    const Minibatch four{ones, nullptr, MinibatchOrder::epochs(8, 4)};
    TAKES(fused_dense_gather_forward(none, {none, ones, four}, ones, ones, 64, relu, 0, 2, 3, 4, S));
    TAKES(fused_dense_gather_forward(none, {none, ones, four}, ones, ones, 64, relu, 2, 0, 3, 4, S));
    TAKES(fused_dense_gather_forward(none, {all(12, 1 / 255.f), ones, four}, ones, ones, 64, relu, 2, 2, 3, 0, S));
    REFUSES(fused_dense_gather_forward(none, {none, ones, four}, ones, ones, 64, relu, 2, 2, 0, 4, S));
    REFUSES(fused_dense_gather_forward(none, {none, ones, four}, ones, ones, 64, relu, 1, -1, 3, 4, S));
    TAKES(fused_dense_backward_input(none, ones, ones, ones, 64, relu, 0, 2, 3, 4, S));
    TAKES(fused_dense_backward_input(none, ones, ones, ones, 64, relu, 2, 0, 3, 4, S));
    TAKES(fused_dense_backward_input(none, ones, ones, ones, 64, relu, 2, 2, 0, 4, S));
    TAKES(fused_dense_backward_input(zeros(6), ones, ones, ones, 64, relu, 1, 2, 3, 0, S));
    TAKES(fused_dense_backward_input(none, ones, ones, ones, 64, relu, 2, 0, 3, 4, S, nullptr, {ones, none}));
    TAKES(fused_dense_backward_input(zeros(6), ones, ones, ones, 64, relu, 1, 2, 3, 0, S, nullptr, {ones, all(6, 1)}));
    const LatentNoise noise;
    TAKES(fused_gaussian_head(none, none, none, ones, ones, ones, 64, {}, noise, 0, 2, 3, 4, S));
    TAKES(fused_gaussian_head(none, none, none, ones, ones, ones, 64, {}, noise, 2, 0, 3, 4, S));
    TAKES(fused_gaussian_head(none, none, zeros(10), ones, ones, ones, 64, {}, noise, 2, 5, 3, 0, S));
    TAKES(fused_gaussian_head_backward(none, ones, ones, 64, ones, ones, {}, 1, 0, 2, 3, 4, S));
    TAKES(fused_gaussian_head_backward(none, ones, ones, 64, ones, ones, {}, 1, 2, 0, 3, 4, S));
    TAKES(fused_gaussian_head_backward(none, ones, ones, 64, ones, ones, {}, 1, 2, 2, 0, 4, S));
    GuardedBuffer<float> parts(64);
    GuardedBuffer<unsigned int> arrived(std::vector<unsigned int>(8, 0));
    const RowSumScratch scratch{parts.data(), arrived.data()};
    TAKES(fused_dense_bernoulli(none, none, ones, ones, ones, 64, {ones}, scratch, 0, 2, 3, 4, S));
    TAKES(fused_dense_bernoulli(none, none, ones, ones, ones, 64, {ones}, scratch, 2, 0, 3, 4, S));
    TAKES(fused_dense_bernoulli(zeros(4), none, ones, ones, ones, 64, {ones}, scratch, 2, 2, 3, 0, S));
    TAKES(fused_dense_sigmoid_bernoulli(none, none, none, ones, ones, ones, 64, ones, 1, scratch, 0, 2, 3, 4, S));
    TAKES(fused_dense_sigmoid_bernoulli(none, none, none, ones, ones, ones, 64, ones, 1, scratch, 2, 0, 3, 4, S));
    TAKES(fused_dense_sigmoid_bernoulli(zeros(4), none, none, ones, ones, ones, 64, ones, 1, scratch, 2, 2, 3, 0, S));
    for (const Activation f : {Activation::kNone, Activation::kSigmoid}) {
        TAKES(fused_dense_bernoulli_nll(none, ones, ones, ones, 64, f, {ones}, scratch, 0, 2, 3, 4, S));
        TAKES(fused_dense_bernoulli_nll(none, ones, ones, ones, 64, f, {ones}, scratch, 2, 0, 3, 4, S));
        TAKES(fused_dense_bernoulli_nll(zeros(4), ones, ones, ones, 64, f, {ones}, scratch, 2, 2, 3, 0, S));
    }
    const WeightLayers<float> no_layers, no_rows{{{0, 12, ones, ones, 0, 3, 4}}, {}},
        no_inputs{{{0, 0, ones, ones, 2, 0, 4}}, {}}, no_weighted_rows{{{0, 12, ones, ones, 0, 3, 4, ones}}, {}},
        no_weighted_inputs{{{0, 0, ones, ones, 2, 0, 4, ones}}, {}}, no_outputs{{{0, 0, ones, ones, 2, 3, 0}}, {}},
        refused{{{0, 0, ones, ones, -1, 3, 4}}, {}};
    TAKES(weight_gradients(none, no_layers, 2, 64, S));
    TAKES(weight_gradients(none, no_rows, 0, 16, S));
    TAKES(weight_gradients(zeros(32), no_rows, 2, 16, S));
    TAKES(weight_gradients(all(4, 2), no_inputs, 1, 4, S));
    TAKES(weight_gradients(zeros(32), no_weighted_rows, 2, 16, S));
    TAKES(weight_gradients(all(4, 2), no_weighted_inputs, 1, 4, S));
    TAKES(weight_gradients(none, no_outputs, 1, 4, S));
    REFUSES(weight_gradients(none, refused, 1, 16, S));
    const AdamState<float> adam_state{none, none, none, none};
    const AdadeltaState<float> adadelta_state{none, none, none, none};
    TAKES(weight_gradients_adam(adam_state, ones, no_layers, ones, ones, AdamOptions(), 2, 0, S));
    TAKES(weight_gradients_adam(adam_state, ones, no_rows, ones, ones, AdamOptions(), 0, 16, S));
    TAKES(weight_gradients_adadelta(adadelta_state, ones, no_layers, ones, ones, AdadeltaOptions(), 2, 0, S));
    TAKES(weight_gradients_adadelta(adadelta_state, ones, no_rows, ones, ones, AdadeltaOptions(), 0, 16, S));
}

void gaussians() {
    const GaussianCurve geodesic = GaussianCurve::kFisherRao;
    TAKES(fisher_rao_distance<float>(none, ones, ones, 0, 3, S));
    TAKES(fisher_rao_distance<float>(zeros(2), ones, ones, 2, 0, S));
    TAKES(gaussian_curve<float>(none, ones, ones, ones, geodesic, 0, 2, 3, S));
    TAKES(gaussian_curve<float>(none, ones, ones, ones, geodesic, 2, 0, 3, S));
    TAKES(gaussian_curve<float>(none, ones, ones, ones, geodesic, 2, 2, 0, S));
    TAKES(fisher_rao_exp<float>(none, ones, ones, 0, 3, S));
    TAKES(fisher_rao_exp<float>(none, ones, ones, 2, 0, S));
    TAKES(fisher_rao_log<float>(none, ones, ones, 0, 3, S));
    TAKES(fisher_rao_log<float>(none, ones, ones, 2, 0, S));
    TAKES(karcher_mean<float>(none, none, ones, {}, 2, 0, S));
    REFUSES(karcher_mean<float>(none, none, ones, {}, 0, 3, S));

    const LatentNoise noise{ones, ones};
    const Spread spread = Spread::kLogDeviation;
    const GaussianPrior<float> prior{ones, 3, ones, 3};
    TAKES(gaussian_head_forward<float>(none, none, none, ones, ones, ones, 64, noise, 0, 2, 3, 4, S));
    TAKES(gaussian_head_forward<float>(none, none, none, ones, ones, ones, 64, noise, 2, 0, 3, 4, S));
    TAKES(gaussian_head_forward<float>(all(16, 1), all(8, 1), all(4, 2 * (std::exp(1.f) - 1) / 2), ones, ones, ones, 64,
                                       {}, 2, 2, 0, 2, S));  // the bias
    TAKES(gaussian_head_forward<float>(none, none, zeros(10), ones, ones, ones, 64, noise, 2, 5, 3, 0, S));
    TAKES(gaussian_sample_forward<float>(none, none, ones, prior, spread, noise, 0, 2, 3, S));
    TAKES(gaussian_sample_forward<float>(none, none, ones, prior, spread, noise, 2, 0, 3, S));
    TAKES(gaussian_sample_forward<float>(none, zeros(10), ones, prior, spread, noise, 2, 5, 0, S));
    TAKES(gaussian_sample_backward<float>(none, ones, ones, ones, prior, spread, 1, 0, 2, 3, S));
    TAKES(gaussian_sample_backward<float>(none, ones, ones, ones, prior, spread, 1, 2, 0, 3, S));
    TAKES(gaussian_sample_backward<float>(none, ones, ones, ones, prior, spread, 1, 2, 2, 0, S));
    TAKES(gaussian_prior_backward<float>(none, none, 64, ones, prior, spread, 1, 0, 2, 3, S));
    TAKES(gaussian_prior_backward<float>(zeros(6), zeros(6), 3, ones, prior, spread, 1, 2, 0, 3, S));
    TAKES(gaussian_prior_backward<float>(none, none, 64, ones, prior, spread, 1, 2, 2, 0, S));
    TAKES(gaussian_prior_sample<float>(none, prior, noise, 0, 2, 3, S));
    TAKES(gaussian_prior_sample<float>(none, prior, noise, 2, 0, 3, S));
    TAKES(gaussian_prior_sample<float>(none, prior, noise, 2, 2, 0, S));
    TAKES(gaussian_log_ratio<float>(none, ones, ones, prior, spread, 0, 2, 3, S));
    TAKES(gaussian_log_ratio<float>(none, ones, ones, prior, spread, 2, 0, 3, S));
    TAKES(gaussian_log_ratio<float>(kept(4), ones, ones, prior, spread, 2, 2, 0, S));
    const GaussianLatent<float> latent{spread, prior};
    TAKES(kl_factors<float>(none, ones, latent, {2, 1}, ones, 0, 2, 3, S));
    TAKES(kl_factors<float>(zeros(6), ones, latent, {2, 1}, ones, 2, 0, 3, S));
    TAKES(kl_factors<float>(none, ones, latent, {2, 1}, ones, 2, 2, 0, S));
    TAKES(counted_divergence<float>(none, ones, latent, ones, 0, 2, 3, S));
    TAKES(counted_divergence<float>(none, ones, latent, ones, 2, 0, 3, S));
    TAKES(counted_divergence<float>(zeros(4), ones, latent, ones, 2, 2, 0, S));
    TAKES(accumulate_divergences<float>(none, ones, latent, 0, 2, 3, S));
    TAKES(accumulate_divergences<float>(kept(6), ones, latent, 2, 0, 3, S));
    TAKES(accumulate_divergences<float>(none, ones, latent, 2, 2, 0, S));
    TAKES(log_mean_exp<float>(none, ones, ones, 0, 3, S));
    REFUSES(log_mean_exp<float>(none, ones, ones, 2, 0, S));
    TAKES(accumulate_log_weights<float>(none, ones, ones, 0, 3, S));
    TAKES(accumulate_log_weights<float>(kept(2), ones, ones, 2, 0, S));
    TAKES(accumulate_log_weights<float>(Output{2, {0}, true}, ones, ones, 2, 0, S));

    const VarianceHead head = VarianceHead::kExp;
    const RenyiOrders orders{ones, true};
    TAKES(variance_head<float>(none, none, head, 0, 2, 3, S));
    TAKES(variance_head<float>(none, none, head, 2, 0, 3, S));
    TAKES(variance_head<float>(none, zeros(4), head, 2, 2, 0, S));
    TAKES(posterior_samples<float>(none, none, ones, noise, 0, 2, 3, 4, S));
    TAKES(posterior_samples<float>(none, none, ones, noise, 2, 0, 3, 4, S));
    TAKES(posterior_samples<float>(none, none, ones, noise, 2, 2, 0, 4, S));
    TAKES(posterior_samples<float>(none, zeros(12), ones, noise, 2, 2, 3, 0, S));
    const Matmul context;
    const auto posterior = [](Output kl, Output ratio) { return Posterior<float>{none, kl, none, ratio}; };
    TAKES(dense_posterior<float>(context, posterior(none, none), ones, ones, ones, 64, head, noise, 0, 2, 3, 4, 5));
    TAKES(dense_posterior<float>(context, posterior(none, none), ones, ones, ones, 64, head, noise, 2, 0, 3, 4, 5));
    TAKES(dense_posterior<float>(context, posterior(zeros(4), zeros(12)), ones, ones, ones, 64, head, noise, 2, 2, 3, 4,
                                 0));
    TAKES(fused_posterior(posterior(none, none), ones, ones, ones, 64, head, noise, 0, 2, 3, 4, 5, S));
    TAKES(fused_posterior(posterior(none, none), ones, ones, ones, 64, head, noise, 2, 0, 3, 4, 5, S));
    TAKES(fused_posterior(posterior(zeros(4), zeros(12)), ones, ones, ones, 64, head, noise, 2, 2, 3, 4, 0, S));
    TAKES(fused_posterior(posterior(zeros(4), none), ones, ones, ones, 64, head, noise, 2, 2, 0, 4, 0, S));
    TAKES(renyi_bound<float>({none, none, none}, ones, ones, ones, orders, 0, 2, 3, S));
    TAKES(renyi_bound<float>({none, none, none}, ones, ones, ones, orders, 2, 0, 3, S));
    REFUSES(renyi_bound<float>({none, none, none}, ones, ones, ones, orders, 2, 2, 0, S));
    const PosteriorPath<float> path{ones, ones, ones, orders, head, 1},
        monte_carlo{ones, ones, ones, {ones, false}, head, 1};
    TAKES(posterior_backward<float>(none, ones, path, 0, 2, 3, 4, S));
    TAKES(posterior_backward<float>(none, ones, path, 2, 0, 3, 4, S));
    TAKES(posterior_backward<float>(none, ones, path, 2, 2, 3, 0, S));
    TAKES(dense_to_posterior_backward<float>(context, none, none, ones, ones, 64, path, 0, 2, 3, 4, 5));
    TAKES(dense_to_posterior_backward<float>(context, none, none, ones, ones, 64, path, 2, 0, 3, 4, 5));
    TAKES(dense_to_posterior_backward<float>(context, none, none, ones, ones, 64, path, 2, 2, 3, 0, 5));
    TAKES(fused_posterior_backward(none, ones, ones, 64, path, 0, 2, 3, 4, 5, S));
    TAKES(fused_posterior_backward(none, ones, ones, 64, path, 2, 0, 3, 4, 5, S));
    TAKES(fused_posterior_backward(none, ones, ones, 64, path, 2, 2, 3, 0, 5, S));
    REFUSES(fused_posterior_backward(none, ones, ones, 64, path, 2, 2, 0, 4, 5, S));
    TAKES(posterior_backward<float>(zeros(12), ones, monte_carlo, 1, 3, 0, 2, S));
}

void losses() {
    const LossRows<float> weighted{ones, {}};
    TAKES(bernoulli_from_logits<float>(none, none, ones, ones, 1, 0, 2, 3, S));
    TAKES(bernoulli_from_logits<float>(none, none, ones, ones, 1, 2, 0, 3, S));
    TAKES(bernoulli_from_logits<float>(zeros(4), none, ones, ones, 1, 2, 2, 0, S));
    TAKES(bernoulli_from_logits<float>(zeros(4), none, ones, ones, 1, 2, 2, 0, S, weighted, 9));
    TAKES(bernoulli_from_probabilities<float>(none, none, ones, ones, 1, 0, 2, 3, S));
    TAKES(bernoulli_from_probabilities<float>(none, none, ones, ones, 1, 2, 0, 3, S));
    TAKES(bernoulli_from_probabilities<float>(zeros(4), none, ones, ones, 1, 2, 2, 0, S));
    REFUSES(bernoulli_from_probabilities<float>(none, none, ones, ones, 1, 2, 2, 3, S, {nullptr, {1, 3}}));
    TAKES(gaussian_likelihood<float>({none, none, none}, ones, ones, {ones, 3, 64}, 1, 0, 2, 4, 3, S));
    TAKES(gaussian_likelihood<float>({none, none, zeros(6)}, ones, ones, {ones, 3, 3}, 1, 2, 0, 4, 3, S));
    TAKES(gaussian_likelihood<float>({none, none, zeros(2)}, ones, ones, {ones, 1, 1}, 1, 2, 0, 4, 3, S));
    TAKES(gaussian_likelihood<float>({zeros(4), none, zeros(6)}, ones, ones, {ones, 3, 3}, 1, 2, 2, 0, 3, S));
    TAKES(gaussian_likelihood<float>({zeros(4), none, nullptr}, ones, ones, {nullptr, 0, 0}, 1, 2, 2, 4, 0, S));
    REFUSES(gaussian_likelihood<float>({none, none, none}, ones, ones, {ones, 0, 64}, 1, 2, 2, 4, 0, S));
    TAKES(sigmoid<float>(none, ones, 0, S));
    for (const ClassAxis axis : {ClassAxis::kFirst, ClassAxis::kLast}) {
        TAKES(softmax_cross_entropy<float>({none, none, none}, ones, ones, 64, {ones}, 1, axis, 0, 2, 3, S));
        TAKES(softmax_cross_entropy<float>({none, none, none}, ones, ones, 64, {ones}, 1, axis, 2, 0, 3, S));
        REFUSES(softmax_cross_entropy<float>({none, none, none}, ones, ones, 64, {ones}, 1, axis, 2, 2, 0, S));
    }

    const PairShape no_pairs{0, 3, 0}, labelled{0, 0, 2}, no_classes{2, 0, 1};
    const PairRows pairs = PairRows::kPairs, images = PairRows::kImages, sets = PairRows::kSets;
    TAKES(concatenate_pairs_forward<float>(none, {ones, images, 2}, {ones, sets, 3}, labelled, 0, S));
    TAKES(concatenate_pairs_forward<float>(none, {ones, images, 2}, {ones, sets, 3}, no_pairs, 2, S));
    TAKES(concatenate_pairs_forward<float>(all(4, 1), {ones, images, 0}, {ones, pairs, 1}, labelled, 2, S));
    TAKES(concatenate_pairs_forward<float>(none, {ones, images, 0}, {ones, pairs, 0}, labelled, 2, S));
    TAKES(concatenate_pairs_backward<float>({none, ones, images, 2}, ones, 5, labelled, 0, S));
    TAKES(concatenate_pairs_backward<float>({none, ones, sets, 2}, ones, 5, no_pairs, 2, S));
    TAKES(concatenate_pairs_backward<float>({none, ones, images, 0}, ones, 1, labelled, 2, S));
    TAKES(concatenate_pairs_backward<float>({all(4, 1), ones, sets, 1}, ones, 1, labelled, 2, S));
    // Two images without a class to be paired with.
    TAKES(concatenate_pairs_backward<float>({zeros(2), nullptr, images, 1}, ones, 1, {2, 0, 0}, 1, S));
    TAKES(set_mean_forward<float>(none, ones, 2, 0, 3, S));
    TAKES(set_mean_forward<float>(none, ones, 2, 3, 0, S));
    REFUSES(set_mean_forward<float>(none, ones, 0, 2, 3, S));
    TAKES(set_mean_backward<float>(none, ones, ones, 2, 0, 3, S));
    TAKES(set_mean_backward<float>(none, ones, ones, 2, 3, 0, S));
    REFUSES(set_mean_backward<float>(none, ones, ones, 0, 2, 3, S));
    const auto terms = [] { return ClassExpectation<float>{none, none, none, none, none, none}; };
    TAKES(class_expectation<float>(terms(), ones, ones, ones, ones, ones, 1, {2, 3, 2}, 0, S));
    TAKES(class_expectation<float>(terms(), ones, ones, ones, ones, ones, 1, no_pairs, 2, S));
    REFUSES(class_expectation<float>(terms(), ones, ones, ones, ones, ones, 1, no_classes, 2, S));
}

void minibatches() {
    const MinibatchOrder order = MinibatchOrder::epochs(9, 4);
    const ClassIndex index{ones, ones, ones, 9, 2};
    TAKES(gather<float>(none, ones, {ones, ones, order}, 0, 2, {}, S));
    TAKES(gather<float>(none, ones, {ones, ones, order}, 2, 0, {}, S));
    TAKES(gather<float>(none, ones, {ones, ones, MinibatchOrder::range(9, 9)}, 2, 0, {}, S));
    REFUSES(gather<float>(none, ones, {ones, ones, MinibatchOrder::epochs(0, 4)}, 2, 0, {}, S));
    GatherOptions no_pixels;
    no_pixels.height = 0;
    REFUSES(gather<float>(none, ones, {ones, ones, order}, 2, 2, no_pixels, S));
    TAKES(gather_labels(none, ones, {ones, ones, order}, 0, 2, S));
    TAKES(gather_labels(none, ones, {ones, ones, order}, 2, 0, S));
    REFUSES(gather_labels(none, ones, {ones, ones, MinibatchOrder::epochs(0, 4)}, 2, 0, S));
    TAKES(gather_complements<float>({none, 4, 0}, ones, index, {ones, ones, order}, 2, 0, 4, {}, S));
    TAKES(gather_complements<float>({none, 4, 0}, ones, index, {ones, ones, order}, 2, 2, 0, {}, S));
    TAKES(gather_complements<float>({none, 4, 0}, ones, index, {ones, ones, order}, 0, 2, 4, {}, S));
    const LabelledStep<float> step{none, none, none};
    TAKES(gather_labelled<float>(step, ones, ones, index, {ones, ones, order}, 2, 0, 4, {}, S));
    REFUSES(gather_labelled<float>(step, ones, ones, {ones, ones, ones, 9, 0}, {ones, ones, order}, 2, 2, 0, {}, S));
    TAKES(gather_range<float>(none, ones, 0, 0, 2, 3, S));
    TAKES(gather_range<float>(none, ones, 0, 2, 0, 3, S));
    TAKES(gather_range<float>(none, ones, 0, 2, 2, 0, S));
    TAKES(minibatch_order(none, 0, 1, 1, S));
    TAKES(philox_normal<float>(none, 0, 1, Purpose::kTest, 0, S));
    TAKES(philox_uniform<float>(none, 0, 0, 1, 1, Purpose::kTest, 0, S));
    called.insert("advance_step");  // has no size
}

void optimisers() {
    TAKES(adam<float>({none, none, none, kept(2)}, ones, ones, ones, {}, 2, 0, S));
    TAKES(adam<float>({none, none, none, none}, ones, ones, ones, {}, 0, 3, S));
    TAKES(adadelta<float>({none, none, none, kept(2)}, ones, ones, ones, {}, 2, 0, S));
    TAKES(adadelta<float>({none, none, none, none}, ones, ones, ones, {}, 0, 3, S));
    TAKES(clip_norm<float>(none, zeros(2 * kNormParts), 1, 2, 0, S));
    TAKES(clip_norm<float>(none, none, 1, 0, 3, S));
    TAKES(accumulate_sum<float>(none, 1, ones, 0, 3, S));
    GuardedBuffer<std::uint64_t> counter(std::vector<std::uint64_t>{0});
    const std::vector<RowValues<float>> no_terms, no_rows = {{ones, 0, 0}},
                                                  too_many(kMostSums + 1, RowValues<float>{ones, 1, 1});
    TAKES(accumulate_sums<float>(none, kept(1), no_rows, 0, S));
    TAKES(accumulate_sums<float>(kept(2), counter.data(), no_rows, 2, S));
    TAKES(accumulate_sums<float>(none, counter.data(), no_terms, 2, S));
    REFUSES(accumulate_sums<float>(none, none, too_many, 2, S));
    TAKES(accumulate_sum<float>(kept(2), 1, ones, 2, 0, S));
    TAKES(accumulate_moments<float>(none, ones, 0, 2, 3, 3, S));
    TAKES(accumulate_moments<float>(kept(12), ones, 2, 0, 3, 3, S));
    TAKES(accumulate_moments<float>(none, ones, 2, 2, 0, 3, S));
    TAKES(accumulate_correct(none, ones, ones, 0, 0, 3, S));
    TAKES(accumulate_correct(kept(2), ones, ones, 0, 2, 0, S));
}

void images() {
    for (const Interpolation how : {Interpolation::kNearest, Interpolation::kBilinear}) {
        TAKES(affine_warp(none, ones, ones, how, 0, 2, 3, S));
        TAKES(affine_warp(none, ones, ones, how, 2, 0, 3, S));
        TAKES(affine_warp(none, ones, ones, how, 2, 3, 0, S));
    }
    const SampleShape shape{1, 3, 3, 3, 3}, no_channels{0, 3, 3, 3, 3}, no_rows{1, 0, 3, 3, 3}, no_out{1, 3, 3, 3, 0};
    const Warp<float> warp{WarpForm::kAffine, ones};
    const WarpLoss<float> no_loss{none, none, none, none, none};
    TAKES(grid_sample_forward<float>(none, ones, ones, 0, shape, {}, S));
    TAKES(grid_sample_backward<float>(none, none, ones, ones, ones, 0, shape, {}, S));
    TAKES(warp_forward<float>(none, ones, ones, warp, 0, shape, {}, S));
    TAKES(warp_sigmoid_bernoulli<float>(no_loss, ones, ones, warp, ones, 1, 0, shape, {}, S));
    TAKES(warp_backward<float>(none, none, false, ones, ones, ones, warp, 0, shape, {}, S));
    for (const SampleShape& bad : {no_channels, no_rows, no_out}) {
        REFUSES(grid_sample_forward<float>(none, ones, ones, 2, bad, {}, S));
        REFUSES(grid_sample_backward<float>(none, none, ones, ones, ones, 2, bad, {}, S));
        REFUSES(warp_forward<float>(none, ones, ones, warp, 2, bad, {}, S));
        REFUSES(warp_sigmoid_bernoulli<float>(no_loss, ones, ones, warp, ones, 1, 2, bad, {}, S));
        REFUSES(warp_backward<float>(none, none, false, ones, ones, ones, warp, 2, bad, {}, S));
    }
    for (const auto kind : {DegradationKind::kSaltAndPepper, DegradationKind::kGaussian, DegradationKind::kOcclusion}) {
        TAKES(degrade<float>(none, ones, {kind, 0.5f}, ones, 0, 0, 2, 3, 3, S));
        TAKES(degrade<float>(none, ones, {kind, 0.5f}, ones, 0, 2, 0, 3, 3, S));
        REFUSES(degrade<float>(none, ones, {kind, 0.5f}, ones, 0, 2, 2, 0, 3, S));
        TAKES(degrade_minibatch<float>(none, ones, {kind, 0.5f}, ones, ones, 0, 2, 3, 3, S));
        TAKES(degrade_minibatch<float>(none, ones, {kind, 0.5f}, ones, ones, 2, 0, 3, 3, S));
        REFUSES(degrade_minibatch<float>(none, ones, {kind, 0.5f}, ones, nullptr, 2, 2, 3, 3, S));
    }
    TAKES(channels_first<float>(none, ones, 0, 4, 3, S));
    TAKES(channels_first<float>(none, ones, 2, 0, 3, S));
    REFUSES(channels_first<float>(none, ones, 2, 4, 0, S));
    TAKES(channels_last<float>(none, ones, 0, 4, 3, S));
    TAKES(channels_last<float>(none, ones, 2, 0, 3, S));
    REFUSES(channels_last<float>(none, ones, 2, 4, 0, S));
    TAKES(psnr<float>(none, ones, ones, 0, 2, 3, S));
    TAKES(psnr<float>(none, ones, ones, 2, 0, 3, S));
    REFUSES(psnr<float>(none, ones, ones, 2, 2, 0, S));
    const GlyphSkeletons skeletons{ones, ones, ones, ones};
    TAKES(glyphs({none, none, none}, skeletons, {}, {1, 1, 0}, 0, 28, 28, S));
    REFUSES(glyphs({none, none, none}, skeletons, {}, {1, 1, 0}, 2, 0, 28, S));
    TAKES(colour_glyphs({none, none, none}, skeletons, {}, {1, 1, 0}, 0, 28, 28, S));
    REFUSES(colour_glyphs({none, none, none}, skeletons, {}, {1, 1, 0}, 2, 28, 0, S));
}

TEST(ZeroSizes, OfEveryLauncherThatAHeaderDeclares) {
    at_all_block_sizes([] {
        if (convolution_library() != "no cuDNN") convolutions<float>(), convolutions<double>();
        products<float>(), products<double>();
        for (const char* launches_nothing :
             {"convolution_is_fused", "dense_is_fused", "fused_gaussian_head_fits", "fused_posterior_backward_fits"})
            called.insert(launches_nothing);
        dense();
        channels();
        fused_convolutions();
        fused_dense();
        gaussians();
        losses();
        minibatches();
        optimisers();
        images();
    });
    const std::set<std::string> declared = declared_launchers(std::not_fn(is_of_evaluation));
    EXPECT_GT(declared.size(), 100u);
    for (const std::string& name : declared)
        EXPECT_TRUE(called.count(name) ||
                    (name.find("convolution") != std::string::npos && convolution_library() == "no cuDNN"))
            << name << " has no line in this file";
}

}  // namespace
}  // namespace warpvae

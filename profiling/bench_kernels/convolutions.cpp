// Convolutions and what stands behind them, for the second layers of EQUIVAE's encoder and the fourth of its decoder
// (bench_convolution has all layers), and the pixels of the first.
#include "profiling/bench_kernels/rows.h"
#include "profiling/macs.h"

namespace warpvae {
namespace {

constexpr Activation kRelu = Activation::kRelu;
/// 28 x 28 pixels of 8 channels to 14 x 14 of 16; the other way 8 x 8 of 32 to 16 x 16 of 16.
constexpr ConvolutionShape kEncoder{8, 28, 28, 16, 5, 2, 2}, kDecoder{16, 16, 16, 32, 5, 2, 2};
/// Of either side and the weights, each once.
double bytes_of(const ConvolutionShape& s) { return 4. * (N * double(s.x_size() + s.y_size()) + s.weights()); }
double operations_of(const ConvolutionShape& s) { return 2. * N * macs_of(s); }
/// Parameters, padded as in an arena.
constexpr std::size_t padded(const ConvolutionShape& s) { return s.weights() + 128; }

struct Sides {
    float *x, *y, *dx, *dy, *W, *dW;
    std::size_t P;
    Sides(Arrays& a, const ConvolutionShape& s)
        : x(a.floats(N * s.x_size())),
          y(a.floats(N * s.y_size())),
          dx(a.floats(N * s.x_size())),
          dy(a.floats(N * s.y_size())),
          W(a.floats(padded(s))),
          dW(a.floats(padded(s))),
          P(padded(s)) {}
    const float* bias(const ConvolutionShape& s) const { return W + s.weights(); }
};

constexpr int kChannels = 8;  // of the first layer's pixels, as many as the images'
constexpr double kNumbers = kPixels * kChannels;
constexpr std::size_t M = std::size_t(N) * D;

struct Norm {
    float *x, *y, *statistics, *parameters;
    double* scratch;
    explicit Norm(Arrays& a)
        : x(a.floats(M * kChannels)),
          y(a.floats(M * kChannels)),
          statistics(a.floats(2 * kChannels, 0.5f, 1)),
          parameters(a.floats(4 * kChannels)),
          scratch(a.zeros<double>(batch_norm_scratch(M, kChannels))) {}
    NormStatistics<float> by() const { return {statistics, statistics + kChannels, 2 * kChannels}; }
    NormParameters<float> then() const { return {parameters, parameters + kChannels, 4 * kChannels}; }
};

}  // namespace

std::vector<Row> convolution_rows() {
    return {
        {"convolution_forward (8 to 16 channels)", bytes_of(kEncoder), operations_of(kEncoder),
         [](Arrays& a) {
             const Sides s(a, kEncoder);
             return [=, R = a.R, &c = a.convolver] {
                 return convolution_forward<float>(c, s.y, s.x, s.W, s.P, kEncoder, R, N);
             };
         }},
        {"convolution_backward_data (8 to 16 channels)", bytes_of(kEncoder), operations_of(kEncoder),
         [](Arrays& a) {
             const Sides s(a, kEncoder);
             return [=, R = a.R, &c = a.convolver] {
                 return convolution_backward_data<float>(c, s.dx, s.dy, s.W, s.P, kEncoder, R, N);
             };
         }},
        {"convolution_backward_weights (8 to 16 channels)", bytes_of(kEncoder), operations_of(kEncoder),
         [](Arrays& a) {
             const Sides s(a, kEncoder);
             return [=, R = a.R, &c = a.convolver] {
                 return convolution_backward_weights<float>(c, s.dW, s.dy, s.x, s.P, kEncoder, R, N);
             };
         }},
        {"transposed_convolution_forward (32 to 16 channels)", bytes_of(kDecoder), operations_of(kDecoder),
         [](Arrays& a) {
             const Sides s(a, kDecoder);
             return [=, R = a.R, &c = a.convolver] {
                 return transposed_convolution_forward<float>(c, s.x, s.y, s.W, s.P, kDecoder, R, N);
             };
         }},
        {"transposed_convolution_backward_data (32 to 16 channels)", bytes_of(kDecoder), operations_of(kDecoder),
         [](Arrays& a) {
             const Sides s(a, kDecoder);
             return [=, R = a.R, &c = a.convolver] {
                 return transposed_convolution_backward_data<float>(c, s.dy, s.dx, s.W, s.P, kDecoder, R, N);
             };
         }},
        {"transposed_convolution_backward_weights (32 to 16 channels)", bytes_of(kDecoder), operations_of(kDecoder),
         [](Arrays& a) {
             const Sides s(a, kDecoder);
             return [=, R = a.R, &c = a.convolver] {
                 return transposed_convolution_backward_weights<float>(c, s.dW, s.dx, s.y, s.P, kDecoder, R, N);
             };
         }},
    };
}

std::vector<Row> fused_convolution_rows() {
    const double x_side = 4. * N * double(kEncoder.x_size()), y_side = 4. * N * double(kDecoder.y_size());
    return {
        {"fused_convolution_forward (8 to 16 channels, relu)", bytes_of(kEncoder), operations_of(kEncoder),
         [](Arrays& a) {
             const Sides s(a, kEncoder);
             return [=, R = a.R] {
                 return fused_convolution_forward({{s.y, s.x, s.W, s.bias(kEncoder), N}}, s.P, kRelu, kEncoder, R,
                                                  nullptr);
             };
         }},
        {"fused_convolution_backward_data (8 to 16 channels, relu)", bytes_of(kEncoder) + x_side,
         operations_of(kEncoder),
         [](Arrays& a) {
             const Sides s(a, kEncoder);
             return [=, R = a.R] {
                 return fused_convolution_backward_data({{s.dx, s.dy, s.x, s.W, N}}, s.P, kRelu, kEncoder, R, nullptr);
             };
         }},
        {"fused_transposed_convolution_forward (32 to 16 channels, relu)", bytes_of(kDecoder), operations_of(kDecoder),
         [](Arrays& a) {
             const Sides s(a, kDecoder);
             return [=, R = a.R] {
                 return fused_transposed_convolution_forward({{s.x, s.y, s.W, s.bias(kDecoder), N}}, s.P, kRelu,
                                                             kDecoder, R, nullptr);
             };
         }},
        {"fused_transposed_convolution_backward_data (32 to 16 channels, relu)", bytes_of(kDecoder) + y_side,
         operations_of(kDecoder),
         [](Arrays& a) {
             const Sides s(a, kDecoder);
             return [=, R = a.R] {
                 return fused_transposed_convolution_backward_data({{s.dy, s.dx, s.y, s.W, N}}, s.P, kRelu, kDecoder, R,
                                                                   nullptr);
             };
         }},
        {"weight_gradients (a convolution, 8 to 16 channels)", bytes_of(kEncoder), operations_of(kEncoder),
         [](Arrays& a) {
             const Sides s(a, kEncoder);
             const PartialGradientSizes sizes = partial_gradients(kEncoder, false, N);
             const PartialGradients scratch{a.floats(sizes.parts), a.zeros<unsigned int>(sizes.arrived)};
             const WeightLayers<float> layers{{}, {{0, kEncoder.weights(), s.dy, s.x, kEncoder, false, N, scratch}}};
             return [=, R = a.R] { return weight_gradients(s.dW, layers, R, s.P, nullptr); };
         }},
    };
}

std::vector<Row> channel_rows() {
    return {
        {"channel_bias_forward (8 channels, relu)", 8 * kNumbers, 0,
         [](Arrays& a) {
             float *y = a.floats(M * kChannels), *b = a.floats(kChannels);
             return [=, R = a.R] { return channel_bias_forward(y, b, kChannels, kRelu, R, M, kChannels, nullptr); };
         }},
        {"channel_bias_backward (8 channels, relu)", 12 * kNumbers, 0,
         [](Arrays& a) {
             float *dy = a.floats(M * kChannels), *db = a.floats(kChannels), *y = a.floats(M * kChannels),
                   *partials = a.floats(channel_bias_partials(M, kChannels));
             return [=, R = a.R] {
                 return channel_bias_backward(dy, db, partials, y, kChannels, R, M, kChannels, nullptr);
             };
         }},
        {"batch_norm_statistics (8 channels)", 4 * kNumbers, 0,
         [](Arrays& a) {
             const Norm n(a);
             return
                 [=, R = a.R] { return batch_norm_statistics(n.statistics, n.scratch, n.x, R, M, kChannels, nullptr); };
         }},
        {"batch_norm_forward (8 channels, relu)", 8 * kNumbers, 0,
         [](Arrays& a) {
             const Norm n(a);
             return [=, R = a.R] {
                 return batch_norm_forward(n.y, n.x, n.by(), n.then(), kRelu, R, M, kChannels, nullptr);
             };
         }},
        {"batch_norm_backward (8 channels, relu)", 16 * kNumbers, 0,
         [](Arrays& a) {
             const Norm n(a);
             float *dy = a.floats(M * kChannels), *gradients = a.floats(4 * kChannels);
             return [=, R = a.R] {
                 return batch_norm_backward(dy, gradients, gradients + kChannels, n.scratch, n.x, n.y, n.by(), n.then(),
                                            R, M, kChannels, nullptr);
             };
         }},
        {"batch_norm_update (8 channels)", 4.0 * kChannels * (2 + 2 * 2 + 2), 0,
         [](Arrays& a) {
             float *running = a.floats(2 * kChannels), *before = a.floats(2 * kChannels),
                   *statistics = a.floats(2 * kChannels);
             std::uint64_t *next = a.zeros<std::uint64_t>(1), *step = a.step();
             return [=, R = a.R] {
                 return batch_norm_update<float>({running, running + kChannels, 2 * kChannels, before, next},
                                                 statistics, step, R, M, kChannels, nullptr);
             };
         }},
        {"channels_first (28 x 28 x 8)", 8 * kNumbers, 0,
         [](Arrays& a) {
             float *out = a.floats(M * kChannels), *in = a.floats(M * kChannels);
             return [=, n = std::size_t(a.R) * N] { return channels_first(out, in, n, D, kChannels, nullptr); };
         }},
        {"channels_last (28 x 28 x 8)", 8 * kNumbers, 0,
         [](Arrays& a) {
             float *out = a.floats(M * kChannels), *in = a.floats(M * kChannels);
             return [=, n = std::size_t(a.R) * N] { return channels_last(out, in, n, D, kChannels, nullptr); };
         }},
    };
}

}  // namespace warpvae

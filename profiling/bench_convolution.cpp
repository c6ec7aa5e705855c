// EQUIVAE's layers of 128 images, one by one: each convolution or transposed convolution forward, backward to its input
// (but for images) and to its weights, and its bias with ReLU, forward and backward.
//
//   bench_convolution [mnist|svhn]   one line a case: "case microseconds floor_microseconds GMACs"
//
// floor: the multiplications with addition (taps outside the image not counted) at the rate of our own matrix product;
// of the bias, bytes that must move (8 forward, 12 backward a number) at the rate of our own sum of as many numbers.
// The peer is peers/convolution_torch.py; run_benchmarks.sh runs both in turns and prints one table.
#include <cstdio>
#include <string>

#include "models/conv_stack.h"
#include "models/equivae.h"
#include "profiling/macs.h"

namespace warpvae {
namespace {

constexpr int N = 128;

void measure(const std::string& name, const ConvLayer& layer, bool of_images, const Convolver& convolver,
             double macs_per_us) {
    const ConvolutionShape& s = layer.shape;
    const std::size_t in = N * layer.in(), out = N * layer.out();
    const int C = layer.out_channels();
    DeviceBuffer<float> x(in), y(out), dx(in), dy(out), W(s.weights()), dW(s.weights()), b(C), db(C);
    DeviceBuffer<float> partials(channel_bias_partials(N * layer.out_pixels(), C));
    for (DeviceBuffer<float>* d : {&x, &y, &dy, &W, &b})
        check(philox_uniform(d->data(), d->size(), -1.f, 1.f, 1, Purpose::kTest, 0, nullptr));
    const auto print = [&](const char* what, double floor, double macs, const Timing& t) {
        std::printf("%s-%s %.1f %.1f %.6f\n", name.c_str(), what, t.median, floor, macs / 1e9);
        std::fflush(stdout);
    };
    const double macs = N * macs_of(s), floor = macs / macs_per_us;
    print("forward", floor, macs, time_call(nullptr, [&] {
              check(layer.transposed
                        ? transposed_convolution_forward<float>(convolver, y.data(), x.data(), W.data(), 0, s, 1, N)
                        : convolution_forward<float>(convolver, y.data(), x.data(), W.data(), 0, s, 1, N));
          }));
    if (!of_images)
        print("data", floor, macs, time_call(nullptr, [&] {
                  check(layer.transposed
                            ? transposed_convolution_backward_data<float>(convolver, dx.data(), dy.data(), W.data(), 0,
                                                                          s, 1, N)
                            : convolution_backward_data<float>(convolver, dx.data(), dy.data(), W.data(), 0, s, 1, N));
              }));
    print("weights", floor, macs, time_call(nullptr, [&] {
              check(layer.transposed
                        ? transposed_convolution_backward_weights<float>(convolver, dW.data(), dy.data(), x.data(), 0,
                                                                         s, 1, N)
                        : convolution_backward_weights<float>(convolver, dW.data(), dy.data(), x.data(), 0, s, 1, N));
          }));
    const double bytes = double(out) * sizeof(float);
    DeviceBuffer<float> sum(out);
    sum.zero();
    const double bandwidth =
        3 * bytes / time_call(nullptr, [&] { check(add(sum.data(), dy.data(), out, nullptr)); }).median;
    print("bias", 2 * bytes / bandwidth, 0, time_call(nullptr, [&] {
              check(channel_bias_forward<float>(y.data(), b.data(), 0, Activation::kRelu, 1, N * layer.out_pixels(), C,
                                                nullptr));
          }));
    print("bias-backward", 3 * bytes / bandwidth, 0, time_call(nullptr, [&] {
              check(channel_bias_backward<float>(dy.data(), db.data(), partials.data(), y.data(), 0, 1,
                                                 N * layer.out_pixels(), C, nullptr));
          }));
}

int run(const std::string& data) {
    if (data != "mnist" && data != "svhn") throw DeviceError("the images are mnist's or svhn's");
    require_device();
    const EquivaeConfig c;
    const int size = data == "svhn" ? 32 : 28, channels = data == "svhn" ? 3 : 1;
    const Convolver convolver;
    const double rate = product_rate(Matmul());
    const auto measure_all = [&](const std::string& part, const std::vector<ConvLayer>& layers) {
        for (std::size_t i = 0; i < layers.size(); ++i)
            measure(part + std::to_string(i), layers[i], part == "encoder" && i == 0, convolver, rate);
    };
    measure_all("encoder", encoder_convolutions(size, size, channels, c.filters));
    measure_all("decoder", decoder_convolutions(2 * c.decoder_hidden, size, size, channels, c.decoder_filters));
    return 0;
}

}  // namespace
}  // namespace warpvae

int main(int argc, char** argv) try {
    return warpvae::run(argc > 1 ? argv[1] : "mnist");
} catch (const std::exception& error) {
    std::fprintf(stderr, "bench_convolution: %s\n", error.what());
    return 1;
}

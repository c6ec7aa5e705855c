// EQUIVAE's layers of N images, one by one: each convolution or transposed convolution forward with its bias and ReLU,
// backward to its input with the ReLU before it (but for images), and backward to its weights and bias; then what each
// of these three takes of all layers: sums of the rows, but that fused kernels make all layers' weights at once, as a
// training step has them.
//
//   bench_convolution [mnist|svhn] [N] [fused|library] [CASE]
//       one line a case: "case microseconds floor_microseconds GMACs"
//
// N: 128 images. fused: our kernels, which a GPU runs (on the CPU device as lanes, slowly); library: cuDNN or oneDNN
// with kernels for bias and ReLU, which the CPU device runs. CASE: that one alone, for Nsight Compute. floor: the
// multiplications with addition (taps outside the image not counted) at the rate of the device's own matrix product.
// The peer is peers/convolution_torch.py; run_benchmarks.sh runs them in turns and prints one table.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "models/conv_stack.h"
#include "models/equivae.h"
#include "profiling/macs.h"

namespace warpvae {
namespace {

/// A layer with what it reads and writes.
struct Layer {
    ConvLayer layer;
    int N;
    const std::size_t in = N * layer.in(), out = N * layer.out(), bias = layer.shape.weights();
    DeviceBuffer<float> x{in}, y{out}, dx{in}, dy{out}, parameters{bias + layer.out_channels()},
        gradients{bias + layer.out_channels()},
        partials{channel_bias_partials(N * layer.out_pixels(), layer.out_channels())};
    const PartialGradientSizes sizes = partial_gradients(layer.shape, layer.transposed, N);
    DeviceBuffer<float> parts{sizes.parts};
    DeviceBuffer<unsigned int> arrived{sizes.arrived};

    Layer(const ConvLayer& layer_, int N_) : layer(layer_), N(N_) {
        for (DeviceBuffer<float>* d : {&x, &y, &dy, &parameters})
            check(philox_uniform(d->data(), d->size(), -1.f, 1.f, 1, Purpose::kTest, 0, nullptr));
        arrived.zero();
    }
    const float* W() const { return parameters.data(); }
    const float* b() const { return parameters.data() + bias; }

    void forward_fused() {
        check((layer.transposed ? fused_transposed_convolution_forward : fused_convolution_forward)(
            {{y.data(), x.data(), W(), b(), N}}, 0, Activation::kRelu, layer.shape, 1, nullptr));
    }
    void backward_data_fused() {
        check((layer.transposed ? fused_transposed_convolution_backward_data : fused_convolution_backward_data)(
            {{dx.data(), dy.data(), x.data(), W(), N}}, 0, Activation::kRelu, layer.shape, 1, nullptr));
    }
    /// Its gradient, `at` elements into an arena.
    ConvolutionWeightGradient<float> weight_gradient(std::size_t at) const {
        return {at,
                at + bias,
                layer.transposed ? x.data() : dy.data(),
                layer.transposed ? dy.data() : x.data(),
                layer.shape,
                layer.transposed,
                N,
                {const_cast<float*>(parts.data()), const_cast<unsigned int*>(arrived.data())}};
    }
    void backward_weights_fused() {
        check(weight_gradients(gradients.data(), {{}, {weight_gradient(0)}}, 1, gradients.size(), nullptr));
    }

    void forward(const Convolver& convolver) {
        check(layer.transposed
                  ? transposed_convolution_forward<float>(convolver, y.data(), x.data(), W(), 0, layer.shape, 1, N)
                  : convolution_forward<float>(convolver, y.data(), x.data(), W(), 0, layer.shape, 1, N));
        check(channel_bias_forward<float>(y.data(), b(), 0, Activation::kRelu, 1, N * layer.out_pixels(),
                                          layer.out_channels(), nullptr));
    }
    void backward_data(const Convolver& convolver) {
        check(layer.transposed
                  ? transposed_convolution_backward_data<float>(convolver, dx.data(), dy.data(), W(), 0, layer.shape, 1,
                                                                N)
                  : convolution_backward_data<float>(convolver, dx.data(), dy.data(), W(), 0, layer.shape, 1, N));
        check(activation_backward<float>(dx.data(), x.data(), Activation::kRelu, in, nullptr));
    }
    void backward_weights(const Convolver& convolver) {
        check(layer.transposed ? transposed_convolution_backward_weights<float>(convolver, gradients.data(), dy.data(),
                                                                                x.data(), 0, layer.shape, 1, N)
                               : convolution_backward_weights<float>(convolver, gradients.data(), dy.data(), x.data(),
                                                                     0, layer.shape, 1, N));
        check(channel_bias_backward<float>(dy.data(), gradients.data() + bias, partials.data(), nullptr, 0, 1,
                                           N * layer.out_pixels(), layer.out_channels(), nullptr));
    }
};

int run(const std::string& data, int N, const std::string& kernels, const std::string& only) {
    if (data != "mnist" && data != "svhn") throw DeviceError("the images are mnist's or svhn's");
    if (N < 1) throw DeviceError("the number of images is 1 or more");
    if (kernels != "fused" && kernels != "library") throw DeviceError("the kernels are fused or library");
    require_device();
    const bool is_fused = kernels == "fused";
    const EquivaeConfig c;
    const int size = data == "svhn" ? 32 : 28, channels = data == "svhn" ? 3 : 1;
    const Convolver convolver;
    const double rate = product_rate(Matmul());
    WeightLayers<float> all;
    std::size_t P = 0;
    struct Sum {
        double time = 0, macs = 0;
    } all_forward, all_data, all_weights;
    std::vector<std::unique_ptr<Layer>> layers;
    const auto measure = [&](const std::string& name, double macs, auto call) {
        if (!only.empty() && only != name) return 0.0;
        const double median = time_call(nullptr, call).median;
        std::printf("%s %.1f %.1f %.6f\n", name.c_str(), median, macs / rate, macs / 1e9);
        std::fflush(stdout);
        return median;
    };
    const auto measure_all = [&](const std::string& part, const std::vector<ConvLayer>& of_part) {
        for (std::size_t i = 0; i < of_part.size(); ++i) {
            Layer& l = *layers.emplace_back(std::make_unique<Layer>(of_part[i], N));
            const double macs = N * macs_of(l.layer.shape);
            const std::string name = part + std::to_string(i);
            const auto add = [&](Sum& sum, const char* what, auto call) {
                sum.time += measure(name + what, macs, call), sum.macs += macs;
            };
            add(all_forward, "-forward", [&] { is_fused ? l.forward_fused() : l.forward(convolver); });
            if (part != "encoder" || i)
                add(all_data, "-data", [&] { is_fused ? l.backward_data_fused() : l.backward_data(convolver); });
            add(all_weights, "-weights",
                [&] { is_fused ? l.backward_weights_fused() : l.backward_weights(convolver); });
            all.convolutions.push_back(l.weight_gradient(P));
            P += l.gradients.size();
        }
    };
    measure_all("encoder", encoder_convolutions(size, size, channels, c.filters));
    measure_all("decoder", decoder_convolutions(2 * c.decoder_hidden, size, size, channels, c.decoder_filters));
    const auto print = [&](const char* name, const Sum& sum) {
        if (only.empty()) std::printf("%s %.1f %.1f %.6f\n", name, sum.time, sum.macs / rate, sum.macs / 1e9);
    };
    print("all-forward", all_forward);
    print("all-data", all_data);
    if (is_fused) {
        DeviceBuffer<float> gradients(P);
        measure("all-weights", all_weights.macs,
                [&] { check(weight_gradients(gradients.data(), all, 1, P, nullptr)); });
    } else {
        print("all-weights", all_weights);
    }
    return 0;
}

}  // namespace
}  // namespace warpvae

int main(int argc, char** argv) try {
    return warpvae::run(argc > 1 ? argv[1] : "mnist", argc > 2 ? std::atoi(argv[2]) : 128,
                        argc > 3                   ? argv[3]
                        : warpvae::device_is_gpu() ? "fused"
                                                   : "library",
                        argc > 4 ? argv[4] : "");
} catch (const std::exception& error) {
    std::fprintf(stderr, "bench_convolution: %s\n", error.what());
    return 1;
}

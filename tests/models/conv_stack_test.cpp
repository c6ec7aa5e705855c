// Rows of convolutions, given torch's weights, against torch's definitions of Conv2d and ConvTranspose2d as plain sums.
#include "models/conv_stack.h"

#include <gtest/gtest.h>

#include <deque>
#include <tuple>

#include "tests/support/device_test.h"
#include "tests/support/model_test.h"

namespace warpvae {
namespace {

using namespace test;

/// One image [H, W, C] through one layer. W is torch's: Conv2d's [out, in, k, k], ConvTranspose2d's [in, out, k, k].
std::vector<double> torch_layer(const ConvLayer& layer, const std::vector<double>& x, const std::vector<double>& W,
                                const std::vector<double>& b, bool relu) {
    const ConvolutionShape& s = layer.shape;
    const int C = layer.out_channels(), k = s.kernel;
    std::vector<double> out(layer.out());
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = b[i % C];
    for (int h = 0; h < s.y_height(); ++h)
        for (int w = 0; w < s.y_width(); ++w)
            for (int narrow = 0; narrow < s.y_channels; ++narrow)
                for (int wide = 0; wide < s.x_channels; ++wide)
                    for (int i = 0; i < k; ++i)
                        for (int j = 0; j < k; ++j) {
                            const int xh = h * s.stride + i - s.padding, xw = w * s.stride + j - s.padding;
                            if (xh < 0 || xh >= s.x_height || xw < 0 || xw >= s.x_width) continue;
                            const double weight = W[((narrow * s.x_channels + wide) * k + i) * k + j];
                            const int y_at = (h * s.y_width() + w) * s.y_channels + narrow,
                                      x_at = (xh * s.x_width + xw) * s.x_channels + wide;
                            if (layer.transposed)
                                out[x_at] += weight * x[y_at];
                            else
                                out[y_at] += weight * x[x_at];
                        }
    for (double& v : out)
        if (relu && v < 0) v = 0;
    return out;
}

std::vector<double> magnitudes(std::vector<double> values) {
    for (double& v : values) v = std::abs(v);
    return values;
}

/// `layers` at R replicas of N images each.
template <class T>
void expect_torchs(std::vector<ConvLayer> layers, Activation last, int R, int N, const std::string& name) {
    ParameterLayout layout;
    ConvStack<T> stack(layout, "conv.", layers, last);
    ParameterArena<T> parameters(layout, R);
    const Convolver convolver;
    stack.allocate(convolver, R, N);
    Random random(R + N);
    const std::vector<T> x = random.normals<T>(std::size_t(R) * N * stack.in());
    double roundings = 0;  // on the way to one output
    for (const ConvLayer& layer : layers)
        roundings += layer.shape.kernel * layer.shape.kernel *
                         (layer.transposed ? layer.shape.y_channels : layer.shape.x_channels) +
                     2;
    std::vector<double> expected, allowed;
    for (int r = 0; r < R; ++r) {
        std::vector<T> arena(layout.size());
        std::vector<std::vector<double>> tensors;
        for (const ParameterInfo& tensor : layout.tensors()) {
            const std::vector<T> values = random.normals<T>(tensor.count, 0.2);
            tensor.set(arena, values);
            tensors.push_back(as<double>(values));
        }
        parameters.upload(r, arena);
        for (int n = 0; n < N; ++n) {
            std::vector<double> image = as<double>(slice(x, (std::size_t(r) * N + n) * stack.in(), stack.in()));
            std::vector<double> magnitude = magnitudes(image);
            for (std::size_t i = 0; i < layers.size(); ++i) {
                const std::vector<double>&W = tensors[2 * i], &b = tensors[2 * i + 1];
                const bool relu = i + 1 < layers.size() || last == Activation::kRelu;
                image = torch_layer(layers[i], image, W, b, relu);
                magnitude = torch_layer(layers[i], magnitude, magnitudes(W), magnitudes(b), false);
            }
            expected.insert(expected.end(), image.begin(), image.end());
            for (const double m : magnitude) allowed.push_back(roundings * kRounding<T> * m);
        }
    }
    const GuardedBuffer<T> images(x);
    stack.forward(convolver, parameters, images.data(), R, N);
    std::vector<T> actual(expected.size());
    check(copy_to_host(actual.data(), stack.output(), actual.size() * sizeof(T)));
    expect_close(actual, expected, allowed, name);
}

ConvLayer layer_of(ConvolutionShape shape, bool transposed) {
    ConvLayer layer;
    layer.shape = shape, layer.transposed = transposed;
    return layer;
}

template <class T>
void expect_all() {
    expect_torchs<T>(encoder_convolutions(9, 7, 3, {4, 5}), Activation::kRelu, 2, 3, "encoder");
    expect_torchs<T>(decoder_convolutions(12, 8, 8, 3, {5, 4}), Activation::kNone, 2, 3, "decoder, same size");
    expect_torchs<T>(decoder_convolutions(16, 4, 4, 1, {5, 3}), Activation::kNone, 1, 17, "decoder, 4 pixels off");
    expect_torchs<T>({layer_of({2, 5, 4, 3, 1, 1, 0}, false)}, Activation::kNone, 3, 1, "no neighbours");
    expect_torchs<T>({layer_of({1, 5, 4, 3, 3, 2, 1}, true)}, Activation::kRelu, 1, 2, "one channel");
}
TEST(ConvStack, TakesTorchsWeightsInFloat) { expect_all<float>(); }
TEST(ConvStack, TakesTorchsWeightsInDouble) { expect_all<double>(); }
TEST(ConvStack, TakesTorchsWeightsFused) {
    const FusedDense fused;
    expect_all<float>();
}

/// dx, then the gradients of all replicas, of a stack that gets these numbers.
std::vector<float> gradients_of(std::vector<ConvLayer> layers, Activation x_activation, int R, int N,
                                Normalisation normalisation) {
    ParameterLayout layout;
    ConvStack<float> stack(layout, "conv.", std::move(layers), Activation::kRelu, InitialRule::kLasagne, normalisation);
    ParameterArena<float> parameters(layout, R);
    const Convolver convolver;
    stack.allocate(convolver, R, N + 2);  // room for more
    Random random(R + N);
    for (int r = 0; r < R; ++r) {
        std::vector<float> arena(layout.size());
        for (const ParameterInfo& tensor : layout.tensors())
            tensor.set(arena, random.normals<float>(tensor.count, 0.2));
        parameters.upload(r, arena);
    }
    const std::size_t images = std::size_t(R) * N;
    const GuardedBuffer<float> x(random.normals<float>(images * stack.in()));
    GuardedBuffer<float> dy(random.normals<float>(images * stack.out()));
    stack.forward(convolver, parameters, x.data(), R, N, NormMode::kBatch);
    const float* dx = stack.backward(convolver, parameters, dy.data(), x.data(), x_activation, true, R, N);
    std::vector<float> out(images * stack.in());
    check(copy_to_host(out.data(), dx, out.size() * sizeof(float)));
    for (int r = 0; r < R; ++r) {
        const std::vector<float> arena = parameters.download_gradients(r);
        for (const ParameterInfo& tensor : layout.tensors()) {
            const std::vector<float> gradient = tensor.get(arena);
            out.insert(out.end(), gradient.begin(), gradient.end());
        }
    }
    return out;
}

TEST(ConvStack, BeginsAsTorchsLayersDo) {
    for (const bool transposed : {false, true}) {
        ParameterLayout layout;
        ConvLayer layer;
        layer.shape = {6, 9, 9, 11, 5, 1, 2}, layer.transposed = transposed;
        const ConvStack<double> stack(layout, "conv.", {layer}, Activation::kNone, InitialRule::kTorch);
        // torch.nn.Conv2d(6, 11, 5) and ConvTranspose2d(11, 6, 5) both draw from U(-b, b) with b = 1 / sqrt(6 * 25).
        for (const ParameterInfo& tensor : layout.tensors()) {
            EXPECT_DOUBLE_EQ(tensor.initial.bound, 1 / std::sqrt(150.)) << tensor.name;
            EXPECT_TRUE(tensor.initial.centre.empty());
        }
    }
    ParameterLayout layout;
    EXPECT_THROW(ConvStack<double>(layout, "conv.", {}, Activation::kNone, InitialRule::kXavier),
                 std::invalid_argument);
}

TEST(ConvStack, FusedGradientsAreTheLibrarys) {
    const auto expect_same = [](const std::vector<ConvLayer>& layers, Activation x_activation, int R, int N,
                                Normalisation normalisation = Normalisation::kNone) {
        const std::vector<float> library = gradients_of(layers, x_activation, R, N, normalisation);
        const FusedDense fused;
        expect_close(gradients_of(layers, x_activation, R, N, normalisation), as<double>(library),
                     Tolerance{2e-4, 2e-5}, "gradients");
    };
    expect_same(encoder_convolutions(9, 7, 3, {4, 5}), Activation::kNone, 2, 3);
    expect_same(decoder_convolutions(12, 8, 8, 3, {5, 4}), Activation::kRelu, 2, 3);
    expect_same(decoder_convolutions(16, 4, 4, 1, {5, 3}), Activation::kRelu, 1, 17);
    expect_same({layer_of({2, 5, 4, 3, 1, 1, 0}, false)}, Activation::kRelu, 3, 1);
    expect_same(encoder_convolutions(9, 7, 3, {4, 5}), Activation::kNone, 2, 3, Normalisation::kBatch);
    expect_same(decoder_convolutions(12, 8, 8, 3, {5, 4}), Activation::kRelu, 2, 3, Normalisation::kBatch);
}

enum class Way { kLibrary, kFused, kMixed };  ///< mixed: the second stack alone by the library, as for too many images

/// Outputs, input gradients and all gradients of two stacks of the same shapes and of one that shares the first's
/// weights and does not train, together or one after the other.
std::vector<float> numbers_of_stacks(bool together, Normalisation normalisation, Way way) {
    constexpr int R = 2;
    const FusedDense fused;
    const bool is_fused = way != Way::kLibrary;
    launch_options().fused_dense = is_fused;
    using Stack = ConvStack<float>;
    ParameterLayout layout;
    const std::vector<ConvLayer> layers = encoder_convolutions(9, 7, 3, {4, 5});
    Stack a(layout, "a.", layers, Activation::kRelu, InitialRule::kLasagne, normalisation),
        b(layout, "b.", layers, Activation::kRelu, InitialRule::kLasagne, normalisation), c = a.same_weights();
    ParameterArena<float> parameters(layout, R);
    parameters.initialise({3, 4}, nullptr);
    const Convolver convolver;
    Random random(1);
    std::deque<GuardedBuffer<float>> arrays;
    std::vector<Stack::Work> all;
    for (auto [stack, N, trains] : {std::tuple{&a, 3, true}, {&b, 5, true}, {&c, 2, false}}) {
        if (stack == &b && way == Way::kMixed) launch_options().fused_dense = !launch_options().fused_dense;
        stack->allocate(convolver, R, N, trains);
        launch_options().fused_dense = is_fused;
        float* const x = arrays.emplace_back(random.normals<float>(R * N * stack->in())).data();
        all.push_back({stack, x, N, arrays.emplace_back(random.normals<float>(R * N * stack->out())).data()});
    }
    std::vector<float> numbers;
    const auto keep = [&](const float* from, std::size_t count) {
        numbers.resize(numbers.size() + count);
        check(copy_to_host(numbers.data() + numbers.size() - count, from, count * sizeof(float)));
    };
    const auto forward = [&](const std::vector<Stack::Work>& some) {
        Stack::forward_together(convolver, parameters, some, R, NormMode::kBatch);
    };
    const auto backward = [&](const std::vector<Stack::Work>& some) {
        const std::vector<float*> dx =
            Stack::backward_together(convolver, parameters, some, Activation::kNone, true, R);
        for (std::size_t i = 0; i < some.size(); ++i) keep(dx[i], R * some[i].N * some[i].stack->in());
    };
    if (together) forward(all);
    for (const Stack::Work& work : all) {
        if (!together) forward({work});
        keep(work.stack->output(), R * work.N * work.stack->out());
    }
    all.pop_back();
    if (together) backward(all);
    for (const Stack::Work& work : all)
        if (!together) backward({work});
    for (int r = 0; r < R; ++r)
        for (const float gradient : parameters.download_gradients(r)) numbers.push_back(gradient);
    return numbers;
}

TEST(ConvStack, StacksTogetherGiveWhatEachGivesAlone) {
    for (const Normalisation normalisation : {Normalisation::kNone, Normalisation::kBatch})
        for (const Way way : {Way::kLibrary, Way::kFused, Way::kMixed})
            expect_identical(numbers_of_stacks(true, normalisation, way), numbers_of_stacks(false, normalisation, way),
                             "way " + std::to_string(int(way)));
}

TEST(ConvStack, RefusesStacksOfOtherLayersTogether) {
    ParameterLayout layout;
    ConvStack<float> a(layout, "a.", encoder_convolutions(9, 7, 3, {4, 5}), Activation::kRelu),
        b(layout, "b.", encoder_convolutions(9, 7, 3, {4, 6}), Activation::kRelu);
    ParameterArena<float> parameters(layout, 1);
    const Convolver convolver;
    EXPECT_THROW(ConvStack<float>::forward_together(convolver, parameters, {{&a, nullptr, 0}, {&b, nullptr, 0}}, 1,
                                                    NormMode::kRunning),
                 std::invalid_argument);
    ConvStack<float> linear(layout, "c.", encoder_convolutions(9, 7, 3, {4, 5}), Activation::kNone);
    EXPECT_THROW(ConvStack<float>::forward_together(convolver, parameters, {{&a, nullptr, 0}, {&linear, nullptr, 0}}, 1,
                                                    NormMode::kRunning),
                 std::invalid_argument);
}

/// Two replicas of one normalised convolution, with the numbers of an arena, and what its ReLU gives.
struct NormalisedLayer {
    static constexpr int R = 2, N = 3, kPixels = N * 6 * 5, C = 4;
    ParameterLayout layout;
    ConvStack<double> stack{layout,
                            "conv.",
                            {layer_of({2, 6, 5, C, 3, 1, 1}, false)},
                            Activation::kRelu,
                            InitialRule::kLasagne,
                            Normalisation::kBatch};
    ParameterArena<double> parameters{layout, R};
    Convolver convolver;
    std::vector<double> x = Random(1).normals<double>(std::size_t(R) * N * stack.in());
    NormalisedLayer() {
        stack.allocate(convolver, R, N);
        parameters.initialise({3, 4}, nullptr);
    }
    std::vector<double> output(NormMode mode) {
        const GuardedBuffer<double> in(x);
        stack.forward(convolver, parameters, in.data(), R, N, mode);
        std::vector<double> out(std::size_t(R) * N * stack.out());
        check(copy_to_host(out.data(), stack.output(), out.size() * sizeof(double)));
        return out;
    }
    std::vector<double> tensor(const std::string& name, int r) const {
        for (const ParameterInfo& t : layout.tensors())
            if (t.name == name) return t.get(parameters.download(r));
        throw std::out_of_range(name);
    }
};

TEST(ConvStack, HasTorchsNamesForItsNormalisations) {
    ParameterLayout layout;
    ConvStack<float>(layout, "decoder.", decoder_convolutions(12, 8, 8, 3, {5, 4}), Activation::kNone,
                     InitialRule::kLasagne, Normalisation::kBatch);
    std::vector<std::string> names;
    for (const ParameterInfo& tensor : layout.tensors()) names.push_back(tensor.name.substr(8));
    EXPECT_EQ(names, (std::vector<std::string>{"0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean",
                                               "1.running_var", "3.weight", "3.bias", "4.weight", "4.bias",
                                               "4.running_mean", "4.running_var", "6.weight", "6.bias"}));
}

TEST(ConvStack, NormalisesByTheBatchOrByRunningAverages) {
    NormalisedLayer layer;
    // With scale 1 and shift 0 each channel of the batch has mean 0 and variance 1, before the ReLU halves it.
    const std::vector<double> by_batch = layer.output(NormMode::kBatch);
    const DeviceBuffer<std::uint64_t> step(std::vector<std::uint64_t>{0});
    layer.stack.update_running(layer.convolver, layer.parameters, step.data(), layer.R, layer.N);
    const std::vector<double> by_average = layer.output(NormMode::kRunning);
    for (int r = 0; r < layer.R; ++r) {
        const auto mean = layer.tensor("conv.1.running_mean", r), variance = layer.tensor("conv.1.running_var", r);
        for (int c = 0; c < layer.C; ++c) {
            // A tenth of the way from 0 and 1 to the batch's.
            const double batch_mean = mean[c] / 0.1,
                         batch_variance = (variance[c] - 0.9) / 0.1 * (layer.kPixels - 1) / layer.kPixels;
            ASSERT_GT(batch_variance, 0);
            std::vector<double> batch, average, expected;
            for (int i = 0; i < layer.kPixels; ++i) {
                const std::size_t at = (std::size_t(r) * layer.kPixels + i) * layer.C + c;
                if (by_batch[at] == 0 || by_average[at] == 0) continue;  // the ReLU has lost it
                const double x = by_batch[at] * std::sqrt(batch_variance + kNormEpsilon) + batch_mean;
                average.push_back(by_average[at]);
                expected.push_back((x - mean[c]) / std::sqrt(variance[c] + kNormEpsilon));
            }
            EXPECT_GT(average.size(), 5u);
            expect_close(average, expected, Tolerance{1e-12, 1e-12}, "by running averages");
        }
    }
    EXPECT_NE(by_batch, by_average);
}

}  // namespace
}  // namespace warpvae

// A stack of dense layers with each activation between them: forward against a plain loop, backward against finite
// differences, and what each rule lets the parameters start as.
#include "models/dense_stack.h"

#include <array>

#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;

constexpr int R = 2, N = 3;
const std::vector<int> kWidths = {4, 6, 5, 3};

double activate(Activation f, double x) {
    switch (f) {
        case Activation::kRelu:
            return std::max(x, 0.0);
        case Activation::kSigmoid:
            return 1 / (1 + std::exp(-x));
        case Activation::kElu:
            return x < 0 ? std::expm1(x) : x;
        case Activation::kTanh:
            return std::tanh(x);
        case Activation::kSoftplus:
            return std::log1p(std::exp(x));
        default:
            return x;
    }
}

/// A stack of its own and what it needs to run.
struct Stack {
    explicit Stack(Activation hidden, const std::vector<int>& widths = kWidths, InitialRule rule = InitialRule::kXavier,
                   Dropout dropout = {})
        : layers(layout, "", widths, Activation::kNone, rule, dropout, hidden), parameters(layout, R) {
        layers.allocate(R * N);
        parameters.initialise({31, 32}, nullptr);
    }
    std::vector<double> forward(const std::vector<double>& x, const LatentNoise& drop = {}) {
        input = DeviceBuffer<double>(x, "input");
        layers.forward(matmul, parameters, input.data(), R, N, drop);
        std::vector<double> y(std::size_t(R) * N * layers.out());
        check(copy_to_host(y.data(), layers.output(), y.size() * sizeof(double)));
        return y;
    }
    ParameterLayout layout;
    DenseStack<double> layers;
    ParameterArena<double> parameters;
    Matmul matmul;
    DeviceBuffer<double> input;
};

const std::array kHidden = {Activation::kNone, Activation::kRelu, Activation::kSigmoid,
                            Activation::kElu,  Activation::kTanh, Activation::kSoftplus};

TEST(DenseStack, ForwardEqualsAPlainLoop) {
    Random random(1);
    const auto x = random.normals<double>(R * N * kWidths[0]);
    for (const Activation hidden : kHidden) {
        Stack stack(hidden);
        std::vector<double> expected;
        for (int row = 0; row < R * N; ++row) {
            const std::vector<double> values = stack.parameters.download(row / N);
            std::vector<double> a = slice(x, row * kWidths[0], kWidths[0]);
            const auto& tensors = stack.layout.tensors();
            for (std::size_t t = 0; t < tensors.size(); t += 2) {  // weight, bias, weight, bias, ...
                std::vector<double> y = slice(values, tensors[t + 1].offset, tensors[t + 1].count);
                for (std::size_t o = 0; o < y.size(); ++o) {
                    for (std::size_t i = 0; i < a.size(); ++i)
                        y[o] += values[tensors[t].offset + o * a.size() + i] * a[i];
                    if (t + 2 < tensors.size()) y[o] = activate(hidden, y[o]);
                }
                a = y;
            }
            expected.insert(expected.end(), a.begin(), a.end());
        }
        expect_close(stack.forward(x), expected, Tolerance{1e-14, 1e-14}, "activation " + std::to_string(int(hidden)));
    }
}

void expect_backward(Activation hidden, const std::vector<int>& widths) {
    // L = sum c * y, by every parameter of both replicas and by the input.
    Random random(2);
    const auto x = random.normals<double>(R * N * widths[0]);
    Stack stack(hidden, widths);
    const std::size_t P = stack.layout.size();
    const auto c = random.normals<double>(std::size_t(R) * N * widths.back());
    const DeviceBuffer<double> dy(c, "dy");
    const auto loss = [&](const std::vector<double>& input) {
        const std::vector<double> y = stack.forward(input);
        double sum = 0;
        for (std::size_t i = 0; i < y.size(); ++i) sum += c[i] * y[i];
        return sum;
    };
    const auto by_parameters = [&](const std::vector<double>& values) {
        for (int r = 0; r < R; ++r) stack.parameters.upload(r, slice(values, r * P, P));
        return loss(x);
    };
    loss(x);
    const double* dx = stack.layers.backward(stack.matmul, stack.parameters, dy.data(), stack.input.data(),
                                             Activation::kNone, true, R, N);
    std::vector<double> by_input(x.size()), values, gradients;
    check(copy_to_host(by_input.data(), dx, by_input.size() * sizeof(double)));
    for (int r = 0; r < R; ++r) {
        const auto v = stack.parameters.download(r), g = stack.parameters.download_gradients(r);
        values.insert(values.end(), v.begin(), v.end());
        gradients.insert(gradients.end(), g.begin(), g.end());
    }
    const std::string name = "activation " + std::to_string(int(hidden));
    expect_gradient(loss, x, by_input, name + ", dx");
    expect_gradient(by_parameters, values, gradients, name + ", dW and db");
}

TEST(DenseStack, BackwardByFiniteDifferences) {
    for (const Activation hidden : kHidden) expect_backward(hidden, kWidths);
    expect_backward(Activation::kElu, {4, 3});  // no hidden layer
}

TEST(DenseStack, EachRuleHasItsInitialValues) {
    const double torch = 1 / std::sqrt(40.0), glorot = std::sqrt(6.0 / (40 + 60));
    struct Case {
        InitialRule rule;
        double weight, bias, centre;
    };
    for (const Case& c : {Case{InitialRule::kTorch, torch, torch, 0}, Case{InitialRule::kLasagne, glorot, 0, 0},
                          Case{InitialRule::kXavier, glorot, 0, 0.1}}) {
        Stack stack(Activation::kElu, {40, 60}, c.rule);
        const std::vector<double> values = stack.parameters.download(1);
        const auto expect_range = [&](const ParameterInfo& tensor, double centre, double bound) {
            double largest = 0;
            for (const double v : slice(values, tensor.offset, tensor.count))
                largest = std::max(largest, std::abs(v - centre));
            EXPECT_LE(largest, bound * (1 + 1e-12)) << tensor.name;
            EXPECT_GE(largest, 0.9 * bound) << tensor.name;
        };
        expect_range(stack.layout.tensors()[0], 0, c.weight);
        expect_range(stack.layout.tensors()[1], c.centre, c.bias);
    }
}

TEST(DenseStack, DropoutBeginsWithTheLayerThatItIsToldTo) {
    const auto x = Random(4).normals<double>(R * N * kWidths[0]);
    const DeviceBuffer<std::uint64_t> seeds(std::vector<std::uint64_t>{5, 6}, "seeds"),
        step(std::vector<std::uint64_t>{7}, "step");
    const auto output = [&](Dropout dropout) {
        return Stack(Activation::kRelu, kWidths, InitialRule::kXavier, dropout)
            .forward(x, {.seeds = seeds.data(), .step = step.data()});
    };
    const auto whole = output({}), all = output({0.5, 0, 0}), second = output({0.5, 0, 1}), none = output({0.5, 0, 2});
    EXPECT_EQ(none, whole);
    EXPECT_NE(second, whole);
    EXPECT_NE(second, all);
}

TEST(DenseStack, DropoutFollowsReLUsAlone) {
    ParameterLayout layout;
    EXPECT_THROW(
        DenseStack<float>(layout, "", kWidths, Activation::kNone, InitialRule::kTorch, {0.5, 0}, Activation::kElu),
        std::invalid_argument);
}

}  // namespace
}  // namespace warpvae

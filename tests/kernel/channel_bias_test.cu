// Bias and ReLU of pixels with few channels, and its backward with the bias gradient.
#include "cuda/ops/convolution.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;

struct Case {
    int R;
    std::size_t M;
    int C;
};
// No pixel, one, one number past a segment, past a block of segments, channels that do not divide a segment.
const Case kCases[] = {{1, 0, 3},  {2, 1, 1},   {1, 257, 1},  {2, 33, 8},  {1, 1025, 8}, {2, 1031, 8},
                       {1, 87, 3}, {3, 29, 64}, {1, 301, 32}, {1, 7, 256}, {2, 2800, 3}};

template <class T>
void expect_plain(Activation activation) {
    for (const Case& c : kCases) {
        SCOPED_TRACE(std::to_string(c.M) + " pixels of " + std::to_string(c.C) + " channels");
        const std::size_t P = c.C + 5, n = c.R * c.M * c.C;
        Random random(c.M);
        const auto x = random.normals<T>(n), b = random.normals<T>(c.R * P), d = random.normals<T>(n);
        std::vector<double> y(n), y_allowed(n), db(c.R * P), db_allowed(c.R * P);
        std::vector<T> dx(d);
        const bool relu = activation == Activation::kRelu;
        for (std::size_t i = 0; i < n; ++i) {
            const std::size_t r = i / (c.M * c.C), at = r * P + i % c.C;
            const T sum = x[i] + b[at];
            y[i] = relu && sum < T(0) ? 0 : double(sum);
            if (relu && !(sum > T(0))) dx[i] = T(0);
            db[at] += double(dx[i]);
            db_allowed[at] += std::abs(double(dx[i]));
        }
        for (double& a : db_allowed) a = a * kRounding<T> * double(c.M + 1) + 1e-300;
        for (std::size_t i = 0; i < c.R * P; ++i)
            if (i % P >= std::size_t(c.C)) db[i] = 7;  // between the replicas nothing is written
        at_all_block_sizes([&] {
            GuardedBuffer<T> out(x);
            const GuardedBuffer<T> bias(b);
            check(channel_bias_forward(out.data(), bias.data(), P, activation, c.R, c.M, c.C, nullptr));
            expect_close(out.download(), y, y_allowed, "forward");
            GuardedBuffer<T> gradient(d), sums(std::vector<T>(c.R * P, T(7)));
            GuardedBuffer<T> partials(c.R * channel_bias_partials(c.M, c.C));
            check(channel_bias_backward(gradient.data(), sums.data(), partials.data(), relu ? out.data() : nullptr, P,
                                        c.R, c.M, c.C, nullptr));
            expect_identical(gradient.download(), dx, "masked gradient");
            expect_close(sums.download(), db, db_allowed, "bias gradient");
        });
    }
}
TEST(ChannelBias, ReluInFloat) { expect_plain<float>(Activation::kRelu); }
TEST(ChannelBias, ReluInDouble) { expect_plain<double>(Activation::kRelu); }
TEST(ChannelBias, AloneInFloat) { expect_plain<float>(Activation::kNone); }

TEST(ChannelBias, BackwardIsTheDerivative) {
    const int R = 1, C = 3;
    const std::size_t M = 11;
    Random random(1);
    const auto x = random.normals<double>(M * C), weights = random.normals<double>(M * C),
               b = random.normals<double>(C);
    const auto value = [&](const std::vector<double>& in, const std::vector<double>& bias) {
        GuardedBuffer<double> y(in);
        const GuardedBuffer<double> device_b(bias);
        check(channel_bias_forward(y.data(), device_b.data(), C, Activation::kRelu, R, M, C, nullptr));
        const auto out = y.download();
        double sum = 0;
        for (std::size_t i = 0; i < out.size(); ++i) sum += out[i] * weights[i];
        return sum;
    };
    GuardedBuffer<double> y(x), d(weights), db(C), partials(channel_bias_partials(M, C));
    const GuardedBuffer<double> bias(b);
    check(channel_bias_forward(y.data(), bias.data(), C, Activation::kRelu, R, M, C, nullptr));
    check(channel_bias_backward(d.data(), db.data(), partials.data(), y.data(), C, R, M, C, nullptr));
    expect_gradient([&](const auto& in) { return value(in, b); }, x, d.download(), "dx");
    expect_gradient([&](const auto& in) { return value(x, in); }, b, db.download(), "db");
}

TEST(ChannelBias, NaNIsNotHidden) {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    GuardedBuffer<float> y(std::vector<float>{nan, -1, 1, 2}), d(std::vector<float>{1, nan, nan, 1}), db(2),
        partials(2);
    const GuardedBuffer<float> b(std::vector<float>{0, 0});
    check(channel_bias_forward(y.data(), b.data(), 2, Activation::kRelu, 1, 2, 2, nullptr));
    EXPECT_TRUE(std::isnan(y.download()[0]));
    check(channel_bias_backward(d.data(), db.data(), partials.data(), y.data(), 2, 1, 2, 2, nullptr));
    EXPECT_TRUE(std::isnan(db.download()[0]));
    EXPECT_EQ(db.download()[1], 1.f);
}

TEST(ChannelBias, RefusesWhatItCannotDo) {
    GuardedBuffer<float> y(8), b(8);
    for (const Activation f : {Activation::kSigmoid, Activation::kElu, Activation::kTanh, Activation::kSoftplus})
        EXPECT_EQ(channel_bias_forward(y.data(), b.data(), 8, f, 1, 1, 8, nullptr).code, kInvalidValue);
    EXPECT_EQ(channel_bias_forward(y.data(), b.data(), 8, Activation::kRelu, 1, 1, 257, nullptr).code, kInvalidValue);
    EXPECT_EQ(channel_bias_forward(y.data(), b.data(), 8, Activation::kRelu, 1, 1, 0, nullptr).code, kInvalidValue);
    EXPECT_EQ(channel_bias_backward(y.data(), b.data(), b.data(), y.data(), 8, 1, 1, 0, nullptr).code, kInvalidValue);
}

}  // namespace
}  // namespace warpvae

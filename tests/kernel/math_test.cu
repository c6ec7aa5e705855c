// The branch-free functions of cuda/math.cuh over dense sweeps, against the library's long double.
#include "cuda/math.cuh"

#include "cuda/device/launch.cuh"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;

enum class Function {
    kExp,
    kExpOfNonpositive,
    kExpm1,
    kLog,
    kLog1p,
    kSigmoid,
    kTanh,
    kSoftplus,
    kAboveExp,
    kAboveLog,
    kSine,
    kCosine,
    kQuickSqrt,
    kQuickReciprocal,  // 1 / x
    kQuickQuotient     // x / 3
};

template <class T>
__global__ void apply_kernel(T* y, const T* x, std::size_t n, Function function) {
    for (std::size_t i : grid_stride(n)) {
        T sine = 0, cosine = 0;
        switch (function) {
            case Function::kExp:
                y[i] = exp_(x[i]);
                break;
            case Function::kExpOfNonpositive:
                y[i] = exp_of_nonpositive(x[i]);
                break;
            case Function::kExpm1:
                y[i] = expm1_(x[i]);
                break;
            case Function::kLog:
                y[i] = log_(x[i]);
                break;
            case Function::kLog1p:
                y[i] = log1p_(x[i]);
                break;
            case Function::kSigmoid:
                y[i] = sigmoid_(x[i]);
                break;
            case Function::kTanh:
                y[i] = tanh_(x[i]);
                break;
            case Function::kSoftplus:
                y[i] = softplus_(x[i]);
                break;
            case Function::kAboveExp:
                y[i] = above_tangent_of_exp(x[i]);
                break;
            case Function::kAboveLog:
                y[i] = above_tangent_of_log(x[i]);
                break;
            case Function::kSine:
                sincos_turn(x[i], sine, cosine), y[i] = sine;
                break;
            case Function::kCosine:
                sincos_turn(x[i], sine, cosine), y[i] = cosine;
                break;
            case Function::kQuickSqrt:
                y[i] = quick_sqrt(x[i]);
                break;
            case Function::kQuickReciprocal:
                y[i] = quick_divide(T(1), x[i]);
                break;
            case Function::kQuickQuotient:
                y[i] = quick_divide(x[i], T(3));
                break;
        }
    }
}

__global__ void is_finite_kernel(int* y, const float* x, std::size_t n) {
    for (std::size_t i : grid_stride(n)) y[i] = is_finite(x[i]);
}

template <class T>
std::vector<T> evaluate(Function function, const std::vector<T>& x) {
    GuardedBuffer<T> in(x), out(x.size());
    check(launch(apply_kernel<T>, for_elements(x.size()), nullptr, out.data(), in.data(), x.size(), function));
    return out.download();
}

/// The distance from |x| to the next float, as a double; that of the smallest normal number below it.
double ulp(long double x) {
    const float magnitude = std::max(std::abs(static_cast<float>(x)), std::numeric_limits<float>::min());
    return static_cast<double>(std::nextafter(magnitude, std::numeric_limits<float>::infinity())) - magnitude;
}

/// |y - reference(x)| <= ulps units in the last place + absolute.
template <class Reference>
void expect_accurate(Function function, const std::vector<float>& x, Reference reference, double ulps, double absolute,
                     const std::string& name) {
    std::vector<double> expected(x.size()), allowed(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
        const long double exact = reference(static_cast<long double>(x[i]));
        expected[i] = static_cast<double>(exact);
        allowed[i] = ulps * ulp(exact) + absolute;
    }
    expect_close(evaluate(function, x), expected, allowed, name);
}

/// Every `step`-th float from `first` to `last`, both positive or both negative.
std::vector<float> floats_between(float first, float last, unsigned step) {
    std::uint32_t low, high;
    std::memcpy(&low, &first, 4);
    std::memcpy(&high, &last, 4);
    std::vector<float> out;
    for (std::uint64_t bits = low; bits <= high; bits += step) {
        const std::uint32_t word = static_cast<std::uint32_t>(bits);
        float x;
        std::memcpy(&x, &word, 4);
        out.push_back(x);
    }
    return out;
}

const float kNaN = std::numeric_limits<float>::quiet_NaN();
const float kInfinity = std::numeric_limits<float>::infinity();

TEST(Math, Exp) {
    const auto reference = [](long double x) { return std::exp(x); };
    expect_accurate(Function::kExp, floats_between(1e-8f, 88.72f, 1201), reference, 1.5, 0, "exp, x > 0");
    expect_accurate(Function::kExp, floats_between(-1e-8f, -87.33f, 1201), reference, 1.5, 0, "exp, x < 0");
    // Below the smallest normal number two roundings meet a fixed spacing of 2^-149.
    expect_accurate(Function::kExp, floats_between(-87.33f, -110.f, 97), reference, 0, 2.01 * 0x1p-149,
                    "exp, denormal");
    expect_accurate(Function::kExp, floats_between(1e-38f, 1e-8f, 500009), reference, 1.5, 0, "exp near 0");
}

TEST(Math, ExpEdges) {
    at_all_block_sizes([] {
        const std::vector<float> x{0.f,       -0.f,     1e-45f, 88.722832f, 88.7228394f, 1e30f,
                                   kInfinity, -103.98f, -1e30f, -kInfinity, kNaN};
        const std::vector<float> y = evaluate(Function::kExp, x);
        EXPECT_EQ(y[0], 1.f);
        EXPECT_EQ(y[1], 1.f);
        EXPECT_EQ(y[2], 1.f);
        EXPECT_TRUE(std::isfinite(y[3]));
        for (const int i : {4, 5, 6}) EXPECT_EQ(y[i], kInfinity) << "exp(" << x[i] << ")";
        for (const int i : {7, 8, 9}) EXPECT_EQ(y[i], 0.f) << "exp(" << x[i] << ")";
        EXPECT_TRUE(std::isnan(y[10]));
    });
}

TEST(Math, ExpOfNonpositive) {
    const std::vector<float> x = floats_between(-1e-8f, -87.3f, 1201);
    expect_accurate(
        Function::kExpOfNonpositive, x, [](long double v) { return std::exp(v); }, 1.5, 0, "exp of nonpositive");
    expect_identical(evaluate(Function::kExpOfNonpositive, x), evaluate(Function::kExp, x), "exp's own bits");
    const std::vector<float> y =
        evaluate<float>(Function::kExpOfNonpositive, {0.f, -0.f, -1e-45f, -87.31f, -1e30f, -kInfinity, kNaN});
    const float exact[] = {1, 1, 1, 0, 0, 0};
    for (int i = 0; i < 6; ++i) EXPECT_EQ(y[i], exact[i]);
    EXPECT_TRUE(std::isnan(y[6]));
}

TEST(Math, Expm1) {
    const auto reference = [](long double x) { return std::expm1(x); };
    expect_accurate(Function::kExpm1, floats_between(-1e-8f, -100.f, 1201), reference, 1.5, 0, "expm1");
    expect_accurate(Function::kExpm1, floats_between(-1e-38f, -1e-8f, 500009), reference, 1.5, 0, "expm1 near 0");
    const std::vector<float> y = evaluate<float>(Function::kExpm1, {0.f, -1e30f, -kInfinity, kNaN});
    const float exact[] = {0, -1, -1};
    for (int i = 0; i < 3; ++i) EXPECT_EQ(y[i], exact[i]);
    EXPECT_TRUE(std::isnan(y[3]));
}

TEST(Math, Log) {
    const auto reference = [](long double x) { return std::log(x); };
    expect_accurate(Function::kLog,
                    floats_between(std::numeric_limits<float>::min(), std::numeric_limits<float>::max(), 2003),
                    reference, 1, 0, "log");
    expect_accurate(Function::kLog, floats_between(0.5f, 2.f, 17), reference, 1, 0, "log near 1");
    EXPECT_EQ(evaluate<float>(Function::kLog, {1.f})[0], 0.f);
    EXPECT_TRUE(std::isnan(evaluate<float>(Function::kLog, {kNaN})[0]));
}

TEST(Math, Log1p) {
    const auto reference = [](long double x) { return std::log1p(x); };
    expect_accurate(Function::kLog1p, floats_between(1e-38f, 1.f, 997), reference, 1.5, 0, "log1p");
    EXPECT_EQ(evaluate<float>(Function::kLog1p, {0.f})[0], 0.f);
    EXPECT_TRUE(std::isnan(evaluate<float>(Function::kLog1p, {kNaN})[0]));
}

TEST(Math, SincosTurn) {
    std::vector<float> turns;
    for (unsigned i = 0; i < (1u << 24); i += 13) turns.push_back(static_cast<float>(i) * 0x1p-24f);
    const long double two_pi = 6.283185307179586476925286766559L;
    expect_accurate(
        Function::kSine, turns, [&](long double u) { return std::sin(two_pi * u); }, 0, 1.2e-7, "sine");
    expect_accurate(
        Function::kCosine, turns, [&](long double u) { return std::cos(two_pi * u); }, 0, 1.2e-7, "cosine");
    EXPECT_TRUE(std::isnan(evaluate<float>(Function::kSine, {kNaN})[0]));
}

TEST(Math, SincosQuarterTurnsAreExact) {
    const std::vector<float> turns{0.f, 0.25f, 0.5f, 0.75f};
    const std::vector<float> sine = evaluate(Function::kSine, turns), cosine = evaluate(Function::kCosine, turns);
    const float exact[] = {0, 1, 0, -1};
    for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(sine[i], exact[i]) << turns[i];
        EXPECT_EQ(cosine[i], exact[(i + 1) % 4]) << turns[i];
    }
}

TEST(Math, Sigmoid) {
    // exp within 1.5 ulp, then one addition and one division: 2.5 ulp, and room where e^x is denormal.
    const auto reference = [](long double x) { return 1 / (1 + std::exp(-x)); };
    expect_accurate(Function::kSigmoid, floats_between(1e-20f, 100.f, 1009), reference, 2.5, 0, "sigmoid, x > 0");
    expect_accurate(Function::kSigmoid, floats_between(-1e-20f, -87.f, 1009), reference, 2.5, 0, "sigmoid, x < 0");
    const std::vector<float> y = evaluate<float>(Function::kSigmoid, {0.f, 200.f, -200.f, kInfinity, -kInfinity, kNaN});
    const float exact[] = {0.5f, 1, 0, 1, 0};
    for (int i = 0; i < 5; ++i) EXPECT_EQ(y[i], exact[i]);
    EXPECT_TRUE(std::isnan(y[5]));
}

TEST(Math, Tanh) {
    // expm1 within 3u, at most doubled by the division's slope, then one addition and one division.
    const auto reference = [](long double x) { return std::tanh(x); };
    expect_accurate(Function::kTanh, floats_between(1e-8f, 100.f, 1009), reference, 3, 0, "tanh, x > 0");
    expect_accurate(Function::kTanh, floats_between(-1e-8f, -100.f, 1009), reference, 3, 0, "tanh, x < 0");
    expect_accurate(Function::kTanh, floats_between(1e-38f, 1e-8f, 500009), reference, 3, 0, "tanh near 0");
    const std::vector<float> y = evaluate<float>(Function::kTanh, {0.f, 1e30f, -1e30f, kInfinity, -kInfinity, kNaN});
    const float exact[] = {0, 1, -1, 1, -1};
    for (int i = 0; i < 5; ++i) EXPECT_EQ(y[i], exact[i]);
    EXPECT_TRUE(std::isnan(y[5]));
}

TEST(Math, Softplus) {
    // exp within 1.5 ulp, then log1p within 2.5.
    const auto reference = [](long double x) { return std::max(x, 0.L) + std::log1p(std::exp(-std::abs(x))); };
    expect_accurate(Function::kSoftplus, floats_between(1e-8f, 200.f, 1009), reference, 4, 0, "softplus, x > 0");
    expect_accurate(Function::kSoftplus, floats_between(-1e-8f, -87.f, 1009), reference, 4, 0, "softplus, x < 0");
    const std::vector<float> y = evaluate<float>(Function::kSoftplus, {1e30f, -1e30f, kInfinity, -kInfinity, kNaN});
    const float exact[] = {1e30f, 0, kInfinity, 0};
    for (int i = 0; i < 4; ++i) EXPECT_EQ(y[i], exact[i]);
    EXPECT_TRUE(std::isnan(y[4]));
}

TEST(Math, QuickSqrt) {
    const auto reference = [](long double x) { return std::sqrt(x); };
    expect_accurate(Function::kQuickSqrt, floats_between(1e-38f, 3e38f, 2003), reference, 2, 0, "root");
    expect_accurate(Function::kQuickSqrt, floats_between(1.f, 4.f, 37), reference, 2, 0, "root from 1 to 4");
    const std::vector<float> y = evaluate<float>(Function::kQuickSqrt, {0.f, 1.f, kInfinity, -1.f, kNaN});
    const float exact[] = {0, 1, kInfinity};
    for (int i = 0; i < 3; ++i) EXPECT_EQ(y[i], exact[i]);
    EXPECT_TRUE(std::isnan(y[3]) && std::isnan(y[4]));
}

TEST(Math, QuickDivide) {
    const auto reciprocal = [](long double x) { return 1 / x; };
    expect_accurate(Function::kQuickReciprocal, floats_between(0x1p-125f, 0x1p125f, 2003), reciprocal, 2, 0, "1 / x");
    expect_accurate(Function::kQuickReciprocal, floats_between(-1.f, -2.f, 17), reciprocal, 2, 0, "1 / x, x < 0");
    expect_accurate(
        Function::kQuickQuotient, floats_between(1e-37f, 3e38f, 2003), [](long double x) { return x / 3; }, 2, 0,
        "x / 3");
    EXPECT_EQ(evaluate<float>(Function::kQuickQuotient, {0.f})[0], 0.f);  // a numerator of 0 is 0, as of dark pixels
    EXPECT_TRUE(std::isnan(evaluate<float>(Function::kQuickQuotient, {kNaN})[0]));
    EXPECT_TRUE(std::isnan(evaluate<float>(Function::kQuickReciprocal, {kNaN})[0]));
}

TEST(Math, AboveTheTangentOfExp) {
    // Where the difference is taken, from |x| = log(2) / 2 on, it is 1/20 of e^x at least: 1.5 ulp of that, 30 of this.
    // No subnormals: x^2 / 2 of |x| < 1e-18.
    const auto reference = [](long double x) {
        return std::abs(x) < 1e-5L ? x * x / 2 * (1 + x / 3 + x * x / 12) : std::expm1(x) - x;
    };
    const auto expect = [&](float first, float last, unsigned step) {
        const std::vector<float> x = floats_between(first, last, step);
        expect_accurate(Function::kAboveExp, x, reference, 30, 0, "e^x - 1 - x from " + std::to_string(first));
        for (const float y : evaluate(Function::kAboveExp, x)) ASSERT_GE(y, 0.f);
    };
    expect(1e-18f, 88.72f, 1201), expect(-1e-18f, -1e30f, 1201), expect(0.3f, 0.4f, 7), expect(-0.3f, -0.4f, 7);
    const std::vector<float> y = evaluate<float>(Function::kAboveExp, {0.f, -0.f, 1e-30f, 100.f, -kInfinity, kNaN});
    const float exact[] = {0, 0, 0, kInfinity, kInfinity};
    for (int i = 0; i < 5; ++i) EXPECT_EQ(y[i], exact[i]);
    EXPECT_TRUE(std::isnan(y[5]));
    for (const double x : {1e-17, -1e-17, 3e-9, -3e-9, 1e-300, 0.})
        EXPECT_GE(evaluate<double>(Function::kAboveExp, {x})[0], 0) << x;
}

TEST(Math, AboveTheTangentOfLog) {
    const auto reference = [](long double x) {
        const long double f = x - 1;
        return std::abs(f) < 1e-5L ? f * f / 2 * (1 - f * 2 / 3 + f * f / 2) : f - std::log(x);
    };
    const auto expect = [&](float first, float last, unsigned step) {
        const std::vector<float> x = floats_between(first, last, step);
        expect_accurate(Function::kAboveLog, x, reference, 30, 0, "x - 1 - log x from " + std::to_string(first));
        for (const float y : evaluate(Function::kAboveLog, x)) ASSERT_GE(y, 0.f);
    };
    expect(1e-37f, 1e37f, 2003), expect(0.5f, 2.f, 17), expect(0.999f, 1.001f, 1);
    EXPECT_EQ(evaluate<float>(Function::kAboveLog, {1.f})[0], 0.f);
    EXPECT_TRUE(std::isnan(evaluate<float>(Function::kAboveLog, {kNaN})[0]));
    for (const double x : {1., 1 + 1e-15, 1 - 1e-15, 1 + 1e-9, 1 - 1e-9})
        EXPECT_GE(evaluate<double>(Function::kAboveLog, {x})[0], 0) << x;
}

TEST(Math, SameBitsAtEveryBlockSize) {
    std::vector<float> x;
    for (int i = 1; i <= 1031; ++i) x.push_back(static_cast<float>(i) / 1033.f);
    for (const Function f : {Function::kExp, Function::kLog, Function::kLog1p, Function::kSigmoid, Function::kTanh,
                             Function::kSoftplus, Function::kAboveExp, Function::kAboveLog, Function::kSine}) {
        const std::vector<float> expected = evaluate(f, x);
        at_all_block_sizes([&] { expect_identical(evaluate(f, x), expected, "elementwise function"); });
    }
}

TEST(Math, DoubleIsTheLibrarys) {
    const std::vector<double> x{0.125, 0.5, 0.9};
    for (std::size_t i = 0; i < x.size(); ++i) {
        EXPECT_DOUBLE_EQ(evaluate(Function::kExp, x)[i], std::exp(x[i]));
        EXPECT_DOUBLE_EQ(evaluate(Function::kLog, x)[i], std::log(x[i]));
        EXPECT_DOUBLE_EQ(evaluate(Function::kLog1p, x)[i], std::log1p(x[i]));
        EXPECT_DOUBLE_EQ(evaluate(Function::kSigmoid, x)[i], 1 / (1 + std::exp(-x[i])));
        EXPECT_DOUBLE_EQ(evaluate<double>(Function::kExpm1, {-x[i]})[0], std::expm1(-x[i]));
        EXPECT_DOUBLE_EQ(evaluate<double>(Function::kExpOfNonpositive, {-x[i]})[0], std::exp(-x[i]));
        EXPECT_DOUBLE_EQ(evaluate(Function::kTanh, x)[i], std::tanh(x[i]));
        EXPECT_DOUBLE_EQ(evaluate(Function::kSoftplus, x)[i], std::log1p(std::exp(x[i])));
        EXPECT_NEAR(evaluate(Function::kSine, x)[i], std::sin(6.283185307179586 * x[i]), 1e-15);
    }
}

TEST(Math, IsFinite) {
    const std::vector<float> x{0.f, 3e38f, -3e38f, 1e-45f, kInfinity, -kInfinity, kNaN};
    GuardedBuffer<float> in(x);
    GuardedBuffer<int> out(x.size());
    check(launch(is_finite_kernel, for_elements(x.size()), nullptr, out.data(), in.data(), x.size()));
    EXPECT_EQ(out.download(), (std::vector<int>{1, 1, 1, 1, 0, 0, 0}));
}

}  // namespace
}  // namespace warpvae

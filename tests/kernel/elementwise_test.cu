// Maps of whole arrays against plain loops, their backwards against finite differences.
#include <array>

#include "cuda/ops/dense.h"
#include "cuda/ops/loss.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr std::size_t kSizes[] = {0, 1, 31, 257, 20011};

/// Small arrays at every block size, a large one (several blocks) as it comes.
template <class Body>
void at_block_sizes_if_small(std::size_t n, Body body) {
    n < 1000 ? at_all_block_sizes(body) : body();
}

double plain_sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// --- sigmoid_backward ------------------------------------------------------------------------------------------------

TEST(SigmoidBackward, AgainstThePlainFormula) {
    for (const std::size_t n : kSizes) {
        Random random(n);
        const auto dy = random.normals<float>(n, 3), y = random.uniforms<float>(n);
        std::vector<double> expected(n), allowed(n);
        for (std::size_t i = 0; i < n; ++i) {
            expected[i] = double(dy[i]) * y[i] * (1 - double(y[i]));
            allowed[i] = 3 * kRounding<float> * std::abs(expected[i]);  // two products and a difference
        }
        at_block_sizes_if_small(n, [&] {
            GuardedBuffer<float> DY(dy), Y(y), dx(n), in_place(dy), over_y(y);
            check(sigmoid_backward(dx.data(), DY.data(), Y.data(), n, nullptr));
            expect_close(dx.download(), expected, allowed, "sigmoid_backward, n " + std::to_string(n));
            check(sigmoid_backward(in_place.data(), in_place.data(), Y.data(), n, nullptr));
            expect_identical(in_place.download(), dx.download(), "sigmoid_backward in dy's place");
            check(sigmoid_backward(over_y.data(), DY.data(), over_y.data(), n, nullptr));
            expect_identical(over_y.download(), dx.download(), "sigmoid_backward in y's place");
        });
    }
}

TEST(SigmoidBackward, ByFiniteDifferences) {
    const int n = 23;
    Random random(4);
    const auto x = random.normals<double>(n, 2), c = random.normals<double>(n);
    GuardedBuffer<double> y(n), dx(n), C(c);
    const auto loss = [&](const std::vector<double>& at) {
        GuardedBuffer<double> X(at);
        check(sigmoid(y.data(), X.data(), n, nullptr));
        const std::vector<double> Y = y.download();
        double sum = 0;
        for (int i = 0; i < n; ++i) sum += c[i] * Y[i];
        return sum;
    };
    loss(x);
    check(sigmoid_backward(dx.data(), C.data(), y.data(), n, nullptr));
    expect_gradient(loss, x, dx.download(), "sigmoid_backward");
}

TEST(SigmoidBackward, SaturatedGivesZeroAndNaNStaysWhereItIs) {
    at_all_block_sizes([] {
        GuardedBuffer<float> dy(std::vector<float>{1, 1, kNaN, 1, 5}), y(std::vector<float>{0, 1, 0.5f, kNaN, 0.5f}),
            dx(5);
        check(sigmoid_backward(dx.data(), dy.data(), y.data(), 5, nullptr));
        const std::vector<float> out = dx.download();
        EXPECT_EQ(out[0], 0.f);
        EXPECT_EQ(out[1], 0.f);
        EXPECT_TRUE(std::isnan(out[2]));
        EXPECT_TRUE(std::isnan(out[3]));
        EXPECT_EQ(out[4], 1.25f);
    });
}

// --- add -------------------------------------------------------------------------------------------------------------

TEST(Add, OneRoundingOfTheSum) {
    for (const std::size_t n : kSizes) {
        Random random(n + 1);
        auto x = random.normals<float>(n);
        const auto y = random.normals<float>(n, 100);
        if (n > 2) x[2] = kNaN;
        std::vector<float> expected = y;
        for (std::size_t i = 0; i < n; ++i) expected[i] += x[i];
        at_block_sizes_if_small(n, [&] {
            GuardedBuffer<float> X(x), Y(y);
            check(add(Y.data(), X.data(), n, nullptr));
            const std::vector<float> out = Y.download();
            for (std::size_t i = 0; i < n; ++i) {
                if (i == 2)
                    EXPECT_TRUE(std::isnan(out[i]));
                else
                    ASSERT_EQ(out[i], expected[i]) << i;
            }
        });
    }
    GuardedBuffer<double> twice(std::vector<double>{1, -2, 0.5});
    check(add(twice.data(), twice.data(), 3, nullptr));
    EXPECT_EQ(twice.download(), (std::vector<double>{2, -4, 1}));
}

// --- range_limit -----------------------------------------------------------------------------------------------------

TEST(RangeLimit, AgainstThePlainFormulaForwardAndBackward) {
    for (const auto& [rows, S] : {std::array{0, 3}, std::array{1, 1}, std::array{7, 5}, std::array{43, 6},
                                  std::array{1, 257}, std::array{2003, 11}})
        for (const float slope : {1.f, 2.f}) {
            const std::size_t n = std::size_t(rows) * S;
            Random random(n + 3);
            const auto x = random.normals<float>(n, 2), dy = random.normals<float>(n);
            const auto centre = random.normals<float>(S), range = random.uniforms<float>(S, 0.1, 2);
            std::vector<double> y(n), y_allowed(n), dx(n), dx_allowed(n);
            const double u = kRounding<float>;
            for (std::size_t i = 0; i < n; ++i) {
                const double half = plain_sigmoid(slope * double(x[i])), c = centre[i % S], w = range[i % S];
                y[i] = c + w * (2 * half - 1);
                // The sigmoid is right to 2.5 ulp = 5u; then a difference, a product and a sum.
                y_allowed[i] = u * (w * (10 * half + 2 * std::abs(2 * half - 1)) + std::abs(y[i]));
                dx[i] = dy[i] * w * 2 * slope * half * (1 - half);
                // 1 - half keeps the sigmoid's absolute error; four products.
                dx_allowed[i] = std::abs(dy[i]) * w * 2 * slope * u * (10 * half * (1 - half) + 5 * half * half);
            }
            at_block_sizes_if_small(n, [&, rows = rows, S = S] {
                GuardedBuffer<float> X(x), C(centre), W(range), Y(n), DY(dy), DX(n), in_place(x);
                const std::string name = ", " + std::to_string(rows) + " x " + std::to_string(S);
                check(range_limit(Y.data(), X.data(), C.data(), W.data(), slope, rows, S, nullptr));
                expect_close(Y.download(), y, y_allowed, "range_limit" + name);
                check(range_limit(in_place.data(), in_place.data(), C.data(), W.data(), slope, rows, S, nullptr));
                expect_identical(in_place.download(), Y.download(), "range_limit in place");
                check(range_limit_backward(DX.data(), DY.data(), X.data(), W.data(), slope, rows, S, nullptr));
                expect_close(DX.download(), dx, dx_allowed, "range_limit_backward" + name);
                check(range_limit_backward(DY.data(), DY.data(), X.data(), W.data(), slope, rows, S, nullptr));
                expect_identical(DY.download(), DX.download(), "range_limit_backward in place");
            });
        }
}

TEST(RangeLimit, SlopeTwoIsTanh) {
    const int n = 41;
    std::vector<double> x(n), expected(n);
    for (int i = 0; i < n; ++i) x[i] = (i - 20) / 5., expected[i] = 0.25 + 0.5 * std::tanh(x[i]);
    GuardedBuffer<double> X(x), y(n), centre(std::vector<double>{0.25}), range(std::vector<double>{0.5});
    check(range_limit(y.data(), X.data(), centre.data(), range.data(), 2., n, 1, nullptr));
    expect_close(y.download(), expected, Tolerance{4 * kRounding<double>, 0}, "range_limit, tanh");
}

TEST(RangeLimit, ByFiniteDifferences) {
    const int rows = 4, S = 3;
    Random random(6);
    const auto x = random.normals<double>(rows * S), c = random.normals<double>(rows * S);
    const auto centre = random.normals<double>(S), range = random.uniforms<double>(S, 0.5, 2);
    for (const double slope : {1., 2.}) {
        GuardedBuffer<double> M(centre), W(range), C(c), dx(rows * S), y(rows * S);
        const auto loss = [&](const std::vector<double>& at) {
            GuardedBuffer<double> X(at);
            check(range_limit(y.data(), X.data(), M.data(), W.data(), slope, rows, S, nullptr));
            const std::vector<double> Y = y.download();
            double sum = 0;
            for (std::size_t i = 0; i < Y.size(); ++i) sum += c[i] * Y[i];
            return sum;
        };
        GuardedBuffer<double> X(x);
        check(range_limit_backward(dx.data(), C.data(), X.data(), W.data(), slope, rows, S, nullptr));
        expect_gradient(loss, x, dx.download(), "range_limit");
    }
}

TEST(RangeLimit, ReachesItsEndsAndPassesNaNOn) {
    at_all_block_sizes([] {
        const float inf = std::numeric_limits<float>::infinity();
        const std::vector<float> x{inf, -inf, 1e30f, -1e30f, 0, kNaN};
        GuardedBuffer<float> X(x), y(6), centre(std::vector<float>{1}), range(std::vector<float>{0.5f}), dx(6),
            dy(std::vector<float>(6, 1.f));
        check(range_limit(y.data(), X.data(), centre.data(), range.data(), 2.f, 6, 1, nullptr));
        check(range_limit_backward(dx.data(), dy.data(), X.data(), range.data(), 2.f, 6, 1, nullptr));
        EXPECT_EQ(slice(y.download(), 0, 5), (std::vector<float>{1.5f, 0.5f, 1.5f, 0.5f, 1}));
        EXPECT_EQ(slice(dx.download(), 0, 5), (std::vector<float>{0, 0, 0, 0, 0.5f}));
        EXPECT_TRUE(std::isnan(y.download()[5]));
        EXPECT_TRUE(std::isnan(dx.download()[5]));
    });
}

// --- rows ------------------------------------------------------------------------------------------------------------

TEST(RepeatRows, EachRowKTimes) {
    for (const auto& [rows, K, D] : {std::array{0, 2, 3}, std::array{1, 1, 1}, std::array{5, 3, 7}, std::array{3, 2, 0},
                                     std::array{2, 5, 257}, std::array{31, 1, 33}}) {
        Random random(rows + K + D);
        auto x = random.normals<float>(std::size_t(rows) * D);
        if (!x.empty()) x.back() = kNaN;
        std::vector<float> expected;
        for (int n = 0; n < rows; ++n)
            for (int k = 0; k < K; ++k) expected.insert(expected.end(), x.begin() + n * D, x.begin() + (n + 1) * D);
        at_all_block_sizes([&, rows = rows, K = K, D = D] {
            GuardedBuffer<float> X(x), y(expected.size());
            check(repeat_rows(y.data(), X.data(), K, rows, D, nullptr));
            expect_identical(y.download(), expected, "repeat_rows");
        });
    }
}

TEST(MeanRows, OfKNumbers) {
    for (const auto& [rows, K] :
         {std::array{0, 3}, std::array{1, 1}, std::array{7, 5}, std::array{257, 8}, std::array{20011, 3}}) {
        Random random(rows + K);
        auto x = random.normals<float>(std::size_t(rows) * K);
        std::vector<double> expected(rows), allowed(rows);
        for (int n = 0; n < rows; ++n) {
            double magnitude = 0;
            for (int k = 0; k < K; ++k) expected[n] += double(x[n * K + k]) / K, magnitude += std::abs(x[n * K + k]);
            allowed[n] = K * kRounding<float> * magnitude / K;  // K - 1 sums and a quotient
        }
        const int struck = rows / 2;
        at_block_sizes_if_small(rows, [&, rows = rows, K = K] {
            GuardedBuffer<float> X(x), y(rows);
            check(mean_rows(y.data(), X.data(), K, rows, nullptr));
            expect_close(y.download(), expected, allowed, "mean_rows, " + std::to_string(rows));
            if (!rows) return;
            std::vector<float> with_nan = x;
            with_nan[struck * K + K - 1] = kNaN;
            X.upload(with_nan);
            check(mean_rows(y.data(), X.data(), K, rows, nullptr));
            const std::vector<float> out = y.download();
            for (int n = 0; n < rows; ++n) ASSERT_EQ(std::isnan(out[n]), n == struck) << n;
        });
    }
}

TEST(MeanRows, UndoesRepeatRows) {
    const int rows = 9, K = 4;
    const auto x = Random(1).integers<double>(rows, -50, 50);
    GuardedBuffer<double> X(x), repeated(rows * K), mean(rows);
    check(repeat_rows(repeated.data(), X.data(), K, rows, 1, nullptr));
    check(mean_rows(mean.data(), repeated.data(), K, rows, nullptr));
    expect_identical(mean.download(), x, "mean of repeated rows");
}

TEST(Rows, BadCountsAreRefused) {
    GuardedBuffer<float> x(4), y(4);
    for (const int K : {0, -1}) {
        EXPECT_FALSE(repeat_rows(y.data(), x.data(), K, 1, 1, nullptr).ok());
        EXPECT_FALSE(mean_rows(y.data(), x.data(), K, 1, nullptr).ok());
    }
    EXPECT_FALSE(repeat_rows(y.data(), x.data(), 2, std::size_t(1) << 30, 1, nullptr).ok())
        << "more blocks than a grid has";
    for (const float v : y.download()) EXPECT_TRUE(std::isnan(v)) << "refused, yet written";
}

}  // namespace
}  // namespace warpvae

// The kernels around the linear support vector machines' products, each against a plain loop in double.
#include "cuda/linear_svm.cuh"

#include <gtest/gtest.h>

#include "cuda/device/buffer.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using test::GuardedBuffer;
using test::Random;

TEST(LinearSvmKernels, ParametersAreTheFitsAsked) {
    test::at_all_block_sizes([] {
        const int R = 2, K = 3, F = 5;
        for (const int d : {1, 6, 33}) {
            Random random{std::uint64_t(d)};
            const auto theta = random.normals<double>(std::size_t(R) * K * F * (d + 1));
            const GuardedBuffer<double> t(theta);
            for (const SvmFits fits : {SvmFits{0, 1, F}, SvmFits{1, 4, F}, SvmFits{0, 5, F}, SvmFits{2, 0, F}}) {
                const std::size_t rows = std::size_t(R) * K * fits.count;
                GuardedBuffer<float> weights(rows * d), bias(rows);
                check(svm_parameters(weights.data(), bias.data(), t.data(), fits, R, K, d, nullptr));
                const auto w = weights.download(), b = bias.download();
                for (std::size_t row = 0; row < rows; ++row) {
                    const std::size_t q = row / fits.count * F + fits.first + row % fits.count;
                    for (int j = 0; j < d; ++j) ASSERT_EQ(w[row * d + j], float(theta[q * (d + 1) + j]));
                    ASSERT_EQ(b[row], float(theta[q * (d + 1) + d]));
                }
            }
        }
    });
}

TEST(LinearSvmKernels, SquaredHinge) {
    test::at_all_block_sizes([] {
        const int K = 3, chunks = 2;
        for (const int rows : {1, 31, 257})
            for (const SvmFits fits : {SvmFits{0, 1, 4}, SvmFits{1, 3, 4}, SvmFits{0, 4, 4}}) {
                const int P = K * fits.count;
                Random random(std::uint64_t(rows) + fits.count);
                const auto s = random.normals<float>(std::size_t(chunks) * P * rows, 2.), b = random.normals<float>(P);
                const auto y = random.integers<std::uint8_t>(std::size_t(chunks) * rows, 0, K - 1);
                const auto f = random.integers<std::uint8_t>(std::size_t(chunks) * rows, 0, 2);
                GuardedBuffer<float> scores(s);
                const GuardedBuffer<float> bias(b);
                const GuardedBuffer<std::uint8_t> labels(y), folds(f);
                GuardedBuffer<double> losses(std::size_t(chunks) * P), sums(std::size_t(chunks) * P);
                check(squared_hinge(losses.data(), sums.data(), scores.data(), bias.data(),
                                    {labels.data(), folds.data(), chunks, rows}, fits, K, nullptr));
                std::vector<double> expected(s.size()), loss(losses.size()), sum(sums.size());
                for (std::size_t i = 0; i < s.size(); ++i) {
                    const int p = static_cast<int>(i / rows % P), c = static_cast<int>(i / rows / P);
                    const std::size_t row = std::size_t(c) * rows + i % rows;
                    const double sign = y[row] == p / fits.count ? 1 : -1;
                    double m = std::max(0., 1 - sign * (double(s[i]) + double(b[p])));
                    if (f[row] == fits.first + p % fits.count - 1) m = 0;
                    expected[i] = sign * m;
                    loss[c * P + p] += m * m;
                    sum[c * P + p] += sign * m;
                }
                // Two roundings of numbers below 16, which a square of at most 32^2 takes twice, a sum `rows` times.
                const double one = 2 * 16 * test::kRounding<float>;
                test::expect_close(scores.download(), expected, test::Tolerance{one, 0}, "coefficients");
                test::expect_close(losses.download(), loss, test::Tolerance{32 * one * rows, 0}, "losses");
                test::expect_close(sums.download(), sum, test::Tolerance{one * rows, 0}, "bias sums");
            }
    });
}

TEST(LinearSvmKernels, ANaNScoreIsNotLost) {
    test::at_all_block_sizes([] {
        const int rows = 70;
        std::vector<float> s(rows, 5.f);
        s[41] = NAN;
        GuardedBuffer<float> scores(s);
        const GuardedBuffer<float> bias(std::vector<float>{0.f});
        const std::vector<std::uint8_t> zeros(rows, 0);
        const GuardedBuffer<std::uint8_t> labels(zeros), folds(zeros);
        GuardedBuffer<double> losses(std::vector<double>{0}), sums(std::vector<double>{0});
        check(squared_hinge(losses.data(), sums.data(), scores.data(), bias.data(),
                            {labels.data(), folds.data(), 1, rows}, {0, 1, 1}, 1, nullptr));
        EXPECT_TRUE(std::isnan(losses.download()[0]));
        EXPECT_TRUE(std::isnan(sums.download()[0]));
    });
}

TEST(LinearSvmKernels, ObjectiveGradientAndSlope) {
    test::at_all_block_sizes([] {
        const int R = 2, K = 2, F = 3, chunks = 3, Q = R * K * F;
        const double C = 0.7;
        const SvmFits fits{1, 2, F};
        for (const int d : {1, 40}) {
            const int D = d + 1, P = K * fits.count;
            Random random(std::uint64_t(d) + 9);
            const auto theta = random.normals<double>(std::size_t(Q) * D);
            const auto direction = random.normals<double>(std::size_t(Q) * D);
            const auto weight_sums = random.normals<float>(std::size_t(R) * chunks * P * d);
            const auto bias_sums = random.normals<double>(std::size_t(R) * chunks * P);
            const auto loss_sums = random.uniforms<double>(std::size_t(R) * chunks * P);
            const GuardedBuffer<float> W(weight_sums);
            const GuardedBuffer<double> b(bias_sums), losses(loss_sums);
            GuardedBuffer<double> t(theta), p(direction), gradient(std::vector<double>(theta.size(), -1.));
            std::vector<LbfgsControl> controls(Q, LbfgsControl{1, 0, 0, 0, 0, 1});
            controls[4].active = 0;
            const DeviceBuffer<LbfgsControl> control(controls);
            DeviceBuffer<LbfgsScalars> scalars(std::vector<LbfgsScalars>(Q, LbfgsScalars{7, 7, 7, 7, 7, 7}));
            LbfgsState<double> state{};
            state.trial = t.data(), state.trial_gradient = gradient.data(), state.direction = p.data();
            check(svm_objective(state, scalars.data(), {W.data(), b.data(), losses.data(), chunks}, control.data(), C,
                                fits, R, K, d, nullptr));
            const auto g = gradient.download();
            const auto result = scalars.download();
            for (int q = 0; q < Q; ++q) {
                if (q % F == 0 || q == 4) {  // a fit that was not asked for, a problem that is done: left alone
                    EXPECT_EQ(result[q].objective, 7);
                    for (int j = 0; j < D; ++j) EXPECT_EQ(g[q * D + j], -1.);
                    continue;
                }
                const int r = q / (K * F), row = q / F % K * fits.count + q % F - fits.first;
                std::vector<double> expected(D);
                double objective = 0, slope = 0, size = 0;
                for (int c = 0; c < chunks; ++c) objective += C * loss_sums[(r * chunks + c) * P + row];
                for (int j = 0; j < D; ++j) {
                    const double at = theta[q * D + j];
                    double& value = expected[j];
                    value = at;
                    for (int c = 0; c < chunks; ++c) {
                        const std::size_t sum = std::size_t(r * chunks + c) * P + row;
                        value -= 2 * C * (j < d ? double(weight_sums[sum * d + j]) : bias_sums[sum]);
                    }
                    objective += at * at / 2;
                    slope += value * direction[q * D + j];
                    size = std::max(size, std::abs(value));
                }
                // Sums of fewer than 50 numbers below 10 in double, but the order.
                test::expect_close(test::slice(g, std::size_t(q) * D, D), expected, test::Tolerance{1e-14, 0},
                                   "gradient");
                EXPECT_NEAR(result[q].objective, objective, 1e-13 * D);
                EXPECT_NEAR(result[q].trial_slope, slope, 1e-13 * D);
                EXPECT_NEAR(result[q].gradient_size, size, 1e-14);
                EXPECT_EQ(result[q].slope, 7);
            }
        }
    });
}

TEST(LinearSvmKernels, ActiveRowsAreListedInOrder) {
    test::at_all_block_sizes([] {
        const int K = 3;
        const std::size_t chunk = 64;
        for (const std::size_t n : {1u, 63u, 64u, 65u, 331u}) {
            Random random(n);
            const auto s = random.normals<float>(n * K, 2.);
            const std::vector<float> b{0.25f, -INFINITY, 100.f};  // all rows of class 1 and no row beside it active
            auto y = random.integers<std::uint8_t>(n, 0, K - 1);
            const GuardedBuffer<float> scores(s), bias(b);
            const GuardedBuffer<std::uint8_t> labels(y);
            GuardedBuffer<unsigned> rows(n * K), counts(K);
            check(svm_active_rows(rows.data(), counts.data(), scores.data(), bias.data(), labels.data(), K, n, chunk,
                                  nullptr));
            const auto listed = rows.download(), found = counts.download();
            for (int k = 0; k < K; ++k) {
                std::vector<unsigned> expected;
                for (std::size_t i = 0; i < n; ++i) {
                    const std::size_t first = i / chunk * chunk, length = std::min(chunk, n - first);
                    const float sign = y[i] == k ? 1.f : -1.f;
                    if (1 - sign * (s[first * K + k * length + i - first] + b[k]) > 0)
                        expected.push_back(static_cast<unsigned>(i));
                }
                ASSERT_EQ(found[k], expected.size());
                test::expect_identical(test::slice(listed, k * n, expected.size()), expected, "rows");
            }
        }
    });
}

TEST(LinearSvmKernels, GatheredRowsAreAllOrSpread) {
    test::at_all_block_sizes([] {
        const std::size_t n = 500, D = 4;
        const int R = 2, K = 2, d = 3;
        Random random(5);
        const auto x = random.normals<float>(R * n * d);
        // Problem 1 has 40 rows listed, problem 2 250, problem 3 none.
        std::vector<unsigned> rows(R * K * n, 0xffffffffu);
        for (unsigned i = 0; i < 40; ++i) rows[n + i] = 3 * i;
        for (unsigned i = 0; i < 250; ++i) rows[2 * n + i] = 2 * i;
        const GuardedBuffer<float> values(x);
        const GuardedBuffer<unsigned> listed(rows), counts(std::vector<unsigned>{7, 40, 250, 0});
        const std::size_t most = 100;
        GuardedBuffer<float> out(3 * most * D);
        check(svm_gather_rows(out.data(), values.data(), {listed.data(), counts.data()}, {1, 3, int(most)}, n, K, d,
                              nullptr));
        const auto gathered = out.download();
        const auto row_of = [&](std::size_t r, std::size_t row, float factor) {
            std::vector<float> expected;
            for (int j = 0; j < d; ++j) expected.push_back(factor * x[(r * n + row) * d + j]);
            expected.push_back(factor);
            return expected;
        };
        for (std::size_t i = 0; i < most; ++i) {
            test::expect_identical(test::slice(gathered, i * D, D),
                                   i < 40 ? row_of(0, 3 * i, 1) : std::vector<float>(D, 0.f), "all of a short list");
            test::expect_identical(test::slice(gathered, (2 * most + i) * D, D), std::vector<float>(D, 0.f), "no rows");
        }
        std::vector<int> tenth(10, 0);
        for (std::size_t i = 0; i < most; ++i) {
            const auto found = test::slice(gathered, (most + i) * D, D);
            const float factor = std::sqrt(2.5f);
            std::size_t row = 0;
            while (row < n && factor * x[(n + row) * d] != found[0]) row += 2;
            ASSERT_LT(row, n);
            test::expect_identical(found, row_of(1, row, factor), "a row");
            ++tenth[row * 10 / n];
        }
        for (const int count : tenth) EXPECT_NEAR(count, 10, 3);
    });
}

TEST(LinearSvmKernels, CorrectRowsAreCountedByFold) {
    test::at_all_block_sizes([] {
        const int K = 4, chunks = 2;
        for (const int rows : {1, 33, 300})
            for (const bool by_fold : {true, false}) {
                const SvmFits fits = by_fold ? SvmFits{1, 3, 4} : SvmFits{0, 1, 4};
                const int P = K * fits.count;
                Random random{std::uint64_t(rows)};
                const auto s = random.integers<float>(std::size_t(chunks) * P * rows, -2, 2);  // with equal ones
                const auto b = random.integers<float>(P, -1, 1);
                const auto y = random.integers<std::uint8_t>(std::size_t(chunks) * rows, 0, K - 1);
                const auto f = random.integers<std::uint8_t>(std::size_t(chunks) * rows, 0, 2);
                const GuardedBuffer<float> scores(s), bias(b);
                const GuardedBuffer<std::uint8_t> labels(y), folds(f);
                std::vector<unsigned> expected(256, 3);  // they are added to what is there
                GuardedBuffer<unsigned> correct(expected);
                for (int row = 0; row < chunks * rows; ++row) {
                    const int fit = by_fold ? f[row] : 0;
                    int best = 0;
                    const auto score = [&](int k) {
                        const int p = k * fits.count + fit;
                        return s[(std::size_t(row / rows) * P + p) * rows + row % rows] + b[p];
                    };
                    for (int k = 1; k < K; ++k)
                        if (score(k) > score(best)) best = k;
                    expected[fit] += best == y[row];
                }
                check(svm_correct(correct.data(), scores.data(), bias.data(),
                                  {labels.data(), by_fold ? folds.data() : nullptr, chunks, rows}, fits, K, nullptr));
                test::expect_identical(correct.download(), expected, "correct");
            }
    });
}

}  // namespace
}  // namespace warpvae

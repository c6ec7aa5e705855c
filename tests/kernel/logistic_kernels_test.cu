// The kernels around logistic regression's products, each against a plain loop in double.
#include "cuda/logistic_regression.cuh"

#include <gtest/gtest.h>

#include "cuda/device/buffer.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using test::GuardedBuffer;
using test::Random;

/// counts [Q, 256] in which the classes of `absent` (problem, class) have no rows.
std::vector<unsigned> counts_without(int Q, const std::vector<std::pair<int, int>>& absent) {
    std::vector<unsigned> counts(std::size_t(Q) * 256, 7);
    for (const auto& [q, k] : absent) counts[std::size_t(q) * 256 + k] = 0;
    return counts;
}

TEST(LogisticKernels, LabelCountsAreExact) {
    test::at_all_block_sizes([] {
        for (const std::size_t n : {1u, 255u, 257u, 1009u}) {
            Random random(n);
            const auto labels = random.integers<std::uint8_t>(2 * n, 0, 255);
            const DeviceBuffer<std::uint8_t> bytes(labels);
            const DeviceBuffer<const std::uint8_t*> table(
                std::vector<const std::uint8_t*>{bytes.data(), bytes.data() + n});
            std::vector<unsigned> expected(512, 3);  // they are added to what is there
            GuardedBuffer<unsigned> counts(expected);
            for (std::size_t i = 0; i < 2 * n; ++i) ++expected[i / n * 256 + labels[i]];
            check(label_counts(counts.data(), table.data(), 2, n, nullptr));
            test::expect_identical(counts.download(), expected, "counts");
        }
    });
}

TEST(LogisticKernels, FirstNonFiniteIsTheLowest) {
    test::at_all_block_sizes([] {
        const std::size_t n = 1031;
        std::vector<float> x(3 * n, 3e38f);  // large is not infinite
        x[n + 700] = NAN, x[n + 300] = -INFINITY, x[n + 1030] = INFINITY;
        x[2 * n] = NAN;
        const GuardedBuffer<float> values(x);
        GuardedBuffer<unsigned long long> first(std::vector<unsigned long long>(3, ~0ull));
        check(first_non_finite(first.data(), values.data(), 3, n, nullptr));
        test::expect_identical(first.download(), {~0ull, 300ull, 0ull}, "first");
    });
}

TEST(LogisticKernels, ParametersAndCentring) {
    test::at_all_block_sizes([] {
        const int Q = 2, K = 5;
        for (const int d : {1, 6, 32}) {
            const int D = d + 1;
            Random random{std::uint64_t(d)};
            const auto theta = random.normals<double>(std::size_t(Q) * K * D);
            const GuardedBuffer<unsigned> counts(counts_without(Q, {{1, 2}, {1, 4}}));
            GuardedBuffer<float> weights(std::size_t(Q) * K * d), bias(std::size_t(Q) * K);
            GuardedBuffer<double> x(theta);
            check(logistic_parameters(weights.data(), bias.data(), x.data(), counts.data(), Q, K, d, nullptr));
            check(centre_classes(x.data(), counts.data(), Q, K, D, nullptr));
            const auto w = weights.download(), b = bias.download();
            const auto centred = x.download();
            for (int q = 0; q < Q; ++q)
                for (int j = 0; j < D; ++j) {
                    double sum = 0;
                    int present = 0;
                    for (int k = 0; k < K; ++k)
                        if (q == 0 || (k != 2 && k != 4)) sum += theta[(q * K + k) * D + j], ++present;
                    for (int k = 0; k < K; ++k) {
                        const double value = theta[(q * K + k) * D + j];
                        const bool absent = q == 1 && (k == 2 || k == 4);
                        EXPECT_NEAR(centred[(q * K + k) * D + j], absent ? 0 : value - sum / present, 1e-15 * K * 4);
                        if (j < d)
                            EXPECT_EQ(w[(q * K + k) * d + j], float(value));
                        else
                            EXPECT_EQ(b[q * K + k], absent ? -INFINITY : float(value));
                    }
                }
        }
    });
}

TEST(LogisticKernels, ObjectiveGradientAndSlope) {
    test::at_all_block_sizes([] {
        const int Q = 3, K = 4, chunks = 3;
        const std::size_t n = 50;
        const double lambda = 0.3;
        for (const int d : {1, 40}) {
            const int D = d + 1;
            const std::size_t P = std::size_t(K) * D;
            Random random(std::uint64_t(d) + 9);
            const auto theta = random.normals<double>(Q * P), direction = random.normals<double>(Q * P);
            const auto weight_sums = random.normals<float>(std::size_t(Q) * chunks * K * d);
            const auto bias_sums = random.normals<float>(std::size_t(Q) * chunks * K);
            const auto loss_sums = random.uniforms<double>(std::size_t(Q) * chunks);
            GuardedBuffer<double> t(theta), p(direction), losses(loss_sums), gradient(std::vector<double>(Q * P, -1.));
            GuardedBuffer<float> W(weight_sums), b(bias_sums);
            const GuardedBuffer<unsigned> counts(counts_without(Q, {{2, 1}}));
            const DeviceBuffer<LbfgsControl> control(
                std::vector<LbfgsControl>{{1, 0, 0, 0, 0, 1}, {0, 0, 0, 0, 0, 1}, {1, 0, 0, 0, 0, 1}});
            DeviceBuffer<LbfgsScalars> scalars(std::vector<LbfgsScalars>(Q, LbfgsScalars{7, 7, 7, 7, 7, 7}));
            LbfgsState<double> state{};
            state.trial = t.data(), state.trial_gradient = gradient.data(), state.direction = p.data();
            check(logistic_objective(state, scalars.data(), {W.data(), b.data(), losses.data(), chunks}, counts.data(),
                                     control.data(), lambda, n, Q, K, d, nullptr));
            const auto g = gradient.download();
            const auto result = scalars.download();
            for (int q = 0; q < Q; ++q) {
                if (q == 1) {  // done: left alone
                    EXPECT_EQ(result[1].objective, 7);
                    for (std::size_t i = 0; i < P; ++i) EXPECT_EQ(g[P + i], -1.);
                    continue;
                }
                std::vector<double> expected(P);
                double objective = 0, slope = 0, size = 0;
                for (int c = 0; c < chunks; ++c) objective += loss_sums[q * chunks + c] / double(n);
                for (int j = 0; j < D; ++j) {
                    double mean = 0;
                    for (int k = 0; k < K; ++k) {
                        double& value = expected[k * D + j];
                        for (int c = 0; c < chunks; ++c) {
                            const int row = (q * chunks + c) * K + k;
                            value += (j < d ? weight_sums[std::size_t(row) * d + j] : bias_sums[row]) / double(n);
                        }
                        const double at = theta[q * P + k * D + j];
                        if (j < d) value += lambda * at, objective += lambda / 2 * at * at;
                        if (q == 2 && k == 1) value = 0;
                        mean += value / (q == 2 ? K - 1 : K);
                    }
                    for (int k = 0; k < K; ++k) {
                        double& value = expected[k * D + j];
                        value = q == 2 && k == 1 ? 0 : value - mean;
                        slope += value * direction[q * P + k * D + j];
                        size = std::max(size, std::abs(value));
                    }
                }
                // Sums of fewer than 40 numbers below 10 in double, but the order.
                test::expect_close(test::slice(g, q * P, P), expected, test::Tolerance{1e-14, 0}, "gradient");
                EXPECT_NEAR(result[q].objective, objective, 1e-13 * P);
                EXPECT_NEAR(result[q].trial_slope, slope, 1e-13 * P);
                EXPECT_NEAR(result[q].gradient_size, size, 1e-14);
                EXPECT_EQ(result[q].slope, 7);
            }
        }
    });
}

TEST(LogisticKernels, SampleIsAllRowsOrSpreadOverThem) {
    test::at_all_block_sizes([] {
        const std::size_t n = 20000, samples = 1000;
        const int d = 2;
        std::vector<float> x(2 * n * d);
        for (std::size_t i = 0; i < 2 * n; ++i) x[i * d] = float(i), x[i * d + 1] = -float(i);
        const GuardedBuffer<float> values(x);
        GuardedBuffer<float> rows(2 * samples * d);
        check(sample_rows(rows.data(), values.data(), 0, samples, samples, d, n, 2, nullptr));
        const auto sampled = rows.download();
        std::vector<int> tenth(10, 0), residue(10, 0);
        for (std::size_t i = 0; i < samples; ++i) {
            const auto row = static_cast<std::size_t>(sampled[i * d]);
            ASSERT_LT(row, n);
            EXPECT_EQ(sampled[i * d + 1], -float(row));
            EXPECT_EQ(sampled[(samples + i) * d], float(n + row));  // the second problem's
            ++tenth[row * 10 / n], ++residue[row % 10];
        }
        for (int i = 0; i < 10; ++i) {
            EXPECT_NEAR(tenth[i], 100, 5);     // spread evenly,
            EXPECT_NEAR(residue[i], 100, 60);  // and not in step with a period of 10
        }
        GuardedBuffer<float> part(40 * d);
        check(sample_rows(part.data(), values.data(), 60, 100, 40, d, 100, 1, nullptr));
        test::expect_identical(part.download(), test::slice(x, 120, 80), "all of 100 rows");
    });
}

TEST(LogisticKernels, CurvatureIsTheHessiansBlock) {
    test::at_all_block_sizes([] {
        const int Q = 2, K = 3;
        for (const int rows : {1, 65, 131})
            for (const int d : {1, 7, 40}) {
                const int D = d + 1;
                Random random(std::uint64_t(rows) * 10 + d);
                const auto logits = random.normals<float>(std::size_t(Q) * K * rows, 2.);
                const auto x = random.normals<float>(std::size_t(Q) * rows * d);
                const std::vector<float> bias{0.5f, -INFINITY, 0.25f, 0.5f, -1.f, 0.25f};
                const GuardedBuffer<float> L(logits), X(x), b(bias);
                const GuardedBuffer<unsigned> counts(counts_without(Q, {{0, 1}}));
                GuardedBuffer<float> scaled(std::size_t(Q) * K * rows * D);
                check(logistic_curvature(scaled.data(), L.data(), b.data(), X.data(), counts.data(), Q, rows, K, d,
                                         nullptr));
                std::vector<double> expected(scaled.size());
                for (int row = 0; row < Q * rows; ++row) {
                    const int q = row / rows, i = row % rows;
                    const double factor = q == 0 ? 2. : 1.5;  // 2 and 3 classes
                    std::vector<double> e(K);
                    double total = 0;
                    for (int k = 0; k < K; ++k)
                        total += e[k] = std::exp(double(logits[(q * K + k) * rows + i]) + double(bias[q * K + k]));
                    for (int k = 0; k < K; ++k) {
                        const double p = e[k] / total;
                        for (int j = 0; j < D; ++j)
                            expected[((std::size_t(q) * K + k) * rows + i) * D + j] =
                                std::sqrt(factor * p * (1 - p)) * (j < d ? double(x[std::size_t(row) * d + j]) : 1.);
                    }
                }
                // 1 - p loses up to 4 roundings of 1, which the root and x of at most 5 widen, and the factor by 2.
                test::expect_close(scaled.download(), expected,
                                   test::Tolerance{5 * std::sqrt(16 * test::kRounding<float>), 1e-5}, "scaled rows");
            }
    });
}

TEST(LogisticKernels, CurvatureAccumulates) {
    const int K = 2, D = 5;
    Random random(3);
    const auto first = random.normals<float>(K * D * D), second = random.normals<float>(K * D * D);
    GuardedBuffer<float> a(first), b(second);
    GuardedBuffer<double> sum(std::size_t(K) * D * D);  // NaN: the first call must not read it
    check(accumulate_curvature(sum.data(), a.data(), 0.5, 0.1, 0.01, true, false, K, D, nullptr));
    check(accumulate_curvature(sum.data(), b.data(), 0.5, 0.1, 0.01, false, true, K, D, nullptr));
    const auto result = sum.download();
    for (int i = 0; i < K * D * D; ++i) {
        double expected = 0.5 * first[i] + 0.5 * second[i];
        if (i / D % D == i % D) expected = expected * 1.000001 + (i % D == D - 1 ? 0.01 : 0.1);
        EXPECT_NEAR(result[i], expected, 1e-15 * 8);
    }
}

}  // namespace
}  // namespace warpvae

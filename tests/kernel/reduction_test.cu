// Sums for metrics: exact on integers, in double, added to what is there, at every block size.
#include <array>

#include "cuda/device/buffer.h"
#include "cuda/ops/optimiser.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;

template <class T>
void expect_sum(int R, int N) {
    Random random(N + 1);
    const auto values = random.integers<T>(std::size_t(R) * N, -1000, 1000);
    const std::size_t stride = 3;
    GuardedBuffer<T> x(values);
    std::vector<double> expected(R * stride, 0.5);  // what lies between the totals stays
    GuardedBuffer<double> totals(expected);
    check(accumulate_sum(totals.data(), stride, x.data(), R, N, nullptr));
    check(accumulate_sum(totals.data(), stride, x.data(), R, N, nullptr));
    for (int r = 0; r < R; ++r)
        for (int n = 0; n < N; ++n) expected[r * stride] += 2.0 * static_cast<double>(values[std::size_t(r) * N + n]);
    EXPECT_EQ(totals.download(), expected) << R << " x " << N;
}

TEST(AccumulateSum, ExactOnIntegersAtEveryBlockSize) {
    at_all_block_sizes([] {
        for (const auto& [R, N] :
             {std::array{1, 0}, std::array{1, 1}, std::array{3, 31}, std::array{2, 257}, std::array{1, 1031}}) {
            expect_sum<float>(R, N);
            expect_sum<double>(R, N);
        }
    });
}

TEST(AccumulateSum, AddsInDouble) {
    // In float, 16777216 + 1 is 16777216.
    std::vector<float> values(1001, 1.f);
    values[0] = 16777216.f;
    GuardedBuffer<float> x(values);
    GuardedBuffer<double> total(std::vector<double>{0});
    check(accumulate_sum(total.data(), 1, x.data(), 1, 1001, nullptr));
    EXPECT_EQ(total.download()[0], 16778216.0);
}

TEST(AccumulateSums, SumsEveryTermAndCountsTheStep) {
    at_all_block_sizes([] {
        Random random(4);
        const auto a = random.integers<float>(2 * 40, -9, 9), b = random.integers<float>(2 * 7, -9, 9);
        GuardedBuffer<float> A(a), B(b);
        GuardedBuffer<double> totals(std::vector<double>{1, 2, 3, 4});
        GuardedBuffer<std::uint64_t> step(std::vector<std::uint64_t>{(1ull << 32) - 1});
        check(accumulate_sums<float>(totals.data(), step.data(), {{A.data(), 31, 40}, {B.data(), 7, 7, 0.5}}, 2,
                                     nullptr));
        std::vector<double> expected = {1, 2, 3, 4};
        for (int r = 0; r < 2; ++r) {
            for (int n = 0; n < 31; ++n) expected[2 * r] += a[r * 40 + n];
            for (int n = 0; n < 7; ++n) expected[2 * r + 1] += 0.5 * b[r * 7 + n];
        }
        EXPECT_EQ(totals.download(), expected);
        EXPECT_EQ(step.download()[0], 1ull << 32);
    });
}

TEST(AccumulateSum, NaNReachesTheTotal) {
    at_all_block_sizes([] {
        std::vector<float> values(100, 1.f);
        values[57] = std::numeric_limits<float>::quiet_NaN();
        GuardedBuffer<float> x(values);
        GuardedBuffer<double> totals(std::vector<double>{0, 0});
        check(accumulate_sum(totals.data(), 1, x.data(), 2, 50, nullptr));
        EXPECT_EQ(totals.download()[0], 50);
        EXPECT_TRUE(std::isnan(totals.download()[1]));
    });
}

TEST(AccumulateMoments, ExactOnIntegersAtEveryBlockSize) {
    for (const auto& [R, N, D, stride] : {std::array{1, 1, 1, 1}, std::array{2, 7, 5, 10}, std::array{3, 0, 4, 4},
                                          std::array{1, 33, 131, 135}, std::array{2, 128, 20, 40}}) {
        Random random(D);
        const auto x = random.integers<float>(std::size_t(R) * N * stride, -50, 50);
        at_all_block_sizes([&, R = R, N = N, D = D, stride = stride] {
            std::vector<double> expected(std::size_t(R) * 2 * D, 1);
            GuardedBuffer<float> X(x);
            GuardedBuffer<double> sums(expected);
            check(accumulate_moments(sums.data(), X.data(), R, N, D, stride, nullptr));
            for (int r = 0; r < R; ++r)
                for (int n = 0; n < N; ++n)
                    for (int d = 0; d < D; ++d) {
                        const double v = x[(std::size_t(r) * N + n) * stride + d];
                        expected[r * 2 * D + d] += v;
                        expected[r * 2 * D + D + d] += v * v;
                    }
            EXPECT_EQ(sums.download(), expected);
        });
    }
}

TEST(AccumulateCorrect, CountsAtEveryBlockSize) {
    for (const auto& [R, N, first] :
         {std::array{1, 1, 0}, std::array{2, 31, 5}, std::array{3, 257, 1}, std::array{1, 0, 2}}) {
        Random random(N);
        const std::size_t length = first + N;
        std::vector<DeviceBuffer<std::uint8_t>> labels;
        std::vector<std::vector<std::uint8_t>> truth;
        std::vector<const std::uint8_t*> table;
        for (int r = 0; r < R; ++r) {
            truth.push_back(random.integers<std::uint8_t>(length, 0, 2));
            labels.emplace_back(truth.back());
            table.push_back(labels.back().data());
        }
        const DeviceBuffer<const std::uint8_t*> pointers(table);
        const auto guess = random.integers<std::uint8_t>(std::size_t(R) * N, 0, 2);
        std::vector<unsigned long long> expected(R, 40);
        for (int r = 0; r < R; ++r)
            for (int n = 0; n < N; ++n) expected[r] += guess[std::size_t(r) * N + n] == truth[r][first + n];
        at_all_block_sizes([&, R = R, N = N, first = first] {
            GuardedBuffer<std::uint8_t> predicted(guess);
            GuardedBuffer<unsigned long long> correct(std::vector<unsigned long long>(R, 40));
            check(accumulate_correct(correct.data(), predicted.data(), pointers.data(), first, R, N, nullptr));
            EXPECT_EQ(correct.download(), expected);
        });
    }
}

}  // namespace
}  // namespace warpvae

// log_mean_exp: against sums in long double, where weights span hundreds of nats, and at what cannot be averaged; and
// the sums that come a few at a time, against all at once.
#include <gtest/gtest.h>

#include <cmath>

#include "cuda/device/buffer.h"
#include "cuda/ops/latent.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

template <class T>
std::vector<LogMeanExp> run(const std::vector<T>& ratio, const std::vector<T>& nll, int Q, int K) {
    test::GuardedBuffer<T> r(ratio), l(nll);
    test::GuardedBuffer<LogMeanExp> out(Q);
    check(log_mean_exp<T>(out.data(), ratio.empty() ? nullptr : r.data(), l.data(), Q, K, nullptr));
    return out.download();
}

template <class T>
void expect_reference(const std::vector<T>& ratio, const std::vector<T>& nll, int Q, int K) {
    const auto ours = run(ratio, nll, Q, K);
    for (int q = 0; q < Q; ++q) {
        long double largest = -INFINITY, mean = 0, total = 0, squares = 0;
        std::vector<long double> w(K);
        for (int k = 0; k < K; ++k) {
            w[k] = (ratio.empty() ? 0.L : (long double)(ratio[q * K + k])) - (long double)(nll[q * K + k]);
            largest = std::max(largest, w[k]);
            mean += w[k] / K;
        }
        for (long double x : w) total += std::exp(x - largest), squares += std::exp(2 * (x - largest));
        EXPECT_NEAR(ours[q].log_mean, double(largest + std::log(total / K)), 1e-12 * (1 + std::abs(double(largest))));
        EXPECT_NEAR(ours[q].mean_log, double(mean), 1e-12 * (1 + std::abs(double(mean))));
        EXPECT_NEAR(ours[q].effective_sample_size, double(total * total / squares), 1e-9 * K);
    }
}

TEST(LogMeanExp, EqualsLongDoubleSumsAtAllSizes) {
    for (const int K : {1, 2, 31, 257, 5000}) {
        test::Random random(K);
        const int Q = 3;
        const auto ratio = random.normals<float>(std::size_t(Q) * K, 20),
                   nll = random.uniforms<float>(std::size_t(Q) * K, 50, 600);
        test::at_all_block_sizes([&] { expect_reference(ratio, nll, Q, K); });
        expect_reference(std::vector<float>(), nll, Q, K);
        expect_reference(random.normals<double>(std::size_t(Q) * K), random.normals<double>(std::size_t(Q) * K), Q, K);
    }
}

TEST(LogMeanExp, EqualWeightsAreAllEffectiveAndOneWeightIsOne) {
    auto out = run<float>({}, std::vector<float>(1000, 90.f), 1, 1000)[0];
    EXPECT_NEAR(out.log_mean, -90, 1e-12);
    EXPECT_NEAR(out.effective_sample_size, 1000, 1e-9);
    std::vector<float> one(1000, 900.f);
    one[77] = 10;
    out = run<float>({}, one, 1, 1000)[0];
    EXPECT_NEAR(out.log_mean, -10 - std::log(1000.), 1e-9);
    EXPECT_NEAR(out.effective_sample_size, 1, 1e-9);
}

TEST(LogMeanExp, NotANumberIsPassedOnAndNoSamplesAreRefused) {
    std::vector<float> nll(64, 3.f);
    nll[40] = NAN;
    EXPECT_TRUE(std::isnan(run<float>({}, nll, 1, 64)[0].log_mean));
    EXPECT_FALSE(log_mean_exp<float>(nullptr, nullptr, nullptr, 1, 0, nullptr).ok());
    EXPECT_TRUE(log_mean_exp<float>(nullptr, nullptr, nullptr, 0, 5, nullptr).ok());
}

TEST(LogMeanExp, InfiniteLossesWeighNothing) {
    const float inf = INFINITY;
    const auto some = run<float>({}, {inf, 2, inf, 2}, 1, 4)[0];
    EXPECT_NEAR(some.log_mean, -2 - std::log(2.), 1e-15);
    EXPECT_EQ(some.mean_log, -INFINITY);
    EXPECT_EQ(some.effective_sample_size, 2);
    EXPECT_EQ(run<float>({}, std::vector<float>(70, inf), 1, 70)[0].log_mean, -INFINITY);
}

// --- a few at a time -------------------------------------------------------------------------------------------------

/// The sums of log weights w [Q, K], given `chunk` at a time.
std::vector<LogWeights> accumulate(const std::vector<double>& w, int Q, int K, int chunk) {
    DeviceBuffer<LogWeights> sums(Q);
    sums.zero();
    for (int first = 0; first < K; first += chunk) {
        const int count = std::min(chunk, K - first);
        std::vector<double> ratio;
        for (int q = 0; q < Q; ++q)
            for (int k = first; k < first + count; ++k) ratio.push_back(w[std::size_t(q) * K + k] + 3);
        test::GuardedBuffer<double> r(ratio), l(std::vector<double>(ratio.size(), 3.));
        check(accumulate_log_weights<double>(sums.data(), r.data(), l.data(), Q, count, nullptr));
    }
    return sums.download();
}

void expect_same(const LogMeanExp& found, const LogMeanExp& expected, int K) {
    const auto near = [](double a, double b, double allowed) {
        EXPECT_TRUE(a == b || std::abs(a - b) <= allowed) << a << ", expected " << b;
    };
    near(found.log_mean, expected.log_mean, 1e-12 * (1 + std::abs(expected.log_mean)));
    near(found.mean_log, expected.mean_log, 1e-12 * (1 + std::abs(expected.mean_log)));
    near(found.effective_sample_size, expected.effective_sample_size, 1e-12 * K);
}

TEST(LogWeights, ChunksGiveWhatOneCallGivesInAnyOrder) {
    const int K = 211;
    std::vector<double> rows = test::Random(4).normals<double>(K, 30);  // row 0: as they come
    const std::vector<double> drawn = rows;
    const auto add = [&](auto w) {
        for (int k = 0; k < K; ++k) rows.push_back(w(k));
    };
    add([](int k) { return -2000. + 9 * k; });                      // rising: scaled down at every chunk
    add([](int k) { return 2000. - 9 * k; });                       // falling
    add([](int) { return -250.; });                                 // equal
    add([](int k) { return k < 150 ? -INFINITY : -100. + k; });     // nothing for long
    add([](int k) { return k % 2 ? -INFINITY : 0.25 * (k % 7); });  // and now and then
    add([&](int k) { return drawn[K - 1 - k]; });
    add([](int) { return -INFINITY; });
    const int Q = int(rows.size()) / K;
    std::vector<double> nll;
    for (const double w : rows) nll.push_back(-w);
    test::at_all_block_sizes([&] {
        const auto expected = run<double>({}, nll, Q, K);
        for (const int chunk : {7, 50, K}) {
            const auto sums = accumulate(rows, Q, K, chunk);
            for (int q = 0; q < Q; ++q) {
                SCOPED_TRACE("row " + std::to_string(q) + " in chunks of " + std::to_string(chunk));
                EXPECT_EQ(sums[q].count, K);
                expect_same(sums[q].result(), expected[q], K);
            }
            EXPECT_EQ(sums[3].result().effective_sample_size, K);
            EXPECT_EQ(sums[7].result().log_mean, -INFINITY);
        }
    });
}

TEST(LogWeights, NoneIsNoNumberAndNoMoreChangesNothing) {
    test::GuardedBuffer<LogWeights> sums(std::vector<LogWeights>{{}, {}});
    test::GuardedBuffer<float> nll(std::vector<float>{1, 2, 3, NAN});
    const auto accumulated = [&](int K) {
        check(accumulate_log_weights<float>(sums.data(), nullptr, nll.data(), 2, K, nullptr));
        return sums.download();
    };
    EXPECT_TRUE(std::isnan(accumulated(0)[0].result().log_mean));
    const auto two = accumulated(2);
    EXPECT_NEAR(two[0].result().log_mean, std::log((std::exp(-1.) + std::exp(-2.)) / 2), 1e-15);
    EXPECT_EQ(two[0].result().mean_log, -1.5);
    EXPECT_TRUE(std::isnan(two[1].result().log_mean));
    const auto still = accumulated(0);
    EXPECT_EQ(still[0].result().log_mean, two[0].result().log_mean);
    EXPECT_EQ(still[0].count, 2);
    EXPECT_TRUE(std::isnan(accumulated(1)[1].result().log_mean)) << "a NaN is never forgotten";
    EXPECT_FALSE(accumulate_log_weights<float>(nullptr, nullptr, nullptr, 1, -1, nullptr).ok());
    EXPECT_TRUE(accumulate_log_weights<float>(nullptr, nullptr, nullptr, 0, 5, nullptr).ok());
}

}  // namespace
}  // namespace warpvae

// log_mean_exp: against sums in long double, where weights span hundreds of nats, and at what cannot be averaged.
#include <gtest/gtest.h>

#include <cmath>

#include "cuda/device/buffer.h"
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

}  // namespace
}  // namespace warpvae

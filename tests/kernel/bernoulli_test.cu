// The Bernoulli negative log-likelihood and its gradient, from logits and from clipped probabilities.
#include <array>

#include "cuda/ops/loss.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;

template <class T>
struct Result {
    std::vector<T> nll, gradient;
};
enum class From { kLogits, kProbabilities };

template <class T>
Result<T> run(From from, const std::vector<T>& input, const std::vector<T>& target, T scale, int R, int N, int D,
              bool in_place = false) {
    GuardedBuffer<T> x(input), t(target), g(input.size()), nll(std::size_t(R) * N);
    T* gradient = in_place ? x.data() : g.data();
    check(from == From::kLogits
              ? bernoulli_from_logits(nll.data(), gradient, x.data(), t.data(), scale, R, N, D, nullptr)
              : bernoulli_from_probabilities(nll.data(), gradient, x.data(), t.data(), scale, R, N, D, nullptr));
    return {nll.download(), in_place ? x.download() : g.download()};
}

TEST(Bernoulli, LogitsAgainstThePlainFormula) {
    for (const auto& [R, N, D] :
         {std::array{1, 1, 1}, std::array{2, 3, 31}, std::array{1, 5, 97}, std::array{2, 2, 784}}) {
        Random random(D);
        const auto l = random.normals<float>(std::size_t(R) * N * D, 4), t = random.uniforms<float>(l.size());
        std::vector<double> nll, nll_allowed, gradient, gradient_allowed;
        const double u = kRounding<float>, scale = 0.25;
        for (int row = 0; row < R * N; ++row) {
            double sum = 0, magnitude = 0;
            for (int d = 0; d < D; ++d) {
                const double x = l[std::size_t(row) * D + d], y = t[std::size_t(row) * D + d];
                const double soft = std::log1p(std::exp(-std::abs(x)));
                sum += std::max(x, 0.0) - x * y + soft;
                magnitude += std::max(x, 0.0) + std::abs(x * y) + soft;
                gradient.push_back(scale * (1 / (1 + std::exp(-x)) - y));
                gradient_allowed.push_back(scale * 7 * u);  // sigmoid 2.5 ulp = 5u, difference u, product u
            }
            nll.push_back(sum);
            nll_allowed.push_back((D + 9) * u * magnitude);  // D sums; log1p 5u after e^x 3u, and one difference
        }
        at_all_block_sizes([&, R = R, N = N, D = D] {
            const Result<float> out = run(From::kLogits, l, t, 0.25f, R, N, D);
            expect_close(out.nll, nll, nll_allowed, "nll from logits, D " + std::to_string(D));
            expect_close(out.gradient, gradient, gradient_allowed, "gradient from logits, D " + std::to_string(D));
        });
    }
}

TEST(Bernoulli, ExtremeLogitsStayFinite) {
    at_all_block_sizes([] {
        const std::vector<float> l{100, -100, 100, -100, 1e4f, -1e4f, 0, 0}, t{0, 1, 1, 0, 0, 1, 0, 1};
        const Result<float> out = run(From::kLogits, l, t, 1.f, 1, 8, 1);
        const std::vector<double> nll{100, 100, 0, 0, 1e4, 1e4, std::log(2.0), std::log(2.0)};
        const std::vector<float> gradient{1, -1, 0, 0, 1, -1, 0.5f, -0.5f};
        expect_close(out.nll, nll, Tolerance{1e-40, 2e-7}, "nll of extreme logits");
        expect_close(out.gradient, gradient, Tolerance{1e-40, 1e-7}, "gradient of extreme logits");
    });
}

TEST(Bernoulli, NaNReachesItsRowAndItsPixelOnly) {
    for (const From from : {From::kLogits, From::kProbabilities})
        at_all_block_sizes([from] {
            const int N = 3, D = 70;
            std::vector<float> x(N * D, 0.5f), t(N * D, 1.f);
            x[D + 41] = std::numeric_limits<float>::quiet_NaN();
            const Result<float> out = run(from, x, t, 1.f, 1, N, D);
            for (int n = 0; n < N; ++n) EXPECT_EQ(std::isnan(out.nll[n]), n == 1) << "row " << n;
            for (int i = 0; i < N * D; ++i) EXPECT_EQ(std::isnan(out.gradient[i]), i == D + 41) << "pixel " << i;
        });
}

TEST(Bernoulli, GradientMayOverwriteItsInputOrBeLeftOut) {
    Random random(2);
    const int N = 3, D = 129;
    const auto x = random.uniforms<float>(N * D, 0.1, 0.9), t = random.uniforms<float>(N * D);
    for (const From from : {From::kLogits, From::kProbabilities})
        at_all_block_sizes([&] {
            const Result<float> apart = run(from, x, t, 2.f, 1, N, D), in_place = run(from, x, t, 2.f, 1, N, D, true);
            expect_identical(in_place.nll, apart.nll, "nll");
            expect_identical(in_place.gradient, apart.gradient, "gradient");
            GuardedBuffer<float> X(x), T(t), nll(N);
            check(from == From::kLogits
                      ? bernoulli_from_logits<float>(nll.data(), nullptr, X.data(), T.data(), 2.f, 1, N, D, nullptr)
                      : bernoulli_from_probabilities<float>(nll.data(), nullptr, X.data(), T.data(), 2.f, 1, N, D,
                                                            nullptr));
            expect_close(nll.download(), apart.nll, Tolerance{0, D * kRounding<float>}, "nll without a gradient");
            expect_identical(X.download(), x, "the input");
        });
}

TEST(Bernoulli, ByFiniteDifferences) {
    Random random(12);
    const int R = 2, N = 3, D = 7;
    const double scale = 1.5;
    const auto t = random.uniforms<double>(R * N * D);
    for (const From from : {From::kLogits, From::kProbabilities}) {
        const auto x =
            from == From::kLogits ? random.normals<double>(t.size(), 2) : random.uniforms<double>(t.size(), 0.05, 0.95);
        const auto loss = [&](const std::vector<double>& input) {
            double sum = 0;
            for (const double v : run(from, input, t, scale, R, N, D).nll) sum += scale * v;
            return sum;
        };
        expect_gradient(loss, x, run(from, x, t, scale, R, N, D).gradient,
                        from == From::kLogits ? "from logits" : "from probabilities");
    }
}

TEST(RowMap, NamesTheTargetOfEachRow) {
    for (const RowMap map : {RowMap{}, RowMap{0, 5}, RowMap{1, 1}, RowMap{2, 5}, RowMap{3, 1}, RowMap{2, 0}})
        for (const int alone : {0, 1, 4}) {
            std::vector<int> expected;
            for (int target = 0; target < map.shared; ++target)
                for (int k = 0; k < map.times; ++k) expected.push_back(target);
            for (int target = 0; target < alone; ++target) expected.push_back(map.shared + target);
            const int N = int(expected.size());
            ASSERT_TRUE(map.fits(N));
            EXPECT_EQ(map.targets(N), map.shared + alone);
            for (int n = 0; n < N; ++n) EXPECT_EQ(map.target_of(n), expected[n]) << n;
        }
    EXPECT_FALSE((RowMap{2, 5}.fits(9)));
    EXPECT_FALSE((RowMap{-1, 5}.fits(9)));
    EXPECT_FALSE((RowMap{1, -5}.fits(9)));
    EXPECT_FALSE((RowMap{1 << 20, 1 << 20}.fits(9))) << "their product is no int";
}

TEST(Bernoulli, RowsMayBeWeighedAndShareATarget) {
    const RowMap map{2, 5};
    const int R = 2, N = 13, D = 131, images = map.targets(N);
    Random random(16);
    const auto l = random.normals<float>(std::size_t(R) * N * D, 3), t = random.uniforms<float>(R * images * D);
    const auto weights = random.uniforms<float>(R * N, 0.1, 2);
    std::vector<float> target;  // each row's own
    for (int r = 0; r < R; ++r)
        for (int n = 0; n < N; ++n) {
            const auto image = slice(t, (std::size_t(r) * images + (n < 10 ? n / 5 : n - 8)) * D, D);
            target.insert(target.end(), image.begin(), image.end());
        }
    at_all_block_sizes([&] {
        Result<float> expected = run(From::kLogits, l, target, 0.25f, R, N, D);
        GuardedBuffer<float> x(l), T(t), w(weights), all(target), nll(R * N), g(l.size());
        const auto logits = [&](float* to_nll, float* gradient, const float* of, const LossRows<float>& rows) {
            check(bernoulli_from_logits(to_nll, gradient, x.data(), of, 0.25f, R, N, D, nullptr, rows));
        };
        logits(nll.data(), g.data(), T.data(), {nullptr, map});
        expect_identical(nll.download(), expected.nll, "nll of shared targets");
        expect_identical(g.download(), expected.gradient, "gradient of shared targets");
        logits(nullptr, g.data(), all.data(), {});
        expect_identical(g.download(), expected.gradient, "gradient without nll");

        // One weight at a time: scale times the weight, rounded once.
        for (int row = 0; row < R * N; ++row) {
            const auto alone =
                run(From::kLogits, slice(l, row * D, D), slice(target, row * D, D), 0.25f * weights[row], 1, 1, D);
            std::copy(alone.gradient.begin(), alone.gradient.end(), expected.gradient.begin() + row * D);
        }
        logits(nll.data(), g.data(), T.data(), {w.data(), map});
        expect_identical(nll.download(), expected.nll, "nll, which has no weight");
        expect_identical(g.download(), expected.gradient, "weighed gradient");
        logits(nullptr, g.data(), all.data(), {w.data(), {}});
        expect_identical(g.download(), expected.gradient, "weighed gradient without nll, each row its target");
        logits(nullptr, x.data(), T.data(), {w.data(), map});
        expect_identical(x.download(), expected.gradient, "in the logits' place");

        const auto p = Random(17).uniforms<float>(l.size());
        expected = run(From::kProbabilities, p, target, 0.25f, R, N, D);
        GuardedBuffer<float> probabilities(p);
        check(bernoulli_from_probabilities(nll.data(), g.data(), probabilities.data(), T.data(), 0.25f, R, N, D,
                                           nullptr, {nullptr, map}));
        expect_identical(nll.download(), expected.nll, "nll of probabilities");
        expect_identical(g.download(), expected.gradient, "gradient of probabilities");
    });
    GuardedBuffer<float> b(64);
    EXPECT_FALSE(bernoulli_from_logits<float>(b.data(), nullptr, b.data(), b.data(), 1.f, 1, 2, 2, nullptr,
                                              {nullptr, RowMap{1, 3}})
                     .ok())
        << "three rows of one target among two rows";
}

TEST(Bernoulli, WeighedRowsByFiniteDifferences) {
    const RowMap map{2, 2};
    const int R = 2, N = 5, D = 4;
    Random random(17);
    const auto t = random.uniforms<double>(R * map.targets(N) * D), weights = random.uniforms<double>(R * N, 0.1, 2);
    const auto x = random.normals<double>(R * N * D, 2);
    GuardedBuffer<double> target(t), w(weights), nll(R * N), g(x.size());
    const auto loss = [&](const std::vector<double>& logits) {
        GuardedBuffer<double> l(logits);
        check(bernoulli_from_logits(nll.data(), g.data(), l.data(), target.data(), 1.5, R, N, D, nullptr,
                                    {w.data(), map}));
        const std::vector<double> values = nll.download();
        double sum = 0;
        for (int row = 0; row < R * N; ++row) sum += 1.5 * weights[row] * values[row];
        return sum;
    };
    loss(x);
    expect_gradient(loss, x, g.download(), "weighed rows");
}

/// As run(), from logits clipped to +-largest.
template <class T>
Result<T> clipped(const std::vector<T>& logits, const std::vector<T>& target, T scale, int R, int N, int D, T largest) {
    GuardedBuffer<T> x(logits), t(target), g(logits.size()), nll(std::size_t(R) * N);
    check(bernoulli_from_logits(nll.data(), g.data(), x.data(), t.data(), scale, R, N, D, nullptr, {}, largest));
    return {nll.download(), g.download()};
}

TEST(Bernoulli, AClippedLogitCountsAsTheBoundAndHasNoGradient) {
    Random random(18);
    const int R = 2, N = 3, D = 131;
    const float largest = 1.5f;
    auto l = random.normals<float>(R * N * D, 2);
    l[0] = 1e4f, l[1] = -1e4f, l[2] = largest, l[3] = -largest;
    const auto t = random.uniforms<float>(l.size());
    std::vector<float> bounded = l;
    for (float& x : bounded) x = std::min(std::max(x, -largest), largest);
    at_all_block_sizes([&] {
        const Result<float> out = clipped(l, t, 0.25f, R, N, D, largest),
                            expected = run(From::kLogits, bounded, t, 0.25f, R, N, D);
        // The same sum, which a compiler may order otherwise.
        expect_close(out.nll, expected.nll, Tolerance{0, D * kRounding<float>}, "nll of clipped logits");
        std::vector<float> gradient = expected.gradient;
        for (std::size_t i = 0; i < l.size(); ++i)
            if (std::abs(l[i]) > largest) gradient[i] = 0;
        expect_identical(out.gradient, gradient, "gradient of clipped logits");

        const Result<float> free = run(From::kLogits, l, t, 0.25f, R, N, D), wide = clipped(l, t, 0.25f, R, N, D, 1e9f);
        expect_identical(wide.gradient, free.gradient, "gradient under a bound that no logit reaches");
        expect_close(wide.nll, free.nll, Tolerance{0, D * kRounding<float>}, "nll under it");
    });
}

TEST(Bernoulli, ClippedLogitsByFiniteDifferences) {
    Random random(19);
    const int R = 2, N = 3, D = 7;
    const auto t = random.uniforms<double>(R * N * D), x = random.normals<double>(t.size(), 2);
    const auto loss = [&](const std::vector<double>& input) {
        double sum = 0;
        for (const double v : clipped(input, t, 1.5, R, N, D, 2.).nll) sum += 1.5 * v;
        return sum;
    };
    expect_gradient(loss, x, clipped(x, t, 1.5, R, N, D, 2.).gradient, "clipped logits");
}

TEST(Bernoulli, TheBoundHidesNoNaNAndIsNeverNegative) {
    at_all_block_sizes([] {
        std::vector<float> x(3 * 70, 5.f), t(x.size(), 1.f);
        x[70 + 41] = std::numeric_limits<float>::quiet_NaN();
        const Result<float> out = clipped(x, t, 1.f, 1, 3, 70, 2.f);
        for (int n = 0; n < 3; ++n) EXPECT_EQ(std::isnan(out.nll[n]), n == 1) << "row " << n;
        for (int i = 0; i < 3 * 70; ++i) EXPECT_EQ(std::isnan(out.gradient[i]), i == 70 + 41) << "pixel " << i;
    });
    GuardedBuffer<float> b(8);
    for (const float bound : {-1.f, std::numeric_limits<float>::quiet_NaN()})
        EXPECT_FALSE(
            bernoulli_from_logits<float>(b.data(), nullptr, b.data(), b.data(), 1.f, 1, 2, 2, nullptr, {}, bound).ok());
}

TEST(Bernoulli, ProbabilitiesAgainstThePlainFormula) {
    Random random(13);
    const int N = 4, D = 101;
    auto p = random.uniforms<float>(N * D, 0.001, 0.999);
    const auto t = random.uniforms<float>(N * D);
    // Some beyond the clip, on either side; the bounds are those numbers in float.
    const double low = 1e-6f, high = 1.f - 1e-6f, u = kRounding<float>;
    p[3] = 0, p[40] = 1, p[D] = 1e-7f, p[D + 1] = 0.9999999f;
    std::vector<double> nll(N), nll_allowed(N), gradient, gradient_allowed;
    for (int i = 0; i < N * D; ++i) {
        const bool clipped = p[i] < low || p[i] > high;
        const double q = std::min(std::max<double>(p[i], low), high), y = t[i];
        nll[i / D] -= y * std::log(q) + (1 - y) * std::log(1 - q);
        // 1 - q rounds to u, an absolute error of u in its logarithm.
        nll_allowed[i / D] += (D + 6) * u * (y * std::abs(std::log(q)) + (1 - y) * std::abs(std::log(1 - q))) + 2 * u;
        gradient.push_back(clipped ? 0 : (q - y) / (q * (1 - q)));
        gradient_allowed.push_back(4 * u * (q + y) / (q * (1 - q)));
    }
    at_all_block_sizes([&] {
        const Result<float> out = run(From::kProbabilities, p, t, 1.f, 1, N, D);
        expect_close(out.nll, nll, nll_allowed, "nll from probabilities");
        expect_close(out.gradient, gradient, gradient_allowed, "gradient from probabilities");
        for (const int i : {3, 40, D, D + 1}) EXPECT_EQ(out.gradient[i], 0.f) << "the clip passes a gradient";
    });
}

TEST(Bernoulli, TheClipBoundsTheLoss) {
    const Result<double> out = run<double>(From::kProbabilities, {0, 1, 0, 1, -3, 7}, {1, 0, 0, 1, 1, 0}, 1., 1, 6, 1);
    const double worst = -std::log(1e-6), best = -std::log1p(-1e-6);
    expect_close(out.nll, std::vector<double>{worst, worst, best, best, worst, worst}, Tolerance{1e-9, 0},
                 "clipped nll");
    for (const double g : out.gradient) EXPECT_EQ(g, 0);
}

TEST(Bernoulli, BothFormsAgree) {
    Random random(14);
    const auto l = random.normals<double>(300, 2), t = random.uniforms<double>(300);
    GuardedBuffer<double> L(l), P(l.size());
    check(sigmoid(P.data(), L.data(), l.size(), nullptr));
    expect_close(run(From::kLogits, l, t, 1., 1, 3, 100).nll,
                 run(From::kProbabilities, P.download(), t, 1., 1, 3, 100).nll, Tolerance{0, 1e-12},
                 "from logits and from probabilities");
}

TEST(Sigmoid, InPlaceAtEveryBlockSize) {
    Random random(15);
    for (const std::size_t n : {0, 1, 31, 257, 1031}) {
        const auto x = random.normals<float>(n, 10);
        std::vector<double> expected;
        for (const double v : x) expected.push_back(1 / (1 + std::exp(-v)));
        at_all_block_sizes([&] {
            GuardedBuffer<float> y(x);
            check(sigmoid(y.data(), y.data(), n, nullptr));
            expect_close(y.download(), expected, Tolerance{0, 5 * kRounding<float>}, "sigmoid, n " + std::to_string(n));
        });
    }
}

}  // namespace
}  // namespace warpvae

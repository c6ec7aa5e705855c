// The Gaussian negative log-likelihood and its gradients to the mean and the deviations.
#include "cuda/ops/loss.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;

constexpr double kHalfLog2Pi = 0.91893853320467274;

/// One call's inputs; without weights each row counts 1.
template <class T>
struct Case {
    int R, N, pixels, C, deviations;  ///< deviations 0: none given
    RowMap map{};
    std::size_t P = 0;
    T scale = T(0.25);
    std::vector<T> mean, target, log_deviation, weights;

    Case(int replicas, int rows, int pixels_, int channels, int deviations_, bool weighted = false, RowMap row_map = {})
        : R(replicas), N(rows), pixels(pixels_), C(channels), deviations(deviations_), map(row_map) {
        P = deviations + 3;
        Random random(N + 7 * pixels + 49 * C + deviations);
        const std::size_t images = map.targets(N);
        mean = random.normals<T>(std::size_t(R) * N * D());
        target = random.normals<T>(R * images * D());
        if (deviations) log_deviation = random.normals<T>(R * P, 0.5);
        if (weighted) weights = random.uniforms<T>(std::size_t(R) * N, 0.1, 2);
    }
    int D() const { return pixels * C; }
    double weight(std::size_t row) const { return weights.empty() ? 1. : double(weights[row]); }
    std::string name() const {
        return "N " + std::to_string(N) + " pixels " + std::to_string(pixels) + " C " + std::to_string(C) +
               ", deviations " + std::to_string(deviations);
    }
};

template <class T>
struct Result {
    std::vector<T> nll, dmean, dlog_deviation;
};

/// in_place: dmean in the mean's place.
template <class T>
Result<T> run(const Case<T>& c, bool in_place = false) {
    GuardedBuffer<T> mean(c.mean), target(c.target), log_deviation(c.log_deviation), weights(c.weights);
    GuardedBuffer<T> nll(std::size_t(c.R) * c.N), dmean(c.mean.size()), dlog(c.log_deviation.size());
    GuardedBuffer<T>& gradient = in_place ? mean : dmean;
    check(gaussian_likelihood<T>({nll.data(), gradient.data(), c.deviations ? dlog.data() : nullptr}, mean.data(),
                                 target.data(), {c.deviations ? log_deviation.data() : nullptr, c.deviations, c.P},
                                 c.scale, c.R, c.N, c.pixels, c.C, nullptr,
                                 {c.weights.empty() ? nullptr : weights.data(), c.map}));
    Result<T> out{nll.download(), gradient.download(), {}};
    const std::vector<T> all = dlog.download();
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (int(i % c.P) < c.deviations)
            out.dlog_deviation.push_back(all[i]);
        else
            EXPECT_TRUE(std::isnan(all[i])) << "written between the replicas' deviations";
    }
    return out;
}

/// The definitions in double; an operation errs by u, e^x by 3u, and its argument's rounding is |argument| u.
template <class T>
void expect_values(const Case<T>& c) {
    const double u = (sizeof(T) == 8 ? 2 : 1) * kRounding<T>, scale = double(c.scale);
    Result<double> value, allowed;
    for (int r = 0; r < c.R; ++r) {
        std::vector<double> dlog(std::max(c.deviations, 1)), dlog_allowed(dlog.size());
        for (int n = 0; n < c.N; ++n) {
            const std::size_t row = std::size_t(r) * c.N + n;
            const std::size_t image = std::size_t(r) * c.map.targets(c.N) + c.map.target_of(n);
            const double w = scale * c.weight(row);
            double nll = 0, magnitude = 0;
            for (int i = 0; i < c.D(); ++i) {
                const int s = c.deviations > 1 ? i % c.C : 0;
                const double log_s = c.deviations ? double(c.log_deviation[r * c.P + s]) : 0;
                const double precision = std::exp(-2 * log_s),
                             off = double(c.mean[row * c.D() + i]) - double(c.target[image * c.D() + i]);
                const double square = precision * off * off;
                nll += square / 2 + log_s + kHalfLog2Pi;
                magnitude += square / 2 + std::abs(log_s) + kHalfLog2Pi;
                value.dmean.push_back(w * precision * off);
                allowed.dmean.push_back((2 * std::abs(log_s) + 8) * u * std::abs(w * precision * off));
                dlog[s] += w * (1 - square);
                // As many sums as rows and pixels; off, its square and e^x before them.
                dlog_allowed[s] += (c.N + c.D() + 10 + 2 * std::abs(log_s)) * u * w * (1 + square);
            }
            value.nll.push_back(nll);
            allowed.nll.push_back((c.D() + 12) * u * magnitude);
        }
        if (!c.deviations) continue;
        value.dlog_deviation.insert(value.dlog_deviation.end(), dlog.begin(), dlog.end());
        allowed.dlog_deviation.insert(allowed.dlog_deviation.end(), dlog_allowed.begin(), dlog_allowed.end());
    }
    const Result<T> out = run(c);
    expect_close(out.nll, value.nll, allowed.nll, "nll, " + c.name());
    expect_close(out.dmean, value.dmean, allowed.dmean, "dmean, " + c.name());
    expect_close(out.dlog_deviation, value.dlog_deviation, allowed.dlog_deviation, "dlog_deviation, " + c.name());
}

template <class T>
void expect_small_values() {
    for (const bool weighted : {false, true})
        for (const int deviations : {0, 1, 3}) {
            expect_values(Case<T>(1, 1, 1, 3, deviations, weighted));
            expect_values(Case<T>(2, 3, 37, 3, deviations, weighted));
            expect_values(Case<T>(2, 9, 7, 3, deviations, weighted, {2, 4}));
            expect_values(Case<T>(1, 3, 257, 3, deviations, weighted, {0, 4}));
        }
    expect_values(Case<T>(2, 3, 97, 1, 1));
    expect_values(Case<T>(1, 2, 5, 33, 33, true));
}

TEST(GaussianLikelihood, AgainstThePlainFormula) {
    expect_small_values<float>();
    expect_small_values<double>();
    for (const int deviations : {0, 1, 3}) expect_values(Case<float>(1, 42, 1024, 3, deviations, true, {4, 10}));
}

TEST(GaussianLikelihood, AtEveryBlockSize) {
    at_all_block_sizes([] { expect_small_values<float>(); });
}

TEST(GaussianLikelihood, ByFiniteDifferences) {
    // sum_n scale w_n nll_n in the means and the deviations, which several rows share with a target.
    for (const int deviations : {1, 2}) {
        const Case<double> at(2, 7, 3, 2, deviations, true, {2, 3});
        const auto loss = [&](const std::vector<double>& x) {
            Case<double> c = at;
            c.mean = slice(x, 0, c.mean.size());
            for (int r = 0; r < c.R; ++r)
                for (int s = 0; s < deviations; ++s)
                    c.log_deviation[r * c.P + s] = x[c.mean.size() + r * deviations + s];
            const std::vector<double> nll = run(c).nll;
            double sum = 0;
            for (std::size_t row = 0; row < nll.size(); ++row) sum += c.scale * c.weight(row) * nll[row];
            return sum;
        };
        std::vector<double> x = at.mean;
        for (int r = 0; r < at.R; ++r)
            for (int s = 0; s < deviations; ++s) x.push_back(at.log_deviation[r * at.P + s]);
        const Result<double> out = run(at);
        std::vector<double> gradient = out.dmean;
        gradient.insert(gradient.end(), out.dlog_deviation.begin(), out.dlog_deviation.end());
        expect_gradient(loss, x, gradient, at.name());
    }
}

TEST(GaussianLikelihood, KnownValues) {
    // At the mean a pixel costs log s + log(2 pi) / 2 and each unit of deviation pulls by 1; one deviation off, 1/2
    // more and no pull.
    Case<double> c(1, 2, 5, 1, 1);
    c.scale = 1, c.log_deviation.assign(c.P, std::log(2.)), c.target = c.mean;
    for (int i = 5; i < 10; ++i) c.target[i] += 2;
    at_all_block_sizes([&] {
        const Result<double> out = run(c);
        const double least = 5 * (std::log(2.) + kHalfLog2Pi);
        expect_close(out.nll, std::vector<double>{least, least + 2.5}, Tolerance{1e-14, 0}, "nll");
        expect_close(out.dlog_deviation, std::vector<double>{5}, Tolerance{1e-14, 0}, "dlog_deviation");
        for (int i = 0; i < 5; ++i) EXPECT_EQ(out.dmean[i], 0.);
        for (int i = 5; i < 10; ++i) EXPECT_NEAR(out.dmean[i], -0.5, 1e-15);
    });
}

TEST(GaussianLikelihood, BelowItsBoundADeviationIsTheBoundAndOnlyComesBack) {
    Case<double> at(1, 2, 5, 1, 1);
    at.log_deviation.assign(at.P, -6);
    Case<double> below = at;
    below.log_deviation.assign(at.P, -7);
    const auto expect_same = [&] {
        const Result<double> right = run(at), out = run(below);
        expect_identical(out.nll, right.nll, "nll");
        expect_identical(out.dmean, right.dmean, "dmean");
        return std::pair{right.dlog_deviation[0], out.dlog_deviation[0]};
    };
    at_all_block_sizes([&] {
        const auto [pull, kept] = expect_same();
        EXPECT_LT(pull, 0) << "the means are many deviations off";
        EXPECT_EQ(kept, pull);
    });
    at.target = at.mean, below.target = below.mean;
    at_all_block_sizes([&] {
        const auto [pull, kept] = expect_same();
        EXPECT_EQ(pull, 2 * 5 * at.scale) << "nothing is left over";
        EXPECT_EQ(kept, 0);
    });
}

TEST(GaussianLikelihood, IntegersAreExact) {
    // Without a deviation squares of integers sum exactly, but for the constant added once.
    Random random(3);
    Case<float> c(1, 3, 301, 1, 1);
    c.mean = random.integers<float>(c.mean.size(), -9, 9), c.target = random.integers<float>(c.mean.size(), -9, 9);
    c.log_deviation.assign(c.P, 0), c.scale = 2, c.weights = {1, 0, 4};
    std::vector<float> nll(3), dmean, dlog(1);
    for (int i = 0; i < 3 * 301; ++i) {
        const float off = c.mean[i] - c.target[i], w = 2 * c.weights[i / 301];
        nll[i / 301] += off * off / 2;
        dmean.push_back(w * off);
        dlog[0] += w * (1 - off * off);
    }
    for (float& v : nll) v += 301 * float(kHalfLog2Pi);
    at_all_block_sizes([&] {
        const Result<float> out = run(c);
        expect_identical(out.nll, nll, "nll");
        for (std::size_t i = 0; i < dmean.size(); ++i) EXPECT_EQ(out.dmean[i], dmean[i]);
        expect_identical(out.dlog_deviation, dlog, "dlog_deviation");
    });
}

TEST(GaussianLikelihood, TheGradientMayOverwriteTheMeanAndEachOutputBeLeftOut) {
    for (const int deviations : {1, 3}) {
        const Case<float> c(2, 9, 37, 3, deviations, true, {2, 4});
        at_all_block_sizes([&] {
            const Result<float> apart = run(c), in_place = run(c, true);
            expect_identical(in_place.nll, apart.nll, "nll");
            expect_identical(in_place.dmean, apart.dmean, "dmean");
            expect_identical(in_place.dlog_deviation, apart.dlog_deviation, "dlog_deviation");
            GuardedBuffer<float> mean(c.mean), target(c.target), log_deviation(c.log_deviation), weights(c.weights);
            GuardedBuffer<float> nll(apart.nll.size()), dmean(apart.dmean.size()), dlog(c.log_deviation.size());
            const auto only = [&](float* to_nll, float* to_mean, float* to_deviation) {
                check(gaussian_likelihood<float>({to_nll, to_mean, to_deviation}, mean.data(), target.data(),
                                                 {log_deviation.data(), deviations, c.P}, c.scale, c.R, c.N, c.pixels,
                                                 c.C, nullptr, {weights.data(), c.map}));
            };
            only(nullptr, dmean.data(), nullptr);
            only(nullptr, nullptr, dlog.data());
            expect_identical(dmean.download(), apart.dmean, "dmean alone");
            // Of one deviation the sums are then of another order: numbers of a few units, each weighed by 2 at most.
            const double numbers = double(c.N) * c.D();
            EXPECT_NEAR(dlog.download()[0], apart.dlog_deviation[0],
                        deviations > 1 ? 0 : numbers * (c.N + c.D()) * kRounding<float> * 2 * double(c.scale));
            EXPECT_TRUE(std::isnan(nll.download()[0]));
            only(nll.data(), nullptr, nullptr);
            expect_close(nll.download(), apart.nll, Tolerance{0, c.D() * kRounding<float>}, "nll alone");
        });
    }
}

TEST(GaussianLikelihood, AReplicaIsTheSameAlone) {
    const Case<float> all(3, 9, 37, 3, 3, true, {2, 4});
    const Result<float> together = run(all);
    for (int r = 0; r < all.R; ++r) {
        Case<float> one = all;
        const std::size_t D = all.D(), means = all.N * D;
        one.R = 1, one.mean = slice(all.mean, r * means, means), one.target = slice(all.target, r * 3 * D, 3 * D);
        one.log_deviation = slice(all.log_deviation, r * all.P, all.P), one.weights = slice(all.weights, r * 9, 9);
        const Result<float> alone = run(one);
        expect_identical(alone.nll, slice(together.nll, r * 9, 9), "nll");
        expect_identical(alone.dmean, slice(together.dmean, r * means, means), "dmean");
        expect_identical(alone.dlog_deviation, slice(together.dlog_deviation, r * 3, 3), "dlog_deviation");
    }
}

TEST(GaussianLikelihood, NaNReachesItsRowItsPixelAndItsDeviation) {
    at_all_block_sizes([] {
        Case<float> c(1, 3, 70, 2, 2);
        c.mean[140 + 2 * 41 + 1] = std::numeric_limits<float>::quiet_NaN();  // row 1, channel 1
        const Result<float> out = run(c);
        for (int n = 0; n < 3; ++n) EXPECT_EQ(std::isnan(out.nll[n]), n == 1) << "row " << n;
        for (int i = 0; i < 3 * 140; ++i) EXPECT_EQ(std::isnan(out.dmean[i]), i == 140 + 83) << "number " << i;
        EXPECT_FALSE(std::isnan(out.dlog_deviation[0]));
        EXPECT_TRUE(std::isnan(out.dlog_deviation[1]));
    });
}

TEST(GaussianLikelihood, RefusesWhatDoesNotFit) {
    GuardedBuffer<float> b(64);
    const auto status = [&](float* dlog, const float* log_deviation, int deviations, RowMap map) {
        return gaussian_likelihood<float>({b.data(), nullptr, dlog}, b.data(), b.data(), {log_deviation, deviations, 8},
                                          1.f, 1, 2, 2, 3, nullptr, {nullptr, map});
    };
    EXPECT_FALSE(status(nullptr, b.data(), 2, {}).ok()) << "neither one deviation nor one for each channel";
    EXPECT_FALSE(status(b.data(), nullptr, 1, {}).ok()) << "the gradient of a deviation that is not there";
    EXPECT_FALSE(status(nullptr, nullptr, 0, {1, 3}).ok()) << "three rows of one target among two rows";
    EXPECT_TRUE(status(nullptr, nullptr, 0, {1, 2}).ok());
}

}  // namespace
}  // namespace warpvae

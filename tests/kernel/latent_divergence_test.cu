// Each latent's divergence and what a step counts of it: against plain loops in double, against the divergence of whole
// rows, and in the gradients that take a factor for each latent.
#include "cuda/device/buffer.h"
#include "cuda/ops/latent.h"
#include "cuda/ops/renyi.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;

constexpr Spread kSpreads[] = {Spread::kLogDeviation, Spread::kLogDeviationFromOne, Spread::kLogVariance,
                               Spread::kVariance};

struct Sizes {
    int R, N, Z;
};
constexpr Sizes kSizes[] = {{1, 1, 1}, {2, 3, 2}, {3, 5, 33}, {2, 131, 10}, {1, 2, 257}};
std::string name_of(const Sizes& s) {
    return "R " + std::to_string(s.R) + " N " + std::to_string(s.N) + " Z " + std::to_string(s.Z);
}

/// Posteriors of which every third latent is near its prior, which is each replica's own, and weights of the rows.
template <class T>
struct Posteriors {
    Sizes s;
    Spread spread;
    std::vector<T> prior, moments, weights;  // [R, 2Z], [R, N, 2Z], [R, N]

    Posteriors(const Sizes& sizes, Spread said) : s(sizes), spread(said) {
        Random random(s.N + 7 * s.Z);
        prior = random.normals<T>(std::size_t(s.R) * 2 * s.Z, 0.5);
        moments = random.normals<T>(std::size_t(2) * s.R * s.N * s.Z);
        weights = random.uniforms<T>(std::size_t(s.R) * s.N, 0.1, 1);
        for (int row = 0; row < s.R * s.N; ++row)
            for (int j = 0; j < s.Z; ++j) {
                T* const mu = moments.data() + std::size_t(row) * 2 * s.Z + j;
                const double nu = prior[row / s.N * 2 * s.Z + j], log_tau = prior[row / s.N * 2 * s.Z + s.Z + j];
                if (j % 3 == 1) mu[0] = T(nu + 0.01 * mu[0]), mu[s.Z] = T(log_tau + 0.01 * mu[s.Z]);
                if (spread == Spread::kLogDeviationFromOne) mu[s.Z] = T(1e-3 + std::abs(mu[s.Z]));  // above its bound
                if (spread == Spread::kLogVariance) mu[s.Z] *= 2;
                if (spread == Spread::kVariance) mu[s.Z] = T(std::exp(2 * double(mu[s.Z])));
            }
    }
    double log_sigma(double x) const {
        return spread == Spread::kLogVariance ? x / 2 : spread == Spread::kVariance ? std::log(x) / 2 : x;
    }
    double divergence(std::size_t row, int j) const {
        const std::size_t r = row / s.N;
        const double nu = prior[r * 2 * s.Z + j], log_tau = prior[r * 2 * s.Z + s.Z + j],
                     mu = moments[row * 2 * s.Z + j], log_s = log_sigma(moments[row * 2 * s.Z + s.Z + j]);
        return log_tau - log_s + (std::pow(mu - nu, 2) + std::exp(2 * log_s)) / (2 * std::exp(2 * log_tau)) - 0.5;
    }
    /// What rounding may add to one: few operations on numbers of its size, and on what cancels.
    double error(std::size_t row, int j) const { return 40 * kRounding<T> * (1 + divergence(row, j)); }
    GaussianLatent<T> latent(const GuardedBuffer<T>& on_device) const {
        const std::size_t stride = 2 * s.Z;
        return {spread, {on_device.data(), stride, on_device.data() + s.Z, stride}};
    }
    std::vector<T> factors(const KlSchedule& schedule, std::uint64_t step, bool weighted) const {
        GuardedBuffer<T> p(prior), m(moments), w(weights), out(std::size_t(s.R) * s.Z);
        DeviceBuffer<std::uint64_t> t(std::vector<std::uint64_t>{step});
        check(kl_factors(out.data(), m.data(), latent(p), schedule, t.data(), s.R, s.N, s.Z, nullptr,
                         weighted ? w.data() : nullptr));
        return out.download();
    }
};

template <class T>
void expect_factors(const Posteriors<T>& posteriors) {
    const Sizes& s = posteriors.s;
    constexpr double kFree = 0.05;
    for (const bool weighted : {false, true}) {
        std::vector<T> expected;
        int free = 0;
        for (int r = 0; r < s.R; ++r)
            for (int j = 0; j < s.Z; ++j) {
                double sum = 0, weights = 0;
                for (int n = 0; n < s.N; ++n) {
                    const std::size_t row = std::size_t(r) * s.N + n;
                    const double w = weighted ? double(posteriors.weights[row]) : 1;
                    sum += w * posteriors.divergence(row, j), weights += w;
                }
                ASSERT_GT(std::abs(sum / weights - kFree), 1e-4)
                    << "a mean that rounding could take over the threshold";
                free += sum / weights <= kFree;
                expected.push_back(sum / weights <= kFree ? T(0) : T(0.375));
            }
        EXPECT_TRUE(s.Z == 1 || free > 0);
        EXPECT_LT(free, s.R * s.Z);
        expect_identical(posteriors.factors({8, kFree}, 3, weighted), expected, "factors, " + name_of(s));
    }
    EXPECT_EQ(posteriors.factors({8, 0}, 3, false), std::vector<T>(std::size_t(s.R) * s.Z, T(0.375)));
    EXPECT_EQ(posteriors.factors({8, 0}, 0, false), std::vector<T>(std::size_t(s.R) * s.Z, T(0)));
    for (const std::uint64_t step : {8, 9, 1000000})
        EXPECT_EQ(posteriors.factors({8, 0}, step, false), std::vector<T>(std::size_t(s.R) * s.Z, T(1)));
    EXPECT_EQ(posteriors.factors({0, 1e-9}, 0, false), std::vector<T>(std::size_t(s.R) * s.Z, T(1)));
}

TEST(KlFactors, AreWarmUpWhereTheMeanIsAboveTheFreeBits) {
    for (const Sizes& s : kSizes)
        for (const Spread spread : kSpreads) {
            expect_factors(Posteriors<float>(s, spread));
            expect_factors(Posteriors<double>(s, spread));
        }
    at_all_block_sizes([] { expect_factors(Posteriors<float>({2, 37, 5}, Spread::kLogVariance)); });
}

TEST(KlFactors, OfAReplicaAreTheSameAlone) {
    const Sizes s{3, 21, 7};
    const Posteriors<float> together(s, Spread::kLogVariance);
    const auto all = together.factors({10, 0.05}, 4, true);
    for (int r = 0; r < s.R; ++r) {
        Posteriors<float> alone({1, s.N, s.Z}, Spread::kLogVariance);
        alone.prior = slice(together.prior, r * 2 * s.Z, 2 * s.Z);
        alone.moments = slice(together.moments, r * s.N * 2 * s.Z, s.N * 2 * s.Z);
        alone.weights = slice(together.weights, r * s.N, s.N);
        expect_identical(alone.factors({10, 0.05}, 4, true), slice(all, r * s.Z, s.Z), "factors");
    }
}

TEST(KlFactors, NaNIsNotFree) {
    Posteriors<float> posteriors({1, 4, 4}, Spread::kLogVariance);
    posteriors.moments[1] = std::numeric_limits<float>::quiet_NaN();  // of latent 1, which is near its prior
    EXPECT_EQ(posteriors.factors({0, 0.05}, 0, false)[1], 1.f);
}

// --- sums ------------------------------------------------------------------------------------------------------------

template <class T>
void expect_sums(const Posteriors<T>& posteriors) {
    const Sizes& s = posteriors.s;
    const std::vector<T> some = Random(3).uniforms<T>(std::size_t(s.R) * s.Z, 0, 1);
    GuardedBuffer<T> p(posteriors.prior), m(posteriors.moments), factors(some), kl(std::size_t(s.R) * s.N);
    GuardedBuffer<double> sums(std::vector<double>(std::size_t(s.R) * s.Z, 2));
    check(counted_divergence(kl.data(), m.data(), posteriors.latent(p), factors.data(), s.R, s.N, s.Z, nullptr));
    check(accumulate_divergences(sums.data(), m.data(), posteriors.latent(p), s.R, s.N, s.Z, nullptr));
    std::vector<double> rows(kl.size()), row_errors(rows.size()), columns(sums.size(), 2), column_errors(sums.size());
    for (std::size_t row = 0; row < rows.size(); ++row)
        for (int j = 0; j < s.Z; ++j) {
            const std::size_t at = row / s.N * s.Z + j;
            const double divergence = posteriors.divergence(row, j), error = posteriors.error(row, j);
            rows[row] += double(some[at]) * divergence;
            row_errors[row] += double(some[at]) * (error + (s.Z + 1) * kRounding<T> * divergence);
            columns[at] += divergence, column_errors[at] += error + 1e-15;
        }
    expect_close(kl.download(), rows, row_errors, "counted divergence, " + name_of(s));
    expect_close(sums.download(), columns, column_errors, "sums of each latent, " + name_of(s));
}

TEST(LatentDivergence, SumsOverLatentsAndOverRows) {
    for (const Sizes& s : kSizes)
        for (const Spread spread : kSpreads) {
            expect_sums(Posteriors<float>(s, spread));
            expect_sums(Posteriors<double>(s, spread));
        }
    at_all_block_sizes([] { expect_sums(Posteriors<float>({2, 6, 35}, Spread::kVariance)); });
}

// --- gradients with a factor for each latent -------------------------------------------------------------------------

TEST(KlWeight, OfALatentIsTheWeightOfAllTimesItsFactor) {
    const Sizes s{2, 5, 6};
    const float weight = 0.3f;
    at_all_block_sizes([&] {
        for (const Spread spread : kSpreads) {
            const Posteriors<float> posteriors(s, spread);
            const std::vector<float> some = Random(4).uniforms<float>(s.R * s.Z, 0, 1);
            GuardedBuffer<float> p(posteriors.prior), m(posteriors.moments), factors(some), w(posteriors.weights),
                z(Random(5).normals<float>(s.R * s.N * s.Z)), dz(Random(6).normals<float>(s.R * s.N * s.Z));
            const GaussianLatent<float> latent = posteriors.latent(p);
            const auto moments_gradient = [&](KlWeight<float> kl) {
                GuardedBuffer<float> out(posteriors.moments.size());
                check(gaussian_sample_backward<float>(out.data(), dz.data(), z.data(), m.data(), latent.prior, spread,
                                                      kl, s.R, s.N, s.Z, nullptr, w.data()));
                return out.download();
            };
            const auto prior_gradient = [&](KlWeight<float> kl) {
                GuardedBuffer<float> out(s.R * 2 * s.Z);
                check(gaussian_prior_backward<float>(out.data(), out.data() + s.Z, 2 * s.Z, m.data(), latent.prior,
                                                     spread, kl, s.R, s.N, s.Z, nullptr));
                return out.download();
            };
            const auto moments = moments_gradient({weight, factors.data()}),
                       prior = prior_gradient({weight, factors.data()});
            for (int r = 0; r < s.R; ++r)
                for (int j = 0; j < s.Z; ++j) {
                    // The row's weight comes first, as in the kernel; a product of three rounds by its order.
                    const float factor = some[r * s.Z + j];
                    const auto of_moments = moments_gradient(weight * factor),
                               of_prior = prior_gradient(weight * factor);
                    for (int half = 0; half < 2; ++half) {
                        const std::size_t column = half * s.Z + j;
                        EXPECT_EQ(prior[r * 2 * s.Z + column], of_prior[r * 2 * s.Z + column]);
                        for (int n = 0; n < s.N; ++n) {
                            const std::size_t at = std::size_t(r * s.N + n) * 2 * s.Z + column;
                            EXPECT_NEAR(moments[at], of_moments[at], 1e-6 * (1 + std::abs(of_moments[at])));
                        }
                    }
                }
        }
    });
}

TEST(KlWeight, ScalesTheAnalyticDivergenceOfDraws) {
    const int R = 2, N = 3, K = 4, Z = 5;
    Random random(7);
    std::vector<double> m = random.normals<double>(R * N * 2 * Z);
    for (std::size_t i = 0; i < m.size(); ++i)
        if (i % (2 * Z) >= Z) m[i] = std::exp(m[i]);
    const std::vector<double> some = random.uniforms<double>(R * Z, 0, 1);
    GuardedBuffer<double> moments(m), z(random.normals<double>(R * N * K * Z)),
        dz(random.normals<double>(R * N * K * Z)), weights(std::vector<double>(R * N * K, 1. / K)), factors(some),
        zeros(std::vector<double>(R * Z)), alphas(std::vector<double>{1, 0.5});
    const auto gradient = [&](const double* of_latents) {
        GuardedBuffer<double> out(m.size());
        const PosteriorPath<double> path{z.data(),           moments.data(), weights.data(), {alphas.data(), true},
                                         VarianceHead::kExp, 0.25,           of_latents};
        check(posterior_backward(out.data(), dz.data(), path, R, N, K, Z, nullptr));
        return out.download();
    };
    const auto all = gradient(nullptr), none = gradient(zeros.data()), scaled = gradient(factors.data());
    std::vector<double> expected(m.size());
    for (std::size_t i = 0; i < m.size(); ++i)
        expected[i] = none[i] + some[i / (N * 2 * Z) * Z + i % Z] * (all[i] - none[i]);
    expect_close(scaled, expected, Tolerance{1e-14, 1e-13}, "moment gradients");
    EXPECT_NE(slice(all, 0, N * 2 * Z), slice(none, 0, N * 2 * Z)) << "the ELBO has an analytic divergence";
    EXPECT_EQ(slice(all, N * 2 * Z, N * 2 * Z), slice(none, N * 2 * Z, N * 2 * Z)) << "other orders have none";
}

}  // namespace
}  // namespace warpvae

// The Gaussian latent with a prior of its own: sample, divergence and log-ratio against closed forms and against each
// other, every gradient against finite differences.
#include <array>

#include "cuda/device/buffer.h"
#include "cuda/ops/latent.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;

constexpr Spread kSpreads[] = {Spread::kLogDeviation, Spread::kLogDeviationFromOne, Spread::kLogVariance,
                               Spread::kVariance};
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

struct Sizes {
    int R, N, Z;
};
std::string name_of(const Sizes& s) {
    return "R " + std::to_string(s.R) + " N " + std::to_string(s.N) + " Z " + std::to_string(s.Z);
}

/// sigma and log sigma as the paper's appendix has them; `error` in units of u: e^x is right to 1.5 ulp = 3u, and a
/// bound on the logarithm rounds once more, which e^x passes on.
struct Plain {
    double sigma, log_sigma, error;
    bool bounded;
    double slope;  ///< dlog sigma/ds where it is not bounded
};
Plain plain_deviation(double s, Spread spread) {
    if (spread == Spread::kLogVariance) return {std::exp(s / 2), s / 2, 3, false, 0.5};
    if (spread == Spread::kVariance) return {std::sqrt(s), std::log(s) / 2, 3, false, 0.5 / s};
    const double least = spread == Spread::kLogDeviation ? std::log(1e-6) : 1e-6;
    const bool bounded = s < least;
    const double log_sigma = bounded ? least : s;
    return {std::exp(log_sigma), log_sigma, 3 + (bounded ? std::abs(log_sigma) : 0), bounded, 1};
}

/// The reference, in double, rounds as well.
template <class T>
constexpr double kUnit = (sizeof(T) == 8 ? 2 : 1) * kRounding<T>;

/// How a prior comes: none, one for all replicas, or each replica's own in an arena; or with half of it left out.
enum class PriorKind { kStandard, kShared, kOwn, kMeanOnly, kDeviationOnly };
constexpr PriorKind kPriors[] = {PriorKind::kStandard, PriorKind::kShared, PriorKind::kOwn, PriorKind::kMeanOnly,
                                 PriorKind::kDeviationOnly};

/// Inputs, and what the operations make of them.
template <class T>
struct Latent {
    Sizes s;
    PriorKind kind = PriorKind::kOwn;
    Spread spread = Spread::kLogDeviation;
    std::size_t P;           // an arena row: mean [Z], log-deviation [Z], and 3 that nobody reads
    std::vector<T> arena;    // [R, P], or [1, P]
    std::vector<T> moments;  // [R, N, 2Z]
    std::vector<std::uint64_t> seeds;
    std::uint64_t step = 17;
    std::size_t first_row = 0;
    bool with_noise = true;

    Latent(const Sizes& sizes, PriorKind prior_kind, Spread said)
        : s(sizes), kind(prior_kind), spread(said), P(2 * sizes.Z + 3) {
        Random random(s.N + 7 * s.Z);
        arena = random.normals<T>((kind == PriorKind::kShared ? 1 : s.R) * P, 0.5);
        moments = random.normals<T>(std::size_t(2) * s.R * s.N * s.Z);
        // Some deviations far below the bound on sigma (the bound on its logarithm is met by half of them anyway).
        for (int row = 0; row < s.R * s.N; ++row)
            if (s.Z && row % 3 == 1) moments[std::size_t(row) * 2 * s.Z + 2 * s.Z - 1] = T(-20) - T(row);
        for (int row = 0; row < s.R * s.N; ++row)  // a variance is positive
            for (int j = 0; j < s.Z && spread == Spread::kVariance; ++j) {
                T& v = moments[std::size_t(row) * 2 * s.Z + s.Z + j];
                v = std::exp(std::max(v, T(-1)));
            }
        for (int r = 0; r < s.R; ++r) seeds.push_back(100 + r);
    }
    bool has_mean() const { return kind != PriorKind::kStandard && kind != PriorKind::kDeviationOnly; }
    bool has_deviation() const { return kind != PriorKind::kStandard && kind != PriorKind::kMeanOnly; }
    std::size_t stride() const { return kind == PriorKind::kShared ? 0 : P; }
    GaussianPrior<T> prior(const GuardedBuffer<T>& on_device) const {
        GaussianPrior<T> prior;
        if (has_mean()) prior.mean = on_device.data(), prior.mean_stride = stride();
        if (has_deviation()) prior.log_deviation = on_device.data() + s.Z, prior.log_deviation_stride = stride();
        return prior;
    }
    double nu(int r, int j) const { return has_mean() ? double(arena[r * stride() + j]) : 0; }
    double log_tau(int r, int j) const { return has_deviation() ? double(arena[r * stride() + s.Z + j]) : 0; }
    double mu(std::size_t row, int j) const { return moments[row * 2 * s.Z + j]; }
    Plain deviation(std::size_t row, int j) const { return plain_deviation(moments[row * 2 * s.Z + s.Z + j], spread); }
    LatentNoise noise(const DeviceBuffer<std::uint64_t>& S, const DeviceBuffer<std::uint64_t>& t) const {
        return with_noise ? LatentNoise{S.data(), t.data(), Purpose::kLatent, first_row} : LatentNoise{};
    }

    struct Drawn {
        std::vector<T> z, kl;
    };
    Drawn forward() const {
        GuardedBuffer<T> m(moments), a(arena), z(moments.size() / 2), kl(std::size_t(s.R) * s.N);
        DeviceBuffer<std::uint64_t> S(seeds), t(std::vector<std::uint64_t>{step});
        check(gaussian_sample_forward(z.data(), kl.data(), m.data(), prior(a), spread, noise(S, t), s.R, s.N, s.Z,
                                      nullptr));
        return {z.download(), kl.download()};
    }
    std::vector<T> backward(const std::vector<T>& dz, const std::vector<T>& z, T weight) const {
        GuardedBuffer<T> g(dz), Z(z), m(moments), a(arena), out(moments.size());
        check(gaussian_sample_backward(out.data(), g.data(), Z.data(), m.data(), prior(a), spread, {weight}, s.R, s.N,
                                       s.Z, nullptr));
        return out.download();
    }
    /// [R, P] like the arena: the gradients of the mean, then of the log-deviation; NaN where nothing is written.
    std::vector<T> prior_backward(T weight, bool to_mean = true, bool to_deviation = true) const {
        GuardedBuffer<T> m(moments), a(arena), out(s.R * P);
        check(gaussian_prior_backward(to_mean ? out.data() : nullptr, to_deviation ? out.data() + s.Z : nullptr, P,
                                      m.data(), prior(a), spread, {weight}, s.R, s.N, s.Z, nullptr));
        return out.download();
    }
    std::vector<T> log_ratio(const std::vector<T>& z, const std::vector<T>& start) const {
        GuardedBuffer<T> ratio(start), Z(z), m(moments), a(arena);
        check(gaussian_log_ratio(ratio.data(), Z.data(), m.data(), prior(a), spread, s.R, s.N, s.Z, nullptr));
        return ratio.download();
    }
    std::vector<T> draw_prior() const {
        GuardedBuffer<T> a(arena), z(std::size_t(s.R) * s.N * s.Z);
        DeviceBuffer<std::uint64_t> S(seeds), t(std::vector<std::uint64_t>{step});
        check(gaussian_prior_sample(z.data(), prior(a), noise(S, t), s.R, s.N, s.Z, nullptr));
        return z.download();
    }
};

constexpr Sizes kSizes[] = {{1, 1, 1}, {2, 3, 2}, {1, 4, 7}, {3, 5, 33}, {2, 13, 10}, {1, 2, 257}};

// --- forward ---------------------------------------------------------------------------------------------------------

template <class T>
void expect_forward(const Latent<T>& latent) {
    const Sizes& s = latent.s;
    const auto [z, kl] = latent.forward();
    const double u = kUnit<T>;
    std::vector<double> z_expected, z_allowed, kl_expected, kl_allowed;
    for (int r = 0; r < s.R; ++r) {
        const auto epsilon =
            as<double>(noise_of<T>(latent.seeds[r], Purpose::kLatent, latent.step, latent.first_row, s.N, s.Z));
        for (int n = 0; n < s.N; ++n) {
            const std::size_t row = std::size_t(r) * s.N + n;
            double divergence = 0, error = 0;
            for (int j = 0; j < s.Z; ++j) {
                const double mu = latent.mu(row, j), nu = latent.nu(r, j), log_tau = latent.log_tau(r, j);
                const Plain q = latent.deviation(row, j);
                const double off = q.sigma * epsilon[std::size_t(n) * s.Z + j];
                z_expected.push_back(mu + off);
                z_allowed.push_back(u * (std::abs(mu) + (q.error + 3) * std::abs(off)));
                // KL(N(mu, sigma^2) || N(nu, tau^2)).
                const double tau = std::exp(log_tau);
                const double square = ((mu - nu) * (mu - nu) + q.sigma * q.sigma) / (2 * tau * tau);
                divergence += log_tau - q.log_sigma + square - 0.5;
                // Five sums and products, and 3u of 1 / tau^2, beside the errors of sigma^2; then the sum over Z.
                error += u * ((s.Z + 12) * (std::abs(log_tau) + std::abs(q.log_sigma) + square + 0.5) +
                              2 * q.error * q.sigma * q.sigma / (2 * tau * tau));
            }
            kl_expected.push_back(divergence), kl_allowed.push_back(error);
        }
    }
    expect_close(z, z_expected, z_allowed, "z, " + name_of(s));
    expect_close(kl, kl_expected, kl_allowed, "kl, " + name_of(s));
}

TEST(GaussianSample, ForwardAgainstTheClosedForm) {
    for (const Sizes& s : kSizes)
        for (const Spread spread : kSpreads)
            for (const PriorKind kind : kPriors) {
                expect_forward(Latent<float>(s, kind, spread));
                expect_forward(Latent<double>(s, kind, spread));
            }
}

TEST(GaussianSample, ForwardAtEveryBlockSize) {
    at_all_block_sizes([] {
        for (const Sizes& s : {Sizes{2, 6, 3}, Sizes{1, 3, 37}, Sizes{1, 1, 1}, Sizes{1, 2, 97}})
            expect_forward(Latent<float>(s, PriorKind::kOwn, Spread::kLogDeviation));
    });
}

TEST(GaussianSample, NothingToDo) {
    for (const Sizes& s : {Sizes{1, 0, 3}, Sizes{0, 2, 3}}) {
        const Latent<float> latent(s, PriorKind::kStandard, Spread::kLogDeviation);
        EXPECT_TRUE(latent.forward().z.empty());
        EXPECT_TRUE(latent.backward({}, {}, 1.f).empty());
        EXPECT_TRUE(latent.log_ratio({}, {}).empty());
    }
    // No latents are no distance from any prior; no rows give the prior no gradient.
    const Latent<float> none({2, 3, 0}, PriorKind::kStandard, Spread::kLogDeviation);
    EXPECT_EQ(none.forward().kl, std::vector<float>(6));
    const Latent<float> no_rows({1, 0, 3}, PriorKind::kOwn, Spread::kLogDeviation);
    EXPECT_EQ(slice(no_rows.prior_backward(1.f), 0, 6), std::vector<float>(6));
}

TEST(GaussianSample, WithoutNoiseTheSampleIsTheMean) {
    at_all_block_sizes([] {
        Latent<float> latent({2, 5, 3}, PriorKind::kOwn, Spread::kLogDeviation);
        const auto with = latent.forward();
        latent.with_noise = false;
        const auto without = latent.forward();
        for (int row = 0; row < 10; ++row)
            for (int j = 0; j < 3; ++j) EXPECT_EQ(without.z[row * 3 + j], latent.moments[row * 6 + j]);
        expect_identical(without.kl, with.kl, "kl");
    });
}

TEST(GaussianSample, KnownDivergences) {
    at_all_block_sizes([] {
        // From N(0, 1): itself, a mean off by 1, a deviation of e. At the bounds: 1e-6, and e^1e-6.
        Latent<double> latent({1, 4, 1}, PriorKind::kStandard, Spread::kLogDeviation);
        latent.moments = {0, 0, 1, 0, 0, 1, 0, -100};
        const double e2 = std::exp(2.), log_least = std::log(1e-6);
        expect_close(latent.forward().kl, std::vector<double>{0, 0.5, (e2 - 1) / 2 - 1, -log_least - 0.5 + 0.5e-12},
                     Tolerance{1e-15, 1e-15}, "kl, sigma kept at 1e-6");
        latent.spread = Spread::kLogDeviationFromOne;
        expect_close(latent.forward().kl, std::vector<double>{1e-12, 0.5 + 1e-12, (e2 - 1) / 2 - 1, 1e-12},
                     Tolerance{3e-16, 1e-15}, "kl, log sigma kept at 1e-6");
        // From N(2, e^2): itself.
        latent.s.N = 1, latent.kind = PriorKind::kOwn, latent.arena = {2, 1, 0, 0, 0}, latent.moments = {2, 1};
        expect_close(latent.forward().kl, std::vector<double>{0}, Tolerance{2e-16, 0}, "kl from itself");
    });
}

TEST(GaussianSample, AReplicaIsTheSameAlone) {
    const Sizes s{3, 6, 5};
    const Latent<float> together(s, PriorKind::kOwn, Spread::kLogDeviation);
    const auto all = together.forward();
    const auto all_gradients = together.backward(all.z, all.z, 0.5f), all_prior = together.prior_backward(0.5f);
    for (int r = 0; r < 3; ++r) {
        Latent<float> alone({1, 6, 5}, PriorKind::kOwn, Spread::kLogDeviation);
        alone.arena = slice(together.arena, r * together.P, together.P);
        alone.moments = slice(together.moments, r * 60, 60);
        alone.seeds = {together.seeds[r]};
        const auto one = alone.forward();
        expect_identical(one.z, slice(all.z, r * 30, 30), "z");
        expect_identical(one.kl, slice(all.kl, r * 6, 6), "kl");
        expect_identical(alone.backward(one.z, one.z, 0.5f), slice(all_gradients, r * 60, 60), "dmoments");
        expect_identical(alone.prior_backward(0.5f), slice(all_prior, r * together.P, together.P), "the prior's");
        expect_identical(alone.log_ratio(one.z, std::vector<float>(6)),
                         slice(together.log_ratio(all.z, std::vector<float>(18)), r * 6, 6), "log-ratio");
        expect_identical(alone.draw_prior(), slice(together.draw_prior(), r * 30, 30), "draws of the prior");
    }
}

TEST(GaussianSample, APriorForAllIsEachReplicasOwn) {
    const Sizes s{3, 6, 5};
    const Latent<float> shared(s, PriorKind::kShared, Spread::kLogDeviation);
    Latent<float> own(s, PriorKind::kOwn, Spread::kLogDeviation);
    own.moments = shared.moments;
    own.arena.clear();
    for (int r = 0; r < 3; ++r) own.arena.insert(own.arena.end(), shared.arena.begin(), shared.arena.end());
    const auto a = shared.forward(), b = own.forward();
    expect_identical(a.z, b.z, "z");
    expect_identical(a.kl, b.kl, "kl");
    expect_identical(shared.backward(a.z, a.z, 1.f), own.backward(a.z, a.z, 1.f), "dmoments");
    expect_identical(shared.prior_backward(1.f), own.prior_backward(1.f), "the prior's gradients");
    expect_identical(shared.log_ratio(a.z, a.kl), own.log_ratio(a.z, a.kl), "log-ratio");
    expect_identical(shared.draw_prior(), own.draw_prior(), "draws of the prior");
}

TEST(GaussianSample, FirstRowContinuesTheNoise) {
    const Latent<float> all({1, 11, 3}, PriorKind::kOwn, Spread::kLogDeviation);
    for (const int first : {4, 8}) {
        at_all_block_sizes([&] {
            Latent<float> rest({1, 11 - first, 3}, PriorKind::kOwn, Spread::kLogDeviation);
            rest.arena = all.arena, rest.first_row = first;
            rest.moments = slice(all.moments, first * 6, rest.moments.size());
            expect_identical(rest.forward().z, slice(all.forward().z, first * 3, rest.s.N * 3), "z");
            expect_identical(rest.draw_prior(), slice(all.draw_prior(), first * 3, rest.s.N * 3), "prior");
        });
    }
}

TEST(GaussianSample, StepsDrawAnew) {
    Latent<float> a({1, 4, 5}, PriorKind::kStandard, Spread::kLogDeviationFromOne), b = a;
    b.step = 18;
    const auto at_a = a.forward().z, at_b = b.forward().z, prior_a = a.draw_prior(), prior_b = b.draw_prior();
    for (std::size_t i = 0; i < at_a.size(); ++i) {
        EXPECT_NE(at_a[i], at_b[i]);
        EXPECT_NE(prior_a[i], prior_b[i]);
    }
}

TEST(GaussianSample, BadArgumentsAreRefused) {
    GuardedBuffer<float> b(64);
    DeviceBuffer<std::uint64_t> seeds(std::vector<std::uint64_t>{1});
    LatentNoise noise{seeds.data(), nullptr, Purpose::kLatent, 2};
    // A first row that is no multiple of 4 would need a block of the stream twice.
    EXPECT_FALSE(
        gaussian_sample_forward<float>(b.data(), b.data(), b.data(), {}, kSpreads[0], noise, 1, 1, 1, nullptr).ok());
    EXPECT_FALSE(gaussian_prior_sample<float>(b.data(), {}, noise, 1, 1, 1, nullptr).ok());
    EXPECT_FALSE(gaussian_prior_sample<float>(b.data(), {}, LatentNoise{}, 1, 1, 1, nullptr).ok()) << "no noise";
    for (const float v : b.download()) EXPECT_TRUE(std::isnan(v)) << "refused, yet written";
}

TEST(GaussianSample, NaNReachesItsRowAndItsLatentOnly) {
    at_all_block_sizes([] {
        const Sizes s{2, 5, 40};
        const int row = 6, j = 39;
        for (const bool in_deviation : {false, true}) {
            Latent<float> latent(s, PriorKind::kOwn, Spread::kLogDeviationFromOne);
            latent.moments[row * 2 * s.Z + s.Z + j] = 0.5f;  // no active bound
            const std::vector<float> good = latent.forward().z;
            latent.moments[row * 2 * s.Z + (in_deviation ? s.Z : 0) + j] = kNaN;
            const auto [z, kl] = latent.forward();
            const auto gradient = latent.backward(good, good, 1.f), prior = latent.prior_backward(1.f),
                       ratio = latent.log_ratio(good, std::vector<float>(kl.size()));
            for (int n = 0; n < s.R * s.N; ++n) {
                EXPECT_EQ(std::isnan(kl[n]), n == row);
                EXPECT_EQ(std::isnan(ratio[n]), n == row);
                for (int k = 0; k < s.Z; ++k) {
                    EXPECT_EQ(std::isnan(z[n * s.Z + k]), n == row && k == j);
                    EXPECT_EQ(std::isnan(gradient[n * 2 * s.Z + k]), n == row && k == j && !in_deviation);
                    EXPECT_EQ(std::isnan(gradient[n * 2 * s.Z + s.Z + k]), n == row && k == j);
                }
            }
            for (int k = 0; k < s.Z; ++k) EXPECT_EQ(std::isnan(prior[latent.P + s.Z + k]), k == j);
        }
        Latent<float> latent(s, PriorKind::kOwn, Spread::kLogDeviation);
        latent.arena[latent.P + 3] = kNaN;  // replica 1's prior
        const auto [z, kl] = latent.forward();
        const auto ratio = latent.log_ratio(z, std::vector<float>(kl.size()));
        for (int n = 0; n < s.R * s.N; ++n) {
            EXPECT_EQ(std::isnan(kl[n]), n >= s.N);
            EXPECT_EQ(std::isnan(ratio[n]), n >= s.N);
        }
        for (const float v : z) EXPECT_FALSE(std::isnan(v));
    });
}

// --- the divergence and the log-ratio --------------------------------------------------------------------------------

/// log N(z; mean, deviation^2).
double log_density(double z, double mean, double deviation) {
    const double x = (z - mean) / deviation;
    return -0.5 * x * x - std::log(deviation) - 0.5 * std::log(2 * 3.141592653589793);
}

template <class T>
void expect_log_ratio(const Latent<T>& latent) {
    const Sizes& s = latent.s;
    const std::vector<T> z = latent.forward().z;
    const auto start = Random(9).normals<T>(std::size_t(s.R) * s.N);
    std::vector<double> expected, allowed;
    const double u = kUnit<T>;
    for (int row = 0; row < s.R * s.N; ++row) {
        double sum = start[row], error = u * std::abs(sum);
        for (int j = 0; j < s.Z; ++j) {
            const int r = row / s.N;
            const Plain q = latent.deviation(row, j);
            const double at = z[std::size_t(row) * s.Z + j], mu = latent.mu(row, j),
                         tau = std::exp(latent.log_tau(r, j));
            sum += log_density(at, latent.nu(r, j), tau) - log_density(at, mu, q.sigma);
            const double from_mu = std::pow((at - mu) / q.sigma, 2) / 2,
                         from_prior = std::pow((at - latent.nu(r, j)) / tau, 2) / 2;
            // Differences, squares and products: 10u, and twice what sigma has; then the sum over Z. The densities'
            // own constant cancels, with an error only double sees.
            error += u * ((s.Z + 10) * (std::abs(q.log_sigma) + std::abs(latent.log_tau(r, j)) + from_mu + from_prior) +
                          2 * q.error * from_mu) +
                     2 * kRounding<double>;
        }
        expected.push_back(sum), allowed.push_back(error + u * std::abs(sum));
    }
    expect_close(latent.log_ratio(z, start), expected, allowed, "log-ratio, " + name_of(s));
}

TEST(GaussianLogRatio, AgainstTheDensities) {
    for (const Sizes& s : kSizes)
        for (const Spread spread : kSpreads)
            for (const PriorKind kind : kPriors) {
                expect_log_ratio(Latent<float>(s, kind, spread));
                expect_log_ratio(Latent<double>(s, kind, spread));
            }
    at_all_block_sizes([] {
        for (const Sizes& s : {Sizes{2, 6, 3}, Sizes{1, 3, 97}})
            expect_log_ratio(Latent<float>(s, PriorKind::kOwn, Spread::kLogDeviation));
    });
}

TEST(GaussianLogRatio, TwoPointsOfItAreTheDivergence) {
    // log q - log p is a quadratic in each z_j, so its mean under q is that of its values at mu - sigma and mu + sigma.
    for (const Spread spread : kSpreads)
        for (const PriorKind kind : kPriors) {
            Latent<double> latent({2, 7, 5}, kind, spread);
            if (spread != Spread::kVariance)  // or mu - sigma is mu
                for (double& m : latent.moments) m = std::max(m, -8.);
            const std::vector<double> zeros(latent.s.R * latent.s.N), kl = latent.forward().kl;
            std::vector<double> divergence = zeros;
            for (const double sign : {-1., 1.}) {
                std::vector<double> z;
                for (int row = 0; row < latent.s.R * latent.s.N; ++row)
                    for (int j = 0; j < latent.s.Z; ++j)
                        z.push_back(latent.mu(row, j) + sign * latent.deviation(row, j).sigma);
                const std::vector<double> ratio = latent.log_ratio(z, zeros);
                for (std::size_t i = 0; i < ratio.size(); ++i) divergence[i] -= ratio[i] / 2;
            }
            // z = mu +- sigma rounds by u |mu|, which sigma >= e^-8 divides.
            expect_close(kl, divergence, Tolerance{5 * 4 * 3 * std::exp(8.) * kRounding<double>, 1e-13},
                         "kl from two points of the log-ratio");
        }
}

TEST(GaussianLogRatio, TheMeanOverSamplesIsTheDivergence) {
    // 4096 rows with the same moments: the sample mean of -log-ratio lies within five standard errors of kl.
    const Sizes s{1, 4096, 3};
    Latent<double> latent(s, PriorKind::kOwn, Spread::kLogDeviation);
    const double moments[] = {0.5, -1, 2, 0.25, -0.5, -1};
    for (std::size_t i = 0; i < latent.moments.size(); ++i) latent.moments[i] = moments[i % 6];
    const auto [z, kl] = latent.forward();
    double sum = 0, squares = 0;
    for (const double x : latent.log_ratio(z, std::vector<double>(s.N))) sum -= x, squares += x * x;
    const double mean = sum / s.N, error = std::sqrt((squares / s.N - mean * mean) / s.N);
    expect_close(std::vector<double>{mean}, std::vector<double>{kl[0]}, Tolerance{5 * error, 0}, "kl from samples");
}

// --- gradients -------------------------------------------------------------------------------------------------------

TEST(GaussianSample, GradientsByFiniteDifferences) {
    const Sizes s{2, 5, 3};
    const double weight = 0.7;
    const auto c = Random(31).normals<double>(std::size_t(s.R) * s.N * s.Z);
    const auto loss_of = [&](const Latent<double>& latent) {
        const auto [z, kl] = latent.forward();
        double sum = 0;
        for (std::size_t i = 0; i < z.size(); ++i) sum += c[i] * z[i];
        for (const double k : kl) sum += weight * k;
        return sum;
    };
    for (const Spread spread : kSpreads)
        for (const PriorKind kind : kPriors) {
            Latent<double> latent(s, kind, spread);
            int bounded = 0;
            for (int row = 0; row < s.R * s.N; ++row)
                for (int j = 0; j < s.Z; ++j) bounded += latent.deviation(row, j).bounded;
            EXPECT_EQ(bounded > 0, spread == Spread::kLogDeviation || spread == Spread::kLogDeviationFromOne);
            const Latent<double> at = latent;
            const auto by_moments = [&](const std::vector<double>& moments) {
                latent.moments = moments;
                return loss_of(latent);
            };
            expect_gradient(by_moments, at.moments, at.backward(c, at.forward().z, weight), "dmoments");
            latent = at;
            if (kind == PriorKind::kStandard) continue;
            const auto by_prior = [&](const std::vector<double>& arena) {
                latent.arena = arena;
                return loss_of(latent);
            };
            // A prior for all has the sum of the replicas' gradients; what is no parameter, or only padding, has none.
            const std::vector<double> of_replicas = at.prior_backward(weight, at.has_mean(), at.has_deviation());
            std::vector<double> gradient(at.arena.size());
            for (std::size_t i = 0; i < of_replicas.size(); ++i)
                if (!std::isnan(of_replicas[i])) gradient[i % gradient.size()] += of_replicas[i];
            expect_gradient(by_prior, at.arena, gradient, "the prior's gradients");
        }
}

TEST(GaussianSample, NoGradientWhereTheBoundIsActive) {
    at_all_block_sizes([] {
        Latent<float> latent({1, 2, 1}, PriorKind::kStandard, Spread::kLogDeviation);
        latent.moments = {1, -13.9f, 1, -13.7f};  // log 1e-6 is -13.8
        std::vector<float> gradient = latent.backward({1, 1}, {2, 2}, 0.5f);
        EXPECT_EQ(gradient[1], 0.f);
        EXPECT_NEAR(gradient[3], 1 - 0.5, 1e-6);
        EXPECT_EQ(gradient[0], 1.5f);
        latent.spread = Spread::kLogDeviationFromOne;
        latent.moments = {1, 0, 1, 2e-6f};
        gradient = latent.backward({1, 1}, {2, 2}, 0.5f);
        EXPECT_EQ(gradient[1], 0.f);
        EXPECT_NEAR(gradient[3], 1, 1e-5);
        EXPECT_EQ(gradient[2], 1.5f);
    });
}

template <class T>
void expect_backward(const Latent<T>& latent) {
    const Sizes& s = latent.s;
    const std::size_t n = std::size_t(s.R) * s.N * s.Z;
    Random random(8);
    const auto dz = random.normals<T>(n), z = random.normals<T>(n);
    const double u = kUnit<T>, w = 0.5;
    std::vector<double> expected(2 * n), allowed(2 * n), prior(s.R * latent.P), prior_allowed(prior.size());
    for (std::size_t row = 0; row < std::size_t(s.R) * s.N; ++row)
        for (int j = 0; j < s.Z; ++j) {
            const int r = int(row) / s.N;
            const Plain q = latent.deviation(row, j);
            const double g = dz[row * s.Z + j], mu = latent.mu(row, j), off = mu - latent.nu(r, j);
            const double variance = std::exp(2 * latent.log_tau(r, j)), ratio = q.sigma * q.sigma / variance;
            const std::size_t mean = row * 2 * s.Z + j, deviation = mean + s.Z;
            // 1 / tau^2 is right to 3u, each product, sum and difference to u.
            expected[mean] = g + w * off / variance;
            allowed[mean] = u * (std::abs(g) + 7 * w * std::abs(off) / variance);
            const double to_mu = z[row * s.Z + j] - mu;
            expected[deviation] = q.bounded ? 0 : q.slope * (g * to_mu + w * (ratio - 1));
            allowed[deviation] =
                q.bounded ? 0 : 2 * u * q.slope * (3 * std::abs(g * to_mu) + w * ((8 + 2 * q.error) * ratio + 3));
            double* to_prior = prior.data() + r * latent.P + j;
            double* to_prior_allowed = prior_allowed.data() + r * latent.P + j;
            to_prior[0] -= w * off / variance;
            to_prior_allowed[0] += (s.N + 6) * u * w * std::abs(off) / variance;
            to_prior[s.Z] += w * (1 - off * off / variance - ratio);
            to_prior_allowed[s.Z] += u * w * ((s.N + 8) * (1 + off * off / variance + ratio) + 2 * q.error * ratio);
        }
    expect_close(latent.backward(dz, z, T(w)), expected, allowed, "dmoments, " + name_of(s));
    const std::vector<T> got = latent.prior_backward(T(w));
    for (int r = 0; r < s.R; ++r) {
        const std::size_t at = r * latent.P, count = 2 * s.Z;
        expect_close(slice(got, at, count), slice(prior, at, count), slice(prior_allowed, at, count),
                     "the prior's gradients, " + name_of(s));
        for (std::size_t i = at + count; i < at + latent.P; ++i) EXPECT_TRUE(std::isnan(got[i])) << "padding written";
    }
    const std::vector<T> mean = latent.prior_backward(T(w), true, false),
                         deviation = latent.prior_backward(T(w), false);
    for (std::size_t i = 0; i < got.size(); ++i) {
        const bool is_mean = i % latent.P < std::size_t(s.Z), is_padding = i % latent.P >= std::size_t(2 * s.Z);
        EXPECT_EQ(std::isnan(mean[i]), !is_mean);
        EXPECT_EQ(std::isnan(deviation[i]), is_mean || is_padding);
    }
}

TEST(GaussianSample, BackwardAgainstThePlainFormula) {
    for (const Sizes& s : kSizes)
        for (const Spread spread : kSpreads) {
            expect_backward(Latent<float>(s, PriorKind::kOwn, spread));
            expect_backward(Latent<double>(s, PriorKind::kStandard, spread));
        }
    at_all_block_sizes([] {
        for (const Sizes& s : {Sizes{2, 3, 45}, Sizes{1, 97, 2}})
            expect_backward(Latent<float>(s, PriorKind::kShared, Spread::kLogDeviation));
    });
}

// --- draws of the prior ----------------------------------------------------------------------------------------------

TEST(GaussianPriorSample, IsMeanPlusDeviationTimesNoise) {
    for (const PriorKind kind : kPriors)
        for (const Sizes& s : {Sizes{1, 1, 1}, Sizes{2, 7, 5}, Sizes{1, 3, 97}}) {
            const Latent<float> latent(s, kind, Spread::kLogDeviation);
            std::vector<double> expected, allowed;
            for (int r = 0; r < s.R; ++r) {
                const auto epsilon = noise_of<float>(latent.seeds[r], Purpose::kLatent, latent.step, 0, s.N, s.Z);
                for (std::size_t i = 0; i < epsilon.size(); ++i) {
                    const double nu = latent.nu(r, int(i) % s.Z),
                                 off = std::exp(latent.log_tau(r, int(i) % s.Z)) * epsilon[i];
                    expected.push_back(nu + off);
                    allowed.push_back(kRounding<float> * (std::abs(nu) + 6 * std::abs(off)));
                }
            }
            at_all_block_sizes([&] { expect_close(latent.draw_prior(), expected, allowed, "draws, " + name_of(s)); });
        }
}

TEST(GaussianPriorSample, HasThePriorsMoments) {
    const int n = 4096;
    const Latent<double> latent({2, n, 3}, PriorKind::kOwn, Spread::kLogDeviation);
    const std::vector<double> z = latent.draw_prior();
    std::vector<double> means, variances, nus, tau_squares, mean_allowed, variance_allowed;
    for (int r = 0; r < 2; ++r)
        for (int j = 0; j < 3; ++j) {
            double sum = 0, squares = 0;
            for (int i = 0; i < n; ++i) {
                const double off = z[(r * n + i) * 3 + j] - latent.nu(r, j);
                sum += off, squares += off * off;
            }
            const double tau = std::exp(latent.log_tau(r, j));
            means.push_back(latent.nu(r, j) + sum / n), variances.push_back(squares / n);
            nus.push_back(latent.nu(r, j)), tau_squares.push_back(tau * tau);
            // Five standard errors: tau / sqrt(n), and tau^2 sqrt(2 / n).
            mean_allowed.push_back(5 * tau / std::sqrt(n));
            variance_allowed.push_back(5 * tau * tau * std::sqrt(2. / n));
        }
    expect_close(means, nus, mean_allowed, "means of the prior's draws");
    expect_close(variances, tau_squares, variance_allowed, "variances of the prior's draws");
}

}  // namespace
}  // namespace warpvae

// Several draws of a Gaussian posterior: heads and draws against plain formulas and densities, the gradient of Renyi's
// bound through them against finite differences of the whole chain.
#include "cuda/device/buffer.h"
#include "cuda/ops/renyi.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr VarianceHead kHeads[] = {VarianceHead::kExp, VarianceHead::kSoftplus};

struct Sizes {
    int R, N, K, Z;
};
constexpr Sizes kSizes[] = {{1, 1, 1, 1}, {2, 3, 1, 2}, {1, 4, 5, 7}, {2, 5, 3, 33}, {3, 2, 50, 10}, {1, 2, 2, 257}};
std::string name_of(const Sizes& s) {
    return "R " + std::to_string(s.R) + " N " + std::to_string(s.N) + " K " + std::to_string(s.K) + " Z " +
           std::to_string(s.Z);
}

/// The reference, in double, rounds as well.
template <class T>
constexpr double kUnit = (sizeof(T) == 8 ? 2 : 1) * kRounding<T>;

double plain_variance(double raw, VarianceHead head) {
    const double softplus = raw > 0 ? raw + std::log1p(std::exp(-raw)) : std::log1p(std::exp(raw));
    return std::max(head == VarianceHead::kExp ? std::exp(raw) : softplus, kSmallestVariance);
}
/// log N(z; mean, variance).
double log_density(double z, double mean, double variance) {
    return -0.5 * (z - mean) * (z - mean) / variance - 0.5 * std::log(2 * 3.141592653589793 * variance);
}

template <class T>
struct Heads {
    std::vector<T> moments, kl;
};
template <class T>
Heads<T> run_head(const std::vector<T>& heads, VarianceHead head, const Sizes& s, bool with_kl = true) {
    GuardedBuffer<T> moments(heads), kl(std::size_t(s.R) * s.N);
    check(variance_head(moments.data(), with_kl ? kl.data() : nullptr, head, s.R, s.N, s.Z, nullptr));
    return {moments.download(), kl.download()};
}

template <class T>
struct Draws {
    std::vector<T> z, ratio;
};
struct Noise {
    std::vector<std::uint64_t> seeds;  // empty: none
    std::uint64_t step = 3;
    std::size_t first_row = 0;
    explicit Noise(int R) {
        for (int r = 0; r < R; ++r) seeds.push_back(50 + r);
    }
};
template <class T>
Draws<T> draw(const std::vector<T>& moments, const Noise& noise, const Sizes& s, bool with_ratio = true) {
    const std::size_t draws = std::size_t(s.R) * s.N * s.K;
    GuardedBuffer<T> m(moments), z(draws * s.Z), ratio(draws);
    DeviceBuffer<std::uint64_t> S(noise.seeds), t(std::vector<std::uint64_t>{noise.step});
    check(posterior_samples(z.data(), with_ratio ? ratio.data() : nullptr, m.data(),
                            LatentNoise{S.data(), t.data(), Purpose::kLatent, noise.first_row}, s.R, s.N, s.K, s.Z,
                            nullptr));
    return {z.download(), ratio.download()};
}

/// mu and variances of e^-2..e^2.
template <class T>
std::vector<T> some_moments(const Sizes& s) {
    Random random(s.N + 5 * s.Z);
    auto moments = random.normals<T>(std::size_t(2) * s.R * s.N * s.Z);
    for (std::size_t i = 0; i < moments.size(); ++i)
        if (int(i % (2 * s.Z)) >= s.Z) moments[i] = T(std::exp(random.uniform(-2, 2)));
    return moments;
}

// --- heads -----------------------------------------------------------------------------------------------------------

template <class T>
void expect_heads(const Sizes& s, VarianceHead head) {
    Random random(s.Z);
    auto heads = random.normals<T>(std::size_t(2) * s.R * s.N * s.Z, 3);
    const double extremes[] = {-5, -15, -22, -24, -50, -200, -1e30, 20, 0, 80};
    for (std::size_t row = 0; row < std::size_t(s.R) * s.N; ++row)
        heads[row * 2 * s.Z + s.Z + row % s.Z] = T(extremes[(row + s.Z) % 10]);
    const double u = kUnit<T>;
    std::vector<double> variances, allowed, kl, kl_allowed;
    for (std::size_t i = 0; i < heads.size(); ++i) {
        const bool is_mean = int(i % (2 * s.Z)) < s.Z;
        variances.push_back(is_mean ? double(heads[i]) : plain_variance(heads[i], head));
        // e^x to 3u, log1p to 5u, and a sum.
        allowed.push_back(is_mean ? 0 : 9 * u * variances.back());
    }
    for (std::size_t row = 0; row < std::size_t(s.R) * s.N; ++row) {
        double sum = 0, error = 0;
        for (int j = 0; j < s.Z; ++j) {
            const double mu = variances[row * 2 * s.Z + j], v = variances[row * 2 * s.Z + s.Z + j];
            sum += (mu * mu + v - 1 - std::log(v)) / 2;
            error += u * ((s.Z + 6) * (mu * mu + v + 1 + std::abs(std::log(v))) + 9 * (v + 1)) / 2;
        }
        kl.push_back(sum), kl_allowed.push_back(error);
    }
    const auto out = run_head(heads, head, s);
    expect_close(out.moments, variances, allowed, "variances, " + name_of(s));
    expect_close(out.kl, kl, kl_allowed, "kl, " + name_of(s));
    expect_identical(run_head(heads, head, s, false).moments, out.moments, "without kl");
}

TEST(VarianceHead, AgainstThePlainFormula) {
    for (const VarianceHead head : kHeads) {
        for (const Sizes& s : kSizes) expect_heads<float>(s, head), expect_heads<double>(s, head);
        at_all_block_sizes([&] {
            for (const Sizes& s : {Sizes{2, 3, 1, 33}, Sizes{1, 2, 1, 257}}) expect_heads<float>(s, head);
        });
    }
}

TEST(VarianceHead, NeverBelowTheSmallestAndNaNStaysWhereItIs) {
    for (const VarianceHead head : kHeads) {
        const auto out = run_head<float>({0, 0, -30, -INFINITY, 0, NAN, 1, 0, NAN, 0, 1, 0}, head, {1, 3, 1, 2});
        EXPECT_EQ(out.moments[2], float(kSmallestVariance));
        EXPECT_EQ(out.moments[3], float(kSmallestVariance));
        EXPECT_FALSE(std::isnan(out.kl[0]));
        EXPECT_FALSE(std::isnan(out.moments[6]));
        EXPECT_TRUE(std::isnan(out.kl[1]));
        EXPECT_TRUE(std::isnan(out.moments[8]));
        EXPECT_FALSE(std::isnan(out.moments[11]));
        EXPECT_TRUE(std::isnan(out.kl[2]));
    }
}

// --- draws -----------------------------------------------------------------------------------------------------------

template <class T>
void expect_draws(const Sizes& s, std::size_t first_row) {
    const auto moments = some_moments<T>(s);
    Noise noise(s.R);
    noise.first_row = first_row;
    const double u = kUnit<T>;
    std::vector<double> z, z_allowed, ratio, ratio_allowed;
    for (int r = 0; r < s.R; ++r) {
        const auto epsilon = noise_of<T>(noise.seeds[r], Purpose::kLatent, noise.step, first_row, s.N * s.K, s.Z);
        for (int i = 0; i < s.N * s.K; ++i) {
            double sum = 0, error = 0;
            for (int j = 0; j < s.Z; ++j) {
                const std::size_t at = (std::size_t(r) * s.N + i / s.K) * 2 * s.Z + j;
                const double mu = moments[at], v = moments[at + s.Z], e = epsilon[std::size_t(i) * s.Z + j];
                const double off = std::sqrt(v) * e, x = mu + off;
                z.push_back(x), z_allowed.push_back(u * (std::abs(mu) + 4 * std::abs(off)));
                sum += (e * e + std::log(v) - x * x) / 2;
                error += u * (s.Z + 8) * (e * e + std::abs(std::log(v)) + x * x) / 2 + std::abs(x) * z_allowed.back();
            }
            ratio.push_back(sum), ratio_allowed.push_back(error);
        }
    }
    const auto out = draw(moments, noise, s);
    expect_close(out.z, z, z_allowed, "z, " + name_of(s));
    expect_close(out.ratio, ratio, ratio_allowed, "ratio, " + name_of(s));
    expect_identical(draw(moments, noise, s, false).z, out.z, "without the ratio");
}

TEST(PosteriorSamples, AreMeanPlusDeviationTimesNoise) {
    for (const Sizes& s : kSizes) expect_draws<float>(s, 0), expect_draws<double>(s, 8);
    at_all_block_sizes([] {
        for (const Sizes& s : {Sizes{2, 3, 3, 5}, Sizes{1, 1, 2, 97}}) expect_draws<float>(s, 4);
    });
    draw(std::vector<float>{}, Noise(1), {1, 0, 3, 2});
}

TEST(PosteriorSamples, RatioIsThatOfTheDensities) {
    for (const Sizes& s : kSizes) {
        const auto moments = some_moments<double>(s);
        const auto out = draw(moments, Noise(s.R), s);
        std::vector<double> expected;
        for (std::size_t i = 0; i < out.ratio.size(); ++i) {
            double sum = 0;
            for (int j = 0; j < s.Z; ++j) {
                const std::size_t at = i / s.K * 2 * s.Z + j;
                const double z = out.z[i * s.Z + j];
                sum += log_density(z, 0, 1) - log_density(z, moments[at], moments[at + s.Z]);
            }
            expected.push_back(sum);
        }
        // Some 20 roundings of sums and densities of up to 40, a variance of at least e^-2 dividing them.
        expect_close(out.ratio, expected, Tolerance{s.Z * 40 * 20 * 8 * kRounding<double>, 0},
                     "ratio of densities, " + name_of(s));
    }
}

TEST(PosteriorSamples, HaveTheMomentsAndTheRatioIsMinusTheDivergence) {
    const bool is_fast = launch_options().cpu_blocks == CpuBlocks::kOneThread;
    const Sizes s{1, 2, is_fast ? 40000 : 2000, 3};
    const std::vector<double> heads{0.5, -1, 2, -1, 0.25, 0.5, 0, 1, -0.5, 1, -2, 0};
    const auto [moments, kl] = run_head(heads, VarianceHead::kExp, s);
    const auto out = draw(moments, Noise(1), s);
    std::vector<double> found, expected, allowed;
    // Five standard errors.
    const auto add = [&](double mean, double variance, double of) {
        found.push_back(mean), expected.push_back(of), allowed.push_back(5 * std::sqrt(variance / s.K));
    };
    for (int n = 0; n < s.N; ++n) {
        for (int j = 0; j < s.Z; ++j) {
            const double mu = moments[n * 6 + j], v = moments[n * 6 + 3 + j];
            double sum = 0, squares = 0;
            for (int k = 0; k < s.K; ++k) {
                const double off = out.z[(n * s.K + k) * s.Z + j] - mu;
                sum += off, squares += off * off;
            }
            add(mu + sum / s.K, v, mu);
            add(squares / s.K, 2 * v * v, v);
        }
        double sum = 0, squares = 0;
        for (int k = 0; k < s.K; ++k) sum += out.ratio[n * s.K + k], squares += std::pow(out.ratio[n * s.K + k], 2);
        add(sum / s.K, squares / s.K - sum / s.K * sum / s.K, -kl[n]);
    }
    expect_close(found, expected, allowed, "moments of the draws, mean ratio");
}

TEST(PosteriorSamples, WithoutNoiseEveryDrawIsTheMean) {
    const Sizes s{2, 3, 5, 2};
    const auto moments = some_moments<double>(s);
    Noise none(0);
    const auto out = draw(moments, none, s);
    std::vector<double> ratio;
    for (std::size_t i = 0; i < out.z.size(); ++i) EXPECT_EQ(out.z[i], moments[i / 10 * 4 + i % 2]);
    for (std::size_t i = 0; i < out.ratio.size(); ++i) {
        const double* m = moments.data() + i / 5 * 4;
        ratio.push_back((std::log(m[2]) + std::log(m[3]) - m[0] * m[0] - m[1] * m[1]) / 2);
    }
    expect_close(out.ratio, ratio, Tolerance{1e-15, 1e-15}, "ratio at the means");
}

TEST(PosteriorSamples, ChunksContinueTheStreamAndReplicasAreTheirOwn) {
    const auto moments = some_moments<float>({1, 1, 1, 5});
    Noise noise(1);
    const auto whole = draw(moments, noise, {1, 1, 12, 5});
    for (int chunk = 0; chunk < 3; ++chunk) {
        noise.first_row = 4 * chunk;
        const auto part = draw(moments, noise, {1, 1, 4, 5});
        expect_identical(part.z, slice(whole.z, 20 * chunk, 20), "z of a chunk");
        expect_identical(part.ratio, slice(whole.ratio, 4 * chunk, 4), "ratio of a chunk");
    }
    noise.first_row = 2;
    EXPECT_THROW(draw(moments, noise, {1, 1, 4, 5}), DeviceError);

    const Sizes both{2, 3, 7, 5}, one{1, 3, 7, 5};
    const auto two = some_moments<float>(both);
    Noise second(1);
    second.seeds[0] = 51;
    expect_identical(draw(slice(two, 30, 30), second, one).z, slice(draw(two, Noise(2), both).z, 105, 105),
                     "the second replica alone");
}

// --- heads and draws together ----------------------------------------------------------------------------------------

/// Few draws and many, with a library's product and fused: the heads' product, then the parts.
template <class T>
void expect_posterior(const Sizes& s, int H) {
    const std::size_t rows = std::size_t(s.R) * s.N, draws = rows * s.K, P = std::size_t(2) * s.Z * (H + 1);
    Random random(s.K);
    GuardedBuffer<T> h(random.normals<T>(rows * H)), arena(random.normals<T>(s.R * P, 0.3)), moments(rows * 2 * s.Z),
        kl(rows), z(draws * s.Z), ratio(draws), product(moments.size());
    const T* const b = arena.data() + std::size_t(2) * s.Z * H;
    const Noise noise(s.R);
    const DeviceBuffer<std::uint64_t> seeds(noise.seeds), step(std::vector<std::uint64_t>{noise.step});
    const Matmul context;
    check(dense_posterior<T>(context, {moments.data(), kl.data(), z.data(), ratio.data()}, h.data(), arena.data(), b, P,
                             VarianceHead::kSoftplus, {seeds.data(), step.data()}, s.R, s.N, s.K, H, s.Z));
    check(dense_forward<T>(context, product.data(), h.data(), arena.data(), b, P, Activation::kNone, s.R, s.N, H,
                           2 * s.Z));
    const auto parts = run_head(product.download(), VarianceHead::kSoftplus, s);
    const auto expected = draw(parts.moments, noise, s);
    const double error = 20 * s.Z * kUnit<T>;
    expect_close(moments.download(), as<double>(parts.moments), Tolerance{error, error}, "moments, " + name_of(s));
    expect_close(kl.download(), as<double>(parts.kl), Tolerance{error, error}, "kl");
    expect_close(z.download(), as<double>(expected.z), Tolerance{error, error}, "z");
    expect_close(ratio.download(), as<double>(expected.ratio), Tolerance{10 * error, 10 * error}, "ratio");
}

TEST(DensePosterior, IsItsPartsForFewDrawsAndForMany) {
    const LaunchOptionsScope scope;
    for (const bool fused : {false, true}) {
        launch_options().fused_dense = fused;
        for (const int K : {1, 8, 9, 50}) {
            expect_posterior<float>({2, 19, K, 7}, 12);
            expect_posterior<double>({2, 19, K, 7}, 12);
        }
        expect_posterior<float>({1, 3, 5, 129}, 6);  // more latents than a tile is wide
    }
}

// --- the gradient ----------------------------------------------------------------------------------------------------

template <class T>
std::vector<T> backward(const std::vector<T>& dz, const std::vector<T>& z, const std::vector<T>& moments,
                        const std::vector<T>& weights, const std::vector<double>& alphas, bool analytic_kl,
                        VarianceHead head, double scale, const Sizes& s) {
    GuardedBuffer<T> g(dz), Z(z), m(moments), w(weights), out(moments.size());
    GuardedBuffer<double> a(alphas);
    const PosteriorPath<T> path{Z.data(), m.data(), w.data(), {a.data(), analytic_kl}, head, T(scale)};
    check(posterior_backward(out.data(), g.data(), path, s.R, s.N, s.K, s.Z, nullptr));
    return out.download();
}

TEST(PosteriorBackward, TheWholeChainByFiniteDifferences) {
    const std::vector<double> alphas{-kInfinity, -1.5, 0, 0.5, 1 - 1e-9, 1, 1.5, 3, kInfinity};
    const Sizes s{int(alphas.size()), 2, 5, 3};
    const double scale = 0.7;
    Random random(12);
    const auto heads = random.normals<double>(std::size_t(2) * s.R * s.N * s.Z);
    const auto a = random.uniforms<double>(s.Z, 0.2, 1.5), b = random.normals<double>(s.Z);
    for (const VarianceHead head : kHeads)
        for (const bool analytic_kl : {true, false}) {
            std::vector<double> at_moments, at_z, weights, dz;
            // nll_k = sum_j a_j z_kj^2 / 2 + sin(z_kj + b_j), its bound, and L = scale times the sum.
            const auto loss = [&](const std::vector<double>& x) {
                const auto [moments, kl] = run_head(x, head, s);
                const auto [z, ratio] = draw(moments, Noise(s.R), s);
                std::vector<double> nll(ratio.size());
                for (std::size_t i = 0; i < z.size(); ++i)
                    nll[i / s.Z] += a[i % s.Z] * z[i] * z[i] / 2 + std::sin(z[i] + b[i % s.Z]);
                GuardedBuffer<double> l(nll), p(ratio), divergence(kl), of(alphas), out(kl.size()), w(nll.size());
                check(renyi_bound(RenyiBound<double>{out.data(), nullptr, w.data()}, l.data(), p.data(),
                                  divergence.data(), {of.data(), analytic_kl}, s.R, s.N, s.K, nullptr));
                at_moments = moments, at_z = z, weights = w.download();
                double sum = 0;
                for (const double row : out.download()) sum += scale * row;
                return sum;
            };
            loss(heads);
            for (std::size_t i = 0; i < at_z.size(); ++i)
                dz.push_back(scale * weights[i / s.Z] * (a[i % s.Z] * at_z[i] + std::cos(at_z[i] + b[i % s.Z])));
            expect_gradient(loss, heads, backward(dz, at_z, at_moments, weights, alphas, analytic_kl, head, scale, s),
                            "dheads");
        }
}

template <class T>
void expect_backward(const Sizes& s, VarianceHead head, bool analytic_kl) {
    Random random(s.K + s.Z);
    const std::size_t draws = std::size_t(s.R) * s.N * s.K;
    const auto moments = some_moments<T>(s), dz = random.normals<T>(draws * s.Z), z = random.normals<T>(draws * s.Z),
               weights = random.uniforms<T>(draws, 0, 2. / s.K);
    std::vector<double> alphas(s.R, 0.5), expected(moments.size()), allowed(moments.size());
    alphas[0] = 1;
    const double u = kUnit<T>, scale = 0.25;
    for (std::size_t row = 0; row < std::size_t(s.R) * s.N; ++row)
        for (int j = 0; j < s.Z; ++j) {
            const std::size_t at = row * 2 * s.Z + j;
            const double mu = moments[at], v = moments[at + s.Z];
            const bool analytic = analytic_kl && row < std::size_t(s.N);
            double dmu = analytic ? scale * mu : 0, dsigma = analytic ? scale * (v - 1) : 0;
            double mu_size = std::abs(dmu), sigma_size = analytic ? scale * (v + 1) : 0;
            for (std::size_t i = row * s.K; i < (row + 1) * s.K; ++i) {
                const double x = z[i * s.Z + j], w = analytic ? 0 : scale * weights[i], g = dz[i * s.Z + j] + w * x;
                const double size = std::abs(dz[i * s.Z + j]) + std::abs(w * x);
                dmu += g, dsigma += g * (x - mu) - w;
                mu_size += size, sigma_size += size * std::abs(x - mu) + w;
            }
            const double slope = head == VarianceHead::kExp ? 0.5 : -std::expm1(-v) / (2 * v);
            expected[at] = dmu, expected[at + s.Z] = dsigma * slope;
            allowed[at] = u * (s.K + 5) * mu_size;
            allowed[at + s.Z] = u * (s.K + 7 + 12) * sigma_size * slope;
        }
    expect_close(backward(dz, z, moments, weights, alphas, analytic_kl, head, scale, s), expected, allowed,
                 "dheads, " + name_of(s));
}

TEST(PosteriorBackward, AgainstThePlainFormula) {
    for (const VarianceHead head : kHeads)
        for (const bool analytic_kl : {true, false}) {
            for (const Sizes& s : kSizes)
                expect_backward<float>(s, head, analytic_kl), expect_backward<double>(s, head, analytic_kl);
            at_all_block_sizes([&] {
                for (const Sizes& s : {Sizes{2, 2, 3, 5}, Sizes{1, 1, 2, 97}})
                    expect_backward<float>(s, head, analytic_kl);
            });
        }
}

/// dheads where dlog sigma is 1: the head's own factor.
template <class T>
void expect_slopes(VarianceHead head) {
    std::vector<double> expected, allowed;
    std::vector<T> moments;
    for (double v = kSmallestVariance; v < 1e6; v *= 1.37) moments.push_back(T(v));
    const Sizes s{1, 1, 1, int(moments.size())};
    for (const T v : moments) {
        const bool bounded = v <= T(kSmallestVariance);
        expected.push_back(bounded ? 0 : head == VarianceHead::kExp ? 0.5 : -std::expm1(-double(v)) / (2 * double(v)));
        allowed.push_back(12 * kUnit<T> * expected.back());  // two roundings, and e^-v and its logarithm to 3u each
    }
    moments.insert(moments.begin(), s.Z, T(0));
    const std::vector<T> ones(s.Z, T(1));
    const auto out = backward<T>(ones, ones, moments, {T(0)}, {0.5}, true, head, 1, s);
    expect_close(slice(out, s.Z, s.Z), expected, allowed, "slopes of the head");
}

TEST(PosteriorBackward, TheHeadsSlopeIsAccurateAtEveryVariance) {
    for (const VarianceHead head : kHeads) expect_slopes<float>(head), expect_slopes<double>(head);
}

}  // namespace
}  // namespace warpvae

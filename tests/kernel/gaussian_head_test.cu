// The fused heads against the plain formula and against gaussian_sample, which does the same without the products; the
// divergence's known values.
#include <array>

#include "cuda/device/buffer.h"
#include "cuda/ops/renyi.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;

struct Sizes {
    int R, N, H, Z;
};

/// Inputs of a head and what it makes of them.
template <class T>
struct Head {
    Sizes s;
    std::size_t P, bias;
    std::vector<T> h, arena;
    std::vector<std::uint64_t> seeds;
    std::uint64_t step = 17;
    std::vector<T> moments, z, kl;

    explicit Head(const Sizes& sizes) : s(sizes), bias(std::size_t(2) * s.Z * s.H) {
        P = bias + 2 * s.Z + 5;
        Random random(s.N + 7 * s.H + 49 * s.Z);
        h = random.normals<T>(std::size_t(s.R) * s.N * s.H);
        arena = random.normals<T>(s.R * P, 1 / std::sqrt(double(s.H)));
        for (int r = 0; r < s.R; ++r) seeds.push_back(100 + r);
    }
    void forward(bool with_noise = true, std::size_t first_row = 0) {
        GuardedBuffer<T> H(h), W(arena), m(std::size_t(s.R) * s.N * 2 * s.Z), Z(m.size() / 2),
            k(std::size_t(s.R) * s.N);
        DeviceBuffer<std::uint64_t> S(seeds), t(std::vector<std::uint64_t>{step});
        LatentNoise noise;
        if (with_noise) noise = {S.data(), t.data(), Purpose::kLatent, first_row};
        check(gaussian_head_forward(m.data(), Z.data(), k.data(), H.data(), W.data(), W.data() + bias, P, noise, s.R,
                                    s.N, s.H, s.Z, nullptr));
        moments = m.download(), z = Z.download(), kl = k.download();
    }
};

template <class T>
void expect_forward(const Sizes& s) {
    Head<T> head(s);
    head.forward();
    const double u = (sizeof(T) == 8 ? 2 : 1) * kRounding<T>;  // the reference, in double, rounds as well
    std::vector<double> moments, moments_allowed, z, z_allowed, kl, kl_allowed;
    for (int r = 0; r < s.R; ++r) {
        const std::vector<double> epsilon =
            as<double>(noise_of<T>(head.seeds[r], Purpose::kLatent, head.step, 0, s.N, s.Z));
        const T* W = head.arena.data() + r * head.P;
        for (int n = 0; n < s.N; ++n) {
            const std::size_t row = std::size_t(r) * s.N + n;
            for (int o = 0; o < 2 * s.Z; ++o) {
                double sum = W[head.bias + o], magnitude = std::abs(sum);
                for (int k = 0; k < s.H; ++k) {
                    const double term = double(head.h[row * s.H + k]) * W[std::size_t(o) * s.H + k];
                    sum += term, magnitude += std::abs(term);
                }
                moments.push_back(sum), moments_allowed.push_back((s.H + 2) * u * magnitude);
            }
            // What follows starts from the moments as rounded. e^x is right to 1.5 ulp = 3u, a product, sum or
            // difference to u; the sum over Z adds Z u.
            double divergence = 0, magnitude = 0;
            for (int j = 0; j < s.Z; ++j) {
                const double mu = head.moments[row * 2 * s.Z + j], logvar = head.moments[row * 2 * s.Z + s.Z + j];
                const double deviation = std::exp(logvar / 2) * epsilon[std::size_t(n) * s.Z + j];
                z.push_back(mu + deviation), z_allowed.push_back(u * (std::abs(mu) + 6 * std::abs(deviation)));
                divergence += (mu * mu + std::exp(logvar) - 1 - logvar) / 2;
                magnitude += (mu * mu + std::exp(logvar) + 1 + std::abs(logvar)) / 2;
            }
            kl.push_back(divergence), kl_allowed.push_back((s.Z + 6) * u * magnitude);
        }
    }
    const std::string name = "N " + std::to_string(s.N) + " H " + std::to_string(s.H) + " Z " + std::to_string(s.Z);
    expect_close(head.moments, moments, moments_allowed, "moments, " + name);
    expect_close(head.z, z, z_allowed, "z, " + name);
    expect_close(head.kl, kl, kl_allowed, "kl, " + name);
}

TEST(GaussianHead, ForwardAgainstThePlainFormula) {
    for (const Sizes& s :
         {Sizes{1, 1, 1, 1}, Sizes{2, 3, 5, 2}, Sizes{1, 4, 31, 7}, Sizes{3, 5, 33, 10}, Sizes{1, 128, 400, 20}}) {
        expect_forward<float>(s);
        expect_forward<double>(s);
    }
}

TEST(GaussianHead, ForwardAtEveryBlockSize) {
    at_all_block_sizes([] {
        for (const Sizes& s : {Sizes{2, 6, 37, 3}, Sizes{1, 3, 5, 17}, Sizes{1, 1, 64, 1}}) expect_forward<float>(s);
    });
}

TEST(GaussianHead, WithoutNoiseTheSampleIsTheMean) {
    at_all_block_sizes([] {
        Head<float> head({2, 5, 7, 3});
        head.forward(false);
        for (int row = 0; row < 10; ++row)
            for (int j = 0; j < 3; ++j) EXPECT_EQ(head.z[row * 3 + j], head.moments[row * 6 + j]);
    });
}

TEST(GaussianHead, AReplicaIsTheSameAlone) {
    Head<float> together({3, 6, 11, 5});
    together.forward();
    for (int r = 0; r < 3; ++r) {
        Head<float> alone({1, 6, 11, 5});
        alone.h = slice(together.h, r * 66, 66);
        alone.arena = slice(together.arena, r * together.P, together.P);
        alone.seeds = {together.seeds[r]};
        alone.forward();
        expect_identical(alone.moments, slice(together.moments, r * 60, 60), "moments");
        expect_identical(alone.z, slice(together.z, r * 30, 30), "z");
        expect_identical(alone.kl, slice(together.kl, r * 6, 6), "kl");
    }
}

TEST(GaussianHead, FirstRowContinuesTheNoise) {
    Head<float> all({1, 11, 6, 3});
    all.forward();
    Head<float> rest({1, 7, 6, 3});
    rest.h = slice(all.h, 4 * 6, 7 * 6), rest.arena = all.arena;
    rest.forward(true, 4);
    expect_identical(rest.z, slice(all.z, 4 * 3, 7 * 3), "z from row 4");
    // A first row that is no multiple of 4 would need a block of the stream twice.
    GuardedBuffer<float> b(64);
    LatentNoise noise;
    noise.first_row = 2;
    EXPECT_FALSE(
        gaussian_head_forward(b.data(), b.data(), b.data(), b.data(), b.data(), b.data(), 8, noise, 1, 1, 1, 1, nullptr)
            .ok());
}

TEST(GaussianHead, StepsDrawAnew) {
    Head<float> a({1, 4, 3, 5}), b({1, 4, 3, 5});
    a.forward();
    b.step = 18;
    b.forward();
    expect_identical(a.moments, b.moments, "moments");
    for (std::size_t i = 0; i < a.z.size(); ++i) EXPECT_NE(a.z[i], b.z[i]);
}

/// z and kl of given moments by gaussian_sample.
template <class T>
std::pair<std::vector<T>, std::vector<T>> pieces(const std::vector<T>& moments, const Sizes& s, std::uint64_t seed0,
                                                 std::uint64_t step) {
    GuardedBuffer<T> m(moments), z(moments.size() / 2), kl(std::size_t(s.R) * s.N);
    std::vector<std::uint64_t> seeds;
    for (int r = 0; r < s.R; ++r) seeds.push_back(seed0 + r);
    DeviceBuffer<std::uint64_t> S(seeds), t(std::vector<std::uint64_t>{step});
    check(gaussian_sample_forward<T>(z.data(), kl.data(), m.data(), {}, Spread::kLogVariance,
                                     LatentNoise{S.data(), t.data(), Purpose::kLatent, 0}, s.R, s.N, s.Z, nullptr));
    return {z.download(), kl.download()};
}

TEST(GaussianHead, EqualsItsPieces) {
    const Sizes s{2, 7, 9, 35};
    Head<float> head(s);
    head.forward();
    at_all_block_sizes([&] {
        const auto [z, kl] = pieces(head.moments, s, 100, head.step);
        expect_close(z, head.z, Tolerance{1e-7, 4 * kRounding<float>}, "z, fused and alone");
        expect_close(kl, head.kl, Tolerance{1e-6, 35 * 4 * kRounding<float>}, "kl, fused and alone");
    });
}

template <class T>
std::vector<T> head_backward(const std::vector<T>& dz, const std::vector<T>& z, const std::vector<T>& moments, T weight,
                             const Sizes& s) {
    GuardedBuffer<T> g(dz), Z(z), m(moments), out(moments.size());
    check(gaussian_sample_backward<T>(out.data(), g.data(), Z.data(), m.data(), {}, Spread::kLogVariance, weight, s.R,
                                      s.N, s.Z, nullptr));
    return out.download();
}

TEST(GaussianHead, BackwardByFiniteDifferences) {
    const Sizes s{2, 5, 1, 3};
    Random random(31);
    const double weight = 0.7;
    const auto c = random.normals<double>(std::size_t(s.R) * s.N * s.Z);
    const auto moments = random.normals<double>(2 * c.size());
    const auto loss = [&](const std::vector<double>& m) {
        const auto [z, kl] = pieces(m, s, 100, 3);
        double sum = 0;
        for (std::size_t i = 0; i < z.size(); ++i) sum += c[i] * z[i];
        for (const double k : kl) sum += weight * k;
        return sum;
    };
    const std::vector<double> z = pieces(moments, s, 100, 3).first;
    expect_gradient(loss, moments, head_backward(c, z, moments, weight, s), "gaussian_head");
}

TEST(GaussianHead, BackwardWeighsEachRowsDivergence) {
    const Sizes s{2, 5, 1, 33};
    const int rows = s.R * s.N;
    Random random(32);
    const auto c = random.normals<double>(std::size_t(rows) * s.Z), moments = random.normals<double>(2 * c.size());
    const auto weights = random.uniforms<double>(rows, 0, 2);
    const auto loss = [&](const std::vector<double>& m) {
        const auto [z, kl] = pieces(m, s, 100, 3);
        double sum = 0;
        for (std::size_t i = 0; i < z.size(); ++i) sum += c[i] * z[i];
        for (int row = 0; row < rows; ++row) sum += 0.7 * weights[row] * kl[row];
        return sum;
    };
    const std::vector<double> z = pieces(moments, s, 100, 3).first;
    GuardedBuffer<double> g(c), Z(z), m(moments), w(weights), out(moments.size());
    const auto weighed = [&] {
        check(gaussian_sample_backward<double>(out.data(), g.data(), Z.data(), m.data(), {}, Spread::kLogVariance, 0.7,
                                               s.R, s.N, s.Z, nullptr, w.data()));
        return out.download();
    };
    expect_gradient(loss, moments, weighed(), "gaussian_head, weighed rows");
    at_all_block_sizes([&] {
        std::vector<double> expected;  // a row at a time, by its own weight
        for (int row = 0; row < rows; ++row) {
            const auto alone =
                head_backward(slice(c, row * s.Z, s.Z), slice(z, row * s.Z, s.Z),
                              slice(moments, row * 2 * s.Z, 2 * s.Z), 0.7 * weights[row], {1, 1, 1, s.Z});
            expected.insert(expected.end(), alone.begin(), alone.end());
        }
        expect_identical(weighed(), expected, "weighed rows");
    });
}

TEST(GaussianHead, BackwardOfTheWholeHeadByFiniteDifferences) {
    // Through the heads' biases: their gradient is the column sum of dmoments.
    const Sizes s{1, 6, 4, 3};
    Head<double> head(s);
    const std::vector<double> arena = head.arena;
    Random random(5);
    const auto c = random.normals<double>(s.N * s.Z);
    const double weight = 0.4;
    const auto loss = [&](const std::vector<double>& bias) {
        head.arena = arena;
        std::copy(bias.begin(), bias.end(), head.arena.begin() + head.bias);
        head.forward();
        double sum = 0;
        for (std::size_t i = 0; i < head.z.size(); ++i) sum += c[i] * head.z[i];
        for (const double k : head.kl) sum += weight * k;
        return sum;
    };
    const std::vector<double> bias = slice(arena, head.bias, 2 * s.Z);
    loss(bias);
    const std::vector<double> dmoments = head_backward(c, head.z, head.moments, weight, s);
    std::vector<double> gradient(2 * s.Z);
    for (std::size_t i = 0; i < dmoments.size(); ++i) gradient[i % (2 * s.Z)] += dmoments[i];
    expect_gradient(loss, bias, gradient, "gaussian_head, biases");
}

TEST(GaussianHead, BackwardAtEveryBlockSize) {
    const Sizes s{2, 3, 1, 45};
    Random random(8);
    const auto dz = random.normals<float>(s.R * s.N * s.Z), z = random.normals<float>(dz.size());
    const auto moments = random.normals<float>(2 * dz.size());
    std::vector<double> expected(moments.size()), allowed(moments.size());
    for (int row = 0; row < s.R * s.N; ++row)
        for (int j = 0; j < s.Z; ++j) {
            const std::size_t at = row * s.Z + j, mean = row * 2 * s.Z + j, variance = mean + s.Z;
            const double g = dz[at], mu = moments[mean], e = std::exp(double(moments[variance]));
            expected[mean] = g + 0.5 * mu;
            expected[variance] = g * (z[at] - mu) / 2 + 0.5 * (e - 1) / 2;
            allowed[mean] = 3 * kRounding<float> * (std::abs(g) + std::abs(mu));
            allowed[variance] = 6 * kRounding<float> * (std::abs(g) * (std::abs(z[at]) + std::abs(mu)) + e + 1);
        }
    at_all_block_sizes([&] { expect_close(head_backward(dz, z, moments, 0.5f, s), expected, allowed, "backward"); });
}

TEST(GaussianKl, KnownValues) {
    at_all_block_sizes([] {
        // N(0, 1) is at no distance from itself; N(1, 1) at 1/2; N(0, e) at (e - 2) / 2.
        GuardedBuffer<double> m(std::vector<double>{0, 0, 1, 0, 0, 1}), kl(3);
        GuardedBuffer<double> z(3);
        check(gaussian_sample_forward<double>(z.data(), kl.data(), m.data(), {}, Spread::kLogVariance, {}, 1, 3, 1,
                                              nullptr));
        expect_close(kl.download(), std::vector<double>{0, 0.5, (std::exp(1.0) - 2) / 2}, Tolerance{1e-15, 0}, "kl");
    });
}

// In every kernel that has it; near N(0, 1), where the terms of the textbook's sum cancel, with all its digits.
TEST(GaussianKl, IsNeverBelowZero) {
    const int N = 512;
    Random random(3);
    std::vector<float> near(2 * N), exact(N);
    for (int n = 0; n < N; ++n) {
        near[2 * n] = 0, near[2 * n + 1] = float(random.normal() * std::pow(10., random.uniform(-9, 0)));
        const double x = near[2 * n + 1];
        exact[n] = float((std::abs(x) < 1e-4 ? x * x / 2 * (1 + x / 3 + x * x / 12) : std::expm1(x) - x) / 2);
    }
    std::vector<float> halved = near;  // log deviations
    for (int n = 0; n < N; ++n) halved[2 * n + 1] /= 2;
    at_all_block_sizes([&] {
        GuardedBuffer<float> moments(near), deviations(halved), heads(near), kl(N), of_sample(N), of_head(N), z(N);
        check(gaussian_sample_forward<float>(z.data(), kl.data(), moments.data(), {}, Spread::kLogVariance, {}, 1, N, 1,
                                             nullptr));
        check(gaussian_sample_forward<float>(z.data(), of_sample.data(), deviations.data(), {}, Spread::kLogDeviation,
                                             {}, 1, N, 1, nullptr));
        check(variance_head(heads.data(), of_head.data(), VarianceHead::kExp, 1, N, 1, nullptr));
        for (const float value : of_head.download()) ASSERT_GE(value, 0.f);
        expect_close(kl.download(), exact, Tolerance{1e-38, 64 * kRounding<float>}, "kl near 0, of log variances");
        expect_close(of_sample.download(), exact, Tolerance{1e-38, 64 * kRounding<float>}, "of log deviations");
    });
}

TEST(GaussianKl, NaNReachesTheDivergence) {
    at_all_block_sizes([] {
        std::vector<float> moments(2 * 2 * 40, 0.f);
        moments[40 + 39] = std::numeric_limits<float>::quiet_NaN();
        GuardedBuffer<float> m(moments), kl(2), z(80);
        check(gaussian_sample_forward<float>(z.data(), kl.data(), m.data(), {}, Spread::kLogVariance, {}, 1, 2, 40,
                                             nullptr));
        EXPECT_TRUE(std::isnan(kl.download()[0]));
        EXPECT_EQ(kl.download()[1], 0.f);
    });
}

}  // namespace
}  // namespace warpvae

// The random numbers: known answers, moments, and that no two streams meet.
#include "cuda/philox.cuh"

#include <set>

#include "cuda/device/launch.cuh"
#include "tests/support/device_test.h"
#include "tests/support/philox_known_answers.h"

namespace warpvae {
namespace {

using namespace test;

__global__ void words_kernel(std::uint32_t* out, std::uint64_t seed, Purpose purpose, std::uint64_t step,
                             std::uint64_t block) {
    for (int i : grid_stride(1)) {
        const Random4 r = philox(seed, purpose, step, block);
        for (int k = 0; k < 4; ++k) out[4 * i + k] = r.v[k];
    }
}

std::vector<std::uint32_t> words(std::uint64_t seed, Purpose purpose, std::uint64_t step, std::uint64_t block) {
    GuardedBuffer<std::uint32_t> out(4);
    check(launch(words_kernel, for_elements(1), nullptr, out.data(), seed, purpose, step, block));
    return out.download();
}

template <class T>
std::vector<T> normals(std::size_t n, std::uint64_t seed = 1, Purpose purpose = Purpose::kTest,
                       std::uint64_t step = 0) {
    GuardedBuffer<T> out(n);
    check(philox_normal(out.data(), n, seed, purpose, step, nullptr));
    return out.download();
}

template <class T>
std::vector<T> uniforms(std::size_t n, T low, T high, std::uint64_t seed = 1, Purpose purpose = Purpose::kTest,
                        std::uint64_t step = 0) {
    GuardedBuffer<T> out(n);
    check(philox_uniform(out.data(), n, low, high, seed, purpose, step, nullptr));
    return out.download();
}

TEST(Philox, KnownAnswers) {
    for (const PhiloxAnswer& a : kPhiloxAnswers) {
        // philox.cuh's address: counter = (block, purpose << 16 | block >> 32, step, step >> 32), key = seed.
        const auto wide = [](std::uint64_t low, std::uint64_t high) { return high << 32 | low; };
        const auto purpose = static_cast<Purpose>(a.counter[1] >> 16);
        const std::vector<std::uint32_t> r = words(wide(a.key[0], a.key[1]), purpose, wide(a.counter[2], a.counter[3]),
                                                   wide(a.counter[0], a.counter[1] & 0xffff));
        EXPECT_EQ(r, std::vector<std::uint32_t>(a.output, a.output + 4));
    }
}

TEST(Philox, EveryPartOfTheAddressChangesTheWords) {
    std::set<std::vector<std::uint32_t>> seen;
    std::size_t drawn = 0;
    const auto draw = [&](std::uint64_t seed, int purpose, std::uint64_t step, std::uint64_t block) {
        seen.insert(words(seed, static_cast<Purpose>(purpose), step, block));
        ++drawn;
    };
    draw(0, 0, 0, 0);
    for (int bit = 0; bit < 64; ++bit) {
        draw(std::uint64_t{1} << bit, 0, 0, 0);
        draw(0, 0, std::uint64_t{1} << bit, 0);
        if (bit < 48) draw(0, 0, 0, std::uint64_t{1} << bit);
        if (bit < 16) draw(0, 1 << bit, 0, 0);
    }
    EXPECT_EQ(seen.size(), drawn);
}

TEST(Philox, ElementDoesNotDependOnCountOrBlockSize) {
    const std::vector<float> all = normals<float>(20000);
    const std::vector<float> flat = uniforms<float>(20000, -1, 1);
    at_all_block_sizes([&] {
        for (const std::size_t n : {0, 1, 2, 3, 4, 5, 31, 257, 1031}) {
            expect_identical(normals<float>(n), slice(all, 0, n), "normal");
            expect_identical(uniforms<float>(n, -1, 1), slice(flat, 0, n), "uniform");
        }
    });
}

/// The same numbers wherever the array begins: four are one store only where they lie on 16 bytes.
template <class T>
void expect_same_wherever_it_begins() {
    const std::vector<T> normal = normals<T>(41), flat = uniforms<T>(41, -1, 1);
    for (const std::size_t before : {0, 1, 2, 3, 4})
        for (const std::size_t n : {0, 1, 3, 4, 7, 8, 37}) {
            GuardedBuffer<T> out(before + n);  // its guard words stand right behind the last draw
            check(philox_normal(out.data() + before, n, 1, Purpose::kTest, 0, nullptr));
            expect_identical(slice(out.download(), before, n), slice(normal, 0, n), "normal");
            for (std::size_t i = 0; i < before; ++i) EXPECT_TRUE(std::isnan(out.download()[i]));
            check(philox_uniform(out.data() + before, n, T(-1), T(1), 1, Purpose::kTest, 0, nullptr));
            expect_identical(slice(out.download(), before, n), slice(flat, 0, n), "uniform");
        }
}

TEST(Philox, AnArrayMayBeginAnywhere) {
    expect_same_wherever_it_begins<float>();
    expect_same_wherever_it_begins<double>();
}

TEST(Philox, DoubleHoldsTheSameDraws) {
    expect_identical(as<float>(normals<double>(1031)), normals<float>(1031), "normal");
}

TEST(Philox, UniformStaysInItsRange) {
    const std::vector<float> u = uniforms<float>(1000000, 0.f, 1.f);
    EXPECT_GE(*std::min_element(u.begin(), u.end()), 0.f);
    EXPECT_LT(*std::max_element(u.begin(), u.end()), 1.f);
    // [low, high) must hold after the scaling's rounding as well.
    const std::vector<float> v = uniforms<float>(1000000, -0.1f, 0.1f);
    EXPECT_GE(*std::min_element(v.begin(), v.end()), -0.1f);
    EXPECT_LE(*std::max_element(v.begin(), v.end()), 0.1f);
    // 256 equal bins: chi-square has 255 degrees of freedom, deviation sqrt(510); 6 deviations.
    std::vector<double> bins(256);
    for (const float x : u) ++bins[static_cast<std::size_t>(x * 256)];
    double chi2 = 0;
    for (const double count : bins) chi2 += (count - 3906.25) * (count - 3906.25) / 3906.25;
    EXPECT_NEAR(chi2, 255, 6 * std::sqrt(510.0));
}

TEST(Philox, NormalMoments) {
    // Over n draws: the deviation of the mean is 1/sqrt(n), of the variance sqrt(2/n), of the third moment sqrt(15/n),
    // of the fourth sqrt(96/n), of a lag's correlation 1/sqrt(n). Five deviations are allowed.
    const std::size_t n = 1000000;
    const std::vector<float> x = normals<float>(n);
    double m1 = 0, m2 = 0, m3 = 0, m4 = 0;
    for (const double v : x) m1 += v, m2 += v * v, m3 += v * v * v, m4 += v * v * v * v;
    const double root = std::sqrt(static_cast<double>(n));
    EXPECT_NEAR(m1 / n, 0, 5 / root);
    EXPECT_NEAR(m2 / n, 1, 5 * std::sqrt(2.0) / root);
    EXPECT_NEAR(m3 / n, 0, 5 * std::sqrt(15.0) / root);
    EXPECT_NEAR(m4 / n, 3, 5 * std::sqrt(96.0) / root);
    for (const std::size_t lag : {1, 2, 3, 4, 5, 20, 128}) {
        double product = 0, squares = 0;
        for (std::size_t i = 0; i + lag < n; ++i) {
            product += static_cast<double>(x[i]) * x[i + lag];
            // Box and Muller's pairs share a radius: squares must not correlate either.
            squares += (static_cast<double>(x[i]) * x[i] - 1) * (static_cast<double>(x[i + lag]) * x[i + lag] - 1) / 2;
        }
        EXPECT_NEAR(product / n, 0, 5 / root) << "lag " << lag;
        EXPECT_NEAR(squares / n, 0, 5 / root) << "squares, lag " << lag;
    }
    EXPECT_LE(*std::max_element(x.begin(), x.end()), 5.8f);
    // Tails: P(|x| > 3) = 0.0026998; deviation sqrt(p / n).
    const double tail =
        static_cast<double>(std::count_if(x.begin(), x.end(), [](float v) { return std::abs(v) > 3; })) / n;
    EXPECT_NEAR(tail, 0.0026998, 5 * std::sqrt(0.0027 / n));
}

TEST(Philox, StreamsAreIndependent) {
    const std::size_t n = 100000;
    const std::vector<std::vector<float>> streams{
        normals<float>(n),
        normals<float>(n, 2),
        normals<float>(n, std::uint64_t{1} << 32 | 1),
        normals<float>(n, 1, Purpose::kLatent),
        normals<float>(n, 1, Purpose::kFeature),
        normals<float>(n, 1, Purpose::kTest, 1),
        normals<float>(n, 1, Purpose::kTest, std::uint64_t{1} << 32),
    };
    for (std::size_t a = 0; a < streams.size(); ++a)
        for (std::size_t b = a + 1; b < streams.size(); ++b) {
            double product = 0;
            std::size_t equal = 0;
            for (std::size_t i = 0; i < n; ++i) {
                product += static_cast<double>(streams[a][i]) * streams[b][i];
                equal += streams[a][i] == streams[b][i];
            }
            EXPECT_NEAR(product / n, 0, 5 / std::sqrt(static_cast<double>(n))) << a << " and " << b;
            EXPECT_LT(equal, 20u) << a << " and " << b;
        }
}

TEST(Philox, BoxMullerAgainstDouble) {
    // |error| of a draw: the radius to 2 ulp of at most 5.8, sine and cosine to 1.2e-7: 5.8 (1.2e-7 + 2.4e-7).
    const std::size_t n = 4096;
    const std::vector<float> x = normals<float>(n, 7);
    std::vector<double> expected(n);
    for (std::size_t q = 0; q < n / 4; ++q) {
        const std::vector<std::uint32_t> r = words(7, Purpose::kTest, 0, q);
        for (int pair = 0; pair < 2; ++pair) {
            const double u = ((r[2 * pair] >> 8) + 1) * 0x1p-24, turn = (r[2 * pair + 1] >> 8) * 0x1p-24;
            const double radius = std::sqrt(-2 * std::log(u));
            expected[4 * q + 2 * pair] = radius * std::cos(2 * 3.141592653589793 * turn);
            expected[4 * q + 2 * pair + 1] = radius * std::sin(2 * 3.141592653589793 * turn);
        }
    }
    expect_close(x, expected, Tolerance{5.8 * 3.6e-7, 0}, "normal draws");
}

}  // namespace
}  // namespace warpvae

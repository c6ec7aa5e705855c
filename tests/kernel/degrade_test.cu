// Noise on images: against a plain reference and, where the numbers are drawn, against what was asked for in numbers;
// the same for an image in any batch and replica; and the distance in dB against a plain loop.
#include <set>

#include "cuda/device/buffer.h"
#include "cuda/ops/random.h"
#include "cuda/ops/warp.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;
constexpr DegradationKind kSalt = DegradationKind::kSaltAndPepper, kGrain = DegradationKind::kGaussian,
                          kSquare = DegradationKind::kOcclusion;
const std::vector<std::uint64_t> kSeeds = {3, std::uint64_t{1} << 40, 9};

template <class T>
std::vector<T> degraded(const std::vector<T>& x, Degradation noise, std::size_t first, int R, int N, int H, int W,
                        const std::vector<std::uint64_t>& seeds = kSeeds, bool in_place = false) {
    const DeviceBuffer<std::uint64_t> device_seeds(seeds);
    GuardedBuffer<T> in(x), out(x.size());
    check(degrade<T>(in_place ? in.data() : out.data(), in.data(), noise, device_seeds.data(), first, R, N, H, W,
                     nullptr));
    return (in_place ? in : out).download();
}

/// Draws `first`..`first + count - 1` of the noise of one seed and kind.
std::vector<float> draws(bool normal, std::uint64_t seed, DegradationKind kind, std::size_t first, std::size_t count) {
    GuardedBuffer<float> out(first + count);
    const std::uint64_t step = std::uint64_t(kind);
    check(normal ? philox_normal(out.data(), out.size(), seed, Purpose::kDegrade, step, nullptr)
                 : philox_uniform(out.data(), out.size(), 0.f, 1.f, seed, Purpose::kDegrade, step, nullptr));
    return slice(out.download(), first, count);
}

/// Pixel by pixel from the definition.
template <class T>
std::vector<T> reference(const std::vector<T>& x, Degradation noise, std::size_t first, int R, int N, int H, int W) {
    std::vector<T> y = x;
    const std::size_t D = std::size_t(H) * W, in_image = (D + 3) / 4 * 4;
    const int side = int(std::lround(noise.amount * std::min(H, W)));
    for (int r = 0; r < R; ++r)
        for (int n = 0; n < N; ++n) {
            T* image = y.data() + (std::size_t(r) * N + n) * D;
            if (noise.kind == kSquare) {
                const std::vector<float> u = draws(false, kSeeds[r], kSquare, 4 * (first + n), 2);
                const int top = int(std::floor(double(u[0]) * (H - side + 1)));
                const int left = int(std::floor(double(u[1]) * (W - side + 1)));
                for (int i = 0; i < side; ++i)
                    for (int j = 0; j < side; ++j) image[(top + i) * W + left + j] = 0;
                continue;
            }
            const std::vector<float> v = draws(noise.kind == kGrain, kSeeds[r], noise.kind, (first + n) * in_image, D);
            for (std::size_t i = 0; i < D; ++i)
                if (noise.kind == kGrain)
                    image[i] = std::clamp<T>(image[i] + T(noise.amount) * T(v[i]), 0, 1);
                else if (v[i] < noise.amount)
                    image[i] = v[i] < noise.amount / 2 ? T(0) : T(1);
        }
    return y;
}

template <class T>
void expect_reference() {
    Random random(2);
    for (const auto& [N, H, W] : {std::tuple{1, 1, 1}, {2, 1, 3}, {3, 5, 7}, {2, 28, 28}, {1, 31, 33}})
        for (const DegradationKind kind : {kSalt, kGrain, kSquare})
            for (const float amount : {0.f, 0.2f, 0.5f, 1.f}) {
                const std::vector<T> x = random.uniforms<T>(std::size_t(3) * N * H * W);
                const Degradation noise{kind, amount};
                const std::vector<T> expected = reference(x, noise, 101, 3, N, H, W);
                const Tolerance one_rounding{4 * kRounding<T>, 0};  // fused or not, x + a epsilon is below 8 in size
                // Clang before 16 captures no structured binding by [&].
                at_all_block_sizes([&, N = N, H = H, W = W] {
                    const std::vector<T> y = degraded(x, noise, 101, 3, N, H, W);
                    if (kind == kGrain && amount > 0)
                        expect_close(y, expected, one_rounding, "Gaussian " + std::to_string(H * W));
                    else
                        expect_identical(y, expected, "spoilt");
                    expect_identical(degraded(x, noise, 101, 3, N, H, W, kSeeds, true), y, "in place");
                });
            }
}

TEST(Degrade, EqualsTheReferenceAtEveryBlockSize) {
    expect_reference<float>();
    expect_reference<double>();
}

TEST(Degrade, AmountZeroIsTheIdentity) {
    const std::vector<float> x = Random(4).uniforms<float>(2 * 3 * 8 * 9);
    for (const DegradationKind kind : {kSalt, kGrain, kSquare})
        expect_identical(degraded(x, {kind, 0}, 5, 2, 3, 8, 9), x, "identity");
}

TEST(Degrade, AnImageIsSpoiltAlikeInAnyBatchAndReplica) {
    const int N = 11, H = 5, W = 7, D = H * W;
    const std::vector<float> x = Random(6).uniforms<float>(3 * N * D);
    for (const DegradationKind kind : {kSalt, kGrain, kSquare}) {
        const Degradation noise{kind, 0.4f};
        const std::vector<float> all = degraded(x, noise, 0, 3, N, H, W);
        for (int r = 0; r < 3; ++r)
            for (const auto& [first, rows] : {std::pair{0, 1}, {1, 3}, {4, 7}, {10, 1}}) {
                const std::size_t at = (std::size_t(r) * N + first) * D;
                expect_identical(degraded(slice(x, at, rows * D), noise, first, 1, rows, H, W, {kSeeds[r]}),
                                 slice(all, at, rows * D), "a part of the set, a replica alone");
            }
    }
}

TEST(Degrade, ColourIsSpoiltPixelByPixelAndGrainChannelByChannel) {
    const int N = 3, H = 5, W = 7, C = 3, D = H * W;
    const std::vector<float> x = Random(8).uniforms<float>(N * D * C);
    const DeviceBuffer<std::uint64_t> seeds(kSeeds);
    for (const DegradationKind kind : {kSalt, kGrain, kSquare}) {
        const Degradation noise{kind, 0.4f};
        // Grain: an image of one channel, as wide as all of them. The others: of each channel what is made of it alone.
        std::vector<float> expected;
        if (kind == kGrain) {
            expected = degraded(x, noise, 2, 1, N, H, W * C);
        } else {
            expected = x;
            for (int c = 0; c < C; ++c) {
                std::vector<float> plane;
                for (std::size_t i = c; i < x.size(); i += C) plane.push_back(x[i]);
                plane = degraded(plane, noise, 2, 1, N, H, W);
                for (std::size_t i = 0; i < plane.size(); ++i) expected[i * C + c] = plane[i];
            }
        }
        at_all_block_sizes([&] {
            const GuardedBuffer<float> in(x);
            GuardedBuffer<float> out(x.size());
            check(degrade<float>(out.data(), in.data(), noise, seeds.data(), 2, 1, N, H, W, nullptr, C));
            expect_identical(out.download(), expected, "colour");
        });
    }
}

TEST(Degrade, SaltAndPepperHasItsRates) {
    const int N = 50, side = 32;
    const double total = N * side * side;
    const std::vector<float> x(N * side * side, 0.5f);
    for (const float amount : {0.01f, 0.2f, 0.9f, 1.f}) {
        double salt = 0, pepper = 0;
        for (const float y : degraded(x, {kSalt, amount}, 0, 1, N, side, side)) {
            ASSERT_TRUE(y == 0 || y == 1 || y == 0.5f) << y;
            salt += y == 1, pepper += y == 0;
        }
        const double p = amount, deviation = std::sqrt(total * p * (1 - p));
        EXPECT_NEAR(salt + pepper, p * total, 5 * deviation + 1e-6) << amount;
        EXPECT_NEAR(salt - pepper, 0, 5 * std::sqrt(p * total)) << amount;
    }
}

TEST(Degrade, GaussianHasItsMoments) {
    const int N = 50, side = 32;
    const double total = N * side * side, amount = 0.05;
    double sum = 0, squares = 0, neighbours = 0, last = 0;
    const std::vector<double> x(N * side * side, 0.5);
    for (const double y : degraded(x, {kGrain, float(amount)}, 0, 1, N, side, side)) {  // 10 deviations off the clamp
        const double e = (y - 0.5) / double(float(amount));
        sum += e, squares += e * e, neighbours += e * last, last = e;
    }
    EXPECT_NEAR(sum / total, 0, 5 / std::sqrt(total));
    EXPECT_NEAR(squares / total, 1, 5 * std::sqrt(2 / total));
    EXPECT_NEAR(neighbours / total, 0, 5 / std::sqrt(total));
    double clamped = 0;  // half of what is put on black is cut off, and nothing leaves [0, 1]
    for (const double y : degraded(std::vector<double>(x.size(), 0.0), {kGrain, 3.f}, 0, 1, N, side, side)) {
        ASSERT_TRUE(y >= 0 && y <= 1) << y;
        clamped += y == 0;
    }
    EXPECT_NEAR(clamped / total, 0.5, 5 * 0.5 / std::sqrt(total));
}

TEST(Degrade, OcclusionIsASquareAnywhere) {
    const int N = 2000, H = 9, W = 12, side = 4;  // round(0.4 * 9)
    std::vector<double> tops(H - side + 1), lefts(W - side + 1);
    const std::vector<float> y = degraded(std::vector<float>(N * H * W, 1.f), {kSquare, 0.4f}, 0, 1, N, H, W);
    for (int n = 0; n < N; ++n) {
        int hidden = 0, top = H, left = W, bottom = -1, right = -1;
        for (int i = 0; i < H * W; ++i) {
            if (y[n * H * W + i] != 0) continue;
            ++hidden, top = std::min(top, i / W), left = std::min(left, i % W);
            bottom = std::max(bottom, i / W), right = std::max(right, i % W);
        }
        ASSERT_EQ(hidden, side * side);
        ASSERT_EQ(bottom - top + 1, side);
        ASSERT_EQ(right - left + 1, side);
        ++tops[top], ++lefts[left];
    }
    for (const auto& counts : {tops, lefts}) {
        const double each = double(N) / double(counts.size());
        for (const double count : counts) EXPECT_NEAR(count, each, 5 * std::sqrt(each));
    }
    for (const float v : degraded(std::vector<float>(49, 1.f), {kSquare, 1.f}, 0, 1, 1, 7, 7)) EXPECT_EQ(v, 0);
}

TEST(Degrade, KindsSeedsAndImagesHaveNoiseOfTheirOwn) {
    const std::vector<double> x(4 * 64, 0.5);
    std::set<std::vector<double>> seen;
    for (const DegradationKind kind : {kSalt, kGrain})
        for (const std::uint64_t seed : {1, 2}) {
            const std::vector<double> y = degraded(x, {kind, 0.5f}, 0, 1, 4, 8, 8, {seed});
            for (int n = 0; n < 4; ++n) seen.insert(slice(y, n * 64, 64));
        }
    EXPECT_EQ(seen.size(), 16u);
}

TEST(Degrade, AMinibatchIsSpoiltAnewInEachStepAndAlikeInEachReplica) {
    const int N = 6, H = 5, W = 7, D = H * W;
    const std::vector<float> x(3 * N * D, 0.5f);
    const DeviceBuffer<std::uint64_t> seeds(kSeeds);
    const auto of_step = [&](Degradation noise, std::uint64_t step, int r = 0, int R = 3, int rows = 6) {
        const DeviceBuffer<std::uint64_t> number(std::vector<std::uint64_t>{step});
        const GuardedBuffer<float> in(slice(x, 0, std::size_t(R) * rows * D));
        GuardedBuffer<float> out(in.size());
        check(degrade_minibatch<float>(out.data(), in.data(), noise, seeds.data() + r, number.data(), R, rows, H, W,
                                       nullptr));
        return out.download();
    };
    for (const DegradationKind kind : {kSalt, kGrain, kSquare}) {
        const Degradation noise{kind, 0.4f};
        const std::vector<float> first = of_step(noise, 0);
        expect_identical(of_step(noise, 0), first, "the same step");
        std::set<std::vector<float>> seen;
        for (const std::uint64_t step : {0, 1, 2}) seen.insert(of_step(noise, step));
        seen.insert(degraded(x, noise, 0, 3, N, H, W));  // nor is it that of evaluation
        EXPECT_EQ(seen.size(), 4u);
        for (int r = 0; r < 3; ++r)
            expect_identical(of_step(noise, 0, r, 1, 4), slice(first, std::size_t(r) * N * D, 4 * D),
                             "a replica alone, a smaller batch");
    }
    EXPECT_FALSE(
        degrade_minibatch<float>(nullptr, nullptr, {kGrain, 0.5f}, seeds.data(), nullptr, 1, 1, 4, 4, nullptr).ok());
}

TEST(Degrade, RefusesWhatHasNoMeaning) {
    const DeviceBuffer<std::uint64_t> seeds(kSeeds);
    DeviceBuffer<float> x(std::vector<float>(16, 0.5f));
    const auto ok = [&](Degradation noise, int H = 4, int W = 4, const std::uint64_t* of = nullptr) {
        return degrade<float>(x.data(), x.data(), noise, of ? of : seeds.data(), 0, 1, 1, H, W, nullptr).ok();
    };
    const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
    for (const DegradationKind kind : {kSalt, kGrain, kSquare}) {
        for (const float amount : {-0.1f, nan, infinity, -infinity}) EXPECT_FALSE(ok({kind, amount})) << amount;
        EXPECT_EQ(ok({kind, 1.5f}), kind == kGrain);
        EXPECT_FALSE(ok({kind, 0.5f}, 0, 4));
        EXPECT_FALSE(ok({kind, 0.5f}, 4, -1));
        EXPECT_FALSE(ok({kind, 0.5f}, 1 << 20, 1 << 20));
        EXPECT_FALSE(degrade<float>(x.data(), x.data(), {kind, 0.5f}, seeds.data(), 0, 1, 1, 4, 4, nullptr, 0).ok());
        EXPECT_FALSE(degrade<float>(x.data(), x.data(), {kind, 0.5f}, nullptr, 0, 1, 1, 4, 4, nullptr).ok());
        EXPECT_TRUE(degrade<float>(nullptr, nullptr, {kind, 0.5f}, seeds.data(), 0, 1, 0, 4, 4, nullptr).ok());
    }
    EXPECT_FALSE(ok({DegradationKind(3), 0.5f}));
}

template <class T>
void expect_psnr() {
    Random random(7);
    for (const int D : {1, 3, 31, 257, 784})
        for (const double error : {1.0, 0.1, 1e-3, 0.0}) {
            const int rows = 6;
            const std::vector<T> target = random.uniforms<T>(rows * D);
            std::vector<T> x = target;
            for (T& v : x) v += T(error * random.uniform(-1, 1));
            std::vector<double> expected(rows);
            for (int n = 0; n < rows; ++n) {
                double mse = 0;
                for (int i = 0; i < D; ++i) mse += std::pow(double(x[n * D + i]) - double(target[n * D + i]), 2) / D;
                expected[n] = 10 * std::log10(1 / std::max(mse, 1 / (12 * 255.0 * 255.0)));
            }
            // Relative to mse: the rounding of each difference (exact when near), square and sum; then the logarithm.
            const Tolerance tolerance{4.35 * (D + 6) * kRounding<T>, 4 * kRounding<T>};
            at_all_block_sizes([&] {
                const GuardedBuffer<T> a(x), b(target);
                GuardedBuffer<T> out(rows);
                check(psnr<T>(out.data(), a.data(), b.data(), 2, 3, D, nullptr));
                expect_close(out.download(), expected, tolerance, "PSNR of " + std::to_string(D) + " pixels");
            });
        }
}

TEST(Psnr, EqualsAPlainLoop) {
    expect_psnr<float>();
    expect_psnr<double>();
    EXPECT_FALSE(psnr<float>(nullptr, nullptr, nullptr, 1, 1, 0, nullptr).ok());
}

}  // namespace
}  // namespace warpvae

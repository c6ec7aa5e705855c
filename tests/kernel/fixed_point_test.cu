// Fixed-point sums: the same bits in any order, room for the largest, a bound on what is cut off.
#include "cuda/device/fixed_point.cuh"

#include <algorithm>
#include <cfloat>

#include "cuda/device/launch.cuh"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;

/// One block adds up x [n] in a scale for `count` numbers of magnitude `largest`. Block any.
__global__ void fixed_sum_kernel(FixedPoint* scale, long long* sum, double* value, const double* x, int n,
                                 double largest, double count) {
    const FixedPoint fixed = FixedPoint::of(largest, count);
    if (threadIdx.x == 0) *sum = 0;
    __syncthreads();
    for (int i : block_stride(n)) fixed_add(fixed, sum, 1, 0, x[i]);
    __syncthreads();
    if (threadIdx.x != 0) return;
    *scale = fixed;
    *value = fixed_sum(fixed, sum, 1, 0);
}

struct Sum {
    double scale, inverse, value;
    long long bits;
};
Sum fixed_sum(const std::vector<double>& x, double largest, double count) {
    GuardedBuffer<double> X(x), value(1);
    GuardedBuffer<FixedPoint> scale(1);
    GuardedBuffer<long long> bits(1);
    check(launch(fixed_sum_kernel, for_blocks(1), nullptr, scale.data(), bits.data(), value.data(), X.data(),
                 int(x.size()), largest, count));
    const FixedPoint fixed = scale.download()[0];
    return {fixed.scale, fixed.inverse, value.download()[0], bits.download()[0]};
}

/// Sums of numbers over forty orders of magnitude that cancel: any floating order gives other bits.
TEST(FixedPoint, SumsAreTheSameInAnyOrder) {
    for (const int n : {0, 1, 2, 31, 97, 257, 784}) {
        Random random(n + 1);
        std::vector<double> x(n);
        for (double& v : x) v = random.normal() * std::pow(10., random.uniform(-20, 20));
        double largest = 0;
        for (const double v : x) largest = std::max(largest, std::abs(v));
        const Sum one = fixed_sum(x, largest, n);
        // Each number is cut off on its own, and integers add exactly.
        long long expected = 0;
        for (const double v : x) expected += static_cast<long long>(v * one.scale);
        EXPECT_EQ(one.bits, expected);
        at_all_block_sizes([&] {
            for (int order = 0; order < 4; ++order) {
                std::vector<double> y = x;
                if (order == 1) std::reverse(y.begin(), y.end());
                if (order == 2) std::sort(y.begin(), y.end());
                if (order == 3)
                    for (int i = n - 1; i > 0; --i) std::swap(y[i], y[random.integer(0, i)]);
                const Sum other = fixed_sum(y, largest, n);
                EXPECT_EQ(other.bits, one.bits) << n << " numbers, order " << order;
                EXPECT_EQ(other.value, one.value) << n << " numbers, order " << order;
            }
        });
    }
}

TEST(FixedPoint, WhatIsCutOffIsBounded) {
    std::vector<double> sums, exact, allowed;
    for (const int n : {1, 3, 97, 784}) {
        for (const double size : {1., 1e-30, 1e30, 1e-45}) {
            Random random(n);
            std::vector<double> x = random.normals<double>(n, size);
            double largest = 0;
            long double sum = 0;
            for (const double v : x) largest = std::max(largest, std::abs(v)), sum += v;
            const Sum fixed = fixed_sum(x, largest, n);
            EXPECT_EQ(fixed.scale * fixed.inverse, 1);
            // A unit is at most 2^-60 of `count` largest numbers, and each number loses less than one.
            EXPECT_LE(fixed.inverse, std::ldexp(largest * n, -60));
            EXPECT_LE(fixed.inverse, std::ldexp(largest, -50));
            sums.push_back(fixed.value);
            exact.push_back(double(sum));
            allowed.push_back(n * fixed.inverse + kRounding<double> * std::abs(double(sum)));
        }
    }
    expect_close(sums, exact, allowed, "fixed-point sums");
}

TEST(FixedPoint, TheLargestSumsFit) {
    // Numbers that are all the largest: mantissas of every kind, counts at and next to powers of two.
    for (const double largest : {1., std::nextafter(1., 2.), std::nextafter(2., 1.), 1.5, 3e38, 1e-38, 1e300, 1e-250})
        for (const int count : {1, 2, 3, 63, 64, 65, 784, 1023, 1024, 1025}) {
            for (const double sign : {1., -1.}) {
                const Sum fixed = fixed_sum(std::vector<double>(count, sign * largest), largest, count);
                const double total = sign * largest * count;
                EXPECT_LE(std::abs(double(fixed.bits)), 0x1p61) << largest << " times " << count;
                EXPECT_NEAR(fixed.value, total, count * fixed.inverse + 2 * kRounding<double> * std::abs(total))
                    << largest << " times " << count;
            }
        }
}

TEST(FixedPoint, TinyAndHugeNumbers) {
    // The integers hold more than the largest double; brought back, that is infinite.
    const Sum huge = fixed_sum({DBL_MAX, -DBL_MAX, DBL_MAX}, DBL_MAX, 3);
    EXPECT_NEAR(huge.value / DBL_MAX, 1, 1e-15);
    EXPECT_EQ(fixed_sum({DBL_MAX, DBL_MAX}, DBL_MAX, 2).value, std::numeric_limits<double>::infinity());
    EXPECT_NEAR(fixed_sum({DBL_MAX, -DBL_MAX / 2}, DBL_MAX, 784).value / DBL_MAX, 0.5, 1e-15);
    // Below 1e-283 the unit stays 2^-1000, so that both scales are numbers.
    for (const double tiny : {1e-283, DBL_MIN, 5e-324}) {
        const Sum fixed = fixed_sum({tiny, tiny, -tiny / 2}, tiny, 3);
        EXPECT_LE(fixed.scale, 0x1p1000);
        EXPECT_EQ(fixed.scale * fixed.inverse, 1);
        EXPECT_NEAR(fixed.value, 1.5 * tiny, std::max(3 * 0x1p-1000, tiny * 1e-15));
    }
    // All zeros, and a float's smallest number, exactly.
    const Sum zero = fixed_sum({0, -0., 0}, 0, 3);
    EXPECT_EQ(zero.value, 0);
    EXPECT_EQ(zero.scale, 1);
    EXPECT_EQ(fixed_sum({0x1p-149, 0x1p-149}, 0x1p-149, 2).value, 0x1p-148);
}

// --- limbs -----------------------------------------------------------------------------------------------------------

/// One block adds up x [n] in limbs, into sum 1 of 3; the others stay 0. Block any.
__global__ void limb_sum_kernel(FixedLimbs* unit, long long* sums, float* values, const float* x, int n, float largest,
                                int count) {
    const FixedLimbs limbs = FixedLimbs::of(largest, count);
    if (threadIdx.x == 0)
        for (int i = 0; i < 3; ++i) sums[i] = 0;
    __syncthreads();
    for (int i : block_stride(n)) fixed_add(limbs, sums, 3, 1, x[i]);
    __syncthreads();
    if (threadIdx.x != 0) return;
    *unit = limbs;
    for (int i = 0; i < 3; ++i) values[i] = fixed_sum(limbs, sums, 3, i);
}
struct LimbSum {
    float value;
    double unit;  // of the low limb
};
LimbSum limb_sum(const std::vector<float>& x, float largest, int count) {
    GuardedBuffer<float> X(x), values(3);
    GuardedBuffer<FixedLimbs> unit(1);
    GuardedBuffer<long long> sums(3);
    check(launch(limb_sum_kernel, for_blocks(1), nullptr, unit.data(), sums.data(), values.data(), X.data(),
                 int(x.size()), largest, count));
    const std::vector<float> all = values.download();
    EXPECT_EQ(all[0], 0.f);
    EXPECT_EQ(all[2], 0.f);
    const FixedLimbs limbs = unit.download()[0];
    return {all[1], 1 / (double(limbs.scale) * limbs.parts)};
}

TEST(FixedLimbs, SumsAreTheSameInAnyOrderAndAsClose) {
    for (const int n : {1, 2, 31, 97, 257, 784, 1000}) {
        Random random(n);
        std::vector<float> x(n);
        for (float& v : x) v = float(random.normal() * std::pow(10., random.uniform(-8, 3)));
        float largest = 0;
        for (const float v : x) largest = std::max(largest, std::abs(v));
        // In whole units, each number rounded on its own: what the limbs hold whatever the block.
        const LimbSum one = limb_sum(x, largest, n);
        double exact = 0, rounded = 0;
        for (const float v : x) exact += v, rounded += std::rint(v / one.unit);
        EXPECT_EQ(one.value, float(rounded * one.unit));
        EXPECT_NEAR(one.value, exact, n * one.unit / 2 + std::abs(exact) * kRounding<float>);
        at_all_block_sizes([&] {
            std::vector<float> y = x;
            EXPECT_EQ(limb_sum(y, largest, n).value, one.value) << n;
            std::reverse(y.begin(), y.end());
            EXPECT_EQ(limb_sum(y, largest, n).value, one.value) << n << " reversed";
        });
    }
}

TEST(FixedLimbs, TheUnitIsAsSmallAsIsSaid) {
    for (const auto& [count, bits] : {std::pair(784, 41), {1024, 41}, {1025, 39}, {4096, 37}, {8192, 35}, {1, 43}})
        for (const float size : {1.f, 3e-20f, 1e20f}) {
            int exponent;  // size < 2^exponent
            std::frexp(size, &exponent);
            EXPECT_EQ(limb_sum({size}, size, count).unit, std::ldexp(1., exponent - bits)) << count;
        }
}

TEST(FixedLimbs, TheLargestSumsFit) {
    // Of numbers that are all the largest, and of those whose low limb is the largest; bits of every kind.
    for (const int count : {1, 2, 3, 63, 64, 511, 512, 513, 784, 1023, 1024, 1025, 4095, 4096, 8192})
        for (const float largest : {1.f, std::nextafter(1.f, 2.f), std::nextafter(2.f, 1.f), 1.9999995f, 3e38f, 1e-30f})
            for (const float sign : {1.f, -1.f}) {
                const double total = double(sign * largest) * count;
                const LimbSum all = limb_sum(std::vector<float>(count, sign * largest), largest, count);
                if (std::abs(total) > FLT_MAX) {
                    EXPECT_EQ(all.value, sign * std::numeric_limits<float>::infinity()) << largest;
                } else {
                    EXPECT_NEAR(all.value, total, count * all.unit / 2 + std::abs(total) * kRounding<float>) << largest;
                }
                // Just below half a high unit: everything is in the low limb.
                const float half = float(std::nextafter(all.unit * 0x1p20, 0.));
                const LimbSum low = limb_sum(std::vector<float>(count, sign * half), largest, count);
                EXPECT_NEAR(low.value, double(sign * half) * count,
                            count * low.unit / 2 + double(half) * count * kRounding<float>);
            }
}

TEST(FixedLimbs, TinyNumbers) {
    EXPECT_EQ(limb_sum({0, -0.f, 0}, 0, 3).value, 0);
    EXPECT_EQ(limb_sum({0x1p-148f, 0x1p-148f}, 0x1p-148f, 2).value, 0x1p-147f);
    const float tiny = 1e-37f;
    EXPECT_NEAR(limb_sum({tiny, tiny, -tiny / 2}, tiny, 3).value / tiny, 1.5f, 1e-6f);
}

}  // namespace
}  // namespace warpvae

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
    const bool alone = blockDim.x == 1;
    if (threadIdx.x == 0) *sum = 0;
    __syncthreads();
    for (int i : block_stride(n)) fixed_add(sum, fixed.of_value(x[i]), alone);
    __syncthreads();
    if (threadIdx.x != 0) return;
    *scale = fixed;
    *value = fixed.value(*sum);
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

}  // namespace
}  // namespace warpvae

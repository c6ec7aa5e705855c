// Sums that come out the same in any order: each number becomes an integer times a power of two. The only file with
// atomics on sums of real numbers. FixedPoint has 64 bits; FixedLimbs adds floats in two integers of 32 bits, which a
// GPU's shared memory does by itself, where 64 bits are a loop around a comparison.
//
// FixedPoint: for at most `count` numbers with |x| <= largest, the scale 2^e is the largest for which
// largest * count * 2^e stays below 2^61. So no sum passes 2^62 even where rounding made the numbers a little larger.
// Each number loses what is below 2^-60 of largest * count: for 784 numbers that is 2^-50 of the largest, better than
// any order of float additions. (It is cut off, not rounded, since CPU compilers vectorise that conversion.) Below
// 1e-283 the unit stays 2^-1000.
//
// FixedLimbs: for at most 2^k numbers below 2^e, k <= 20. The high integer counts units of 2^(e + k - 30), the low one
// what was rounded off, in parts of 2^-(31 - k) of those. Neither sum can pass 2^30 + 2^(k - 1). (For few numbers both
// stay at 22 bits, which a float's addition can round to.) So each number is rounded to a multiple of 2^(2k - 61) of
// 2^e: for 784 numbers 2^-41, for 4,096 2^-37, for 8,192 2^-35; what is 2^13 below the largest of 4,096 still has all
// of a float's bits.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

#include "cuda/device/loops.cuh"

namespace warpvae {

struct FixedPoint {
    double scale, inverse;
    /// For at most `count` numbers of magnitude `largest`, which must be finite; 0 gives a scale of 1.
    __device__ static FixedPoint of(double largest, double count) {
        int exponent = 0, more = 0;
        frexp(frexp(largest, &exponent) * count, &more);  // largest * count may overflow
        const int needed = 61 - exponent - more;
        const int e = needed < 1000 ? (needed > -1000 ? needed : -1000) : 1000;
        return largest > 0 ? FixedPoint{ldexp(1., e), ldexp(1., -e)} : FixedPoint{1., 1.};
    }
    __device__ long long of_value(double x) const { return static_cast<long long>(x * scale); }
    __device__ double value(long long sum) const { return static_cast<double>(sum) * inverse; }
};

struct FixedLimbs {
    float scale, parts;  ///< high units in 1, low units in a high one
    float inverse_scale, inverse_parts;
    int low_units;  ///< parts
    /// For at most `count` numbers, 1 to 2^20, of magnitude `largest`, which must be finite.
    __device__ static FixedLimbs of(float largest, int count) {
        const int k = int((__float_as_uint(float(count)) + 0x7fffffu) >> 23) - 127;  // count <= 2^k
        const int below = int(__float_as_uint(largest) >> 23) - 126;                 // largest < 2^below
        const int most = (k > 9 ? 30 - k : 21) - below, high = most < 126 ? most : 126, low = k > 9 ? 31 - k : 22;
        return {power_of_two(high), power_of_two(low), power_of_two(-high), power_of_two(-low), 1 << low};
    }
    /// x, rounded, in high units and low ones. Adding 1.5 * 2^23 to a number below 2^22 rounds it and leaves the
    /// integer in the last bits of the sum; what was rounded off is exact.
    __device__ void split(float x, int& high, int& low) const {
        constexpr float kShift = 12582912.f;
        const float shifted = x * scale + kShift, rest = x * scale - (shifted - kShift);
        high = int(__float_as_uint(shifted) - 0x4b400000u);
        low = int(__float_as_uint(rest * parts + kShift) - 0x4b400000u);
    }
    /// The same in low units alone, by a double's addition.
    __device__ long long of_value(float x) const {
        const double shifted = double(x) * (double(scale) * double(parts)) + 6755399441055744.;  // 1.5 * 2^52
        std::int64_t bits;
        std::memcpy(&bits, &shifted, sizeof bits);
        return bits - 0x4338000000000000;
    }
    /// Of a sum in low units.
    __device__ float value(long long sum) const {
        return static_cast<float>(sum) * inverse_parts * inverse_scale;  // powers of two: rounded once
    }

  private:
    __device__ static float power_of_two(int e) { return __uint_as_float(static_cast<unsigned>(e + 127) << 23); }
};

// Arrays of `size` sums of 8 bytes, set to 0 at first. Any thread of the block adds at any time.

__device__ inline void fixed_add(const FixedPoint& fixed, long long* sums, int, int i, double x) {
    if (block_is_one_thread()) {
        sums[i] += fixed.of_value(x);
    } else {
        atomicAdd(reinterpret_cast<unsigned long long*>(sums + i), static_cast<unsigned long long>(fixed.of_value(x)));
    }
}
__device__ inline double fixed_sum(const FixedPoint& fixed, const long long* sums, int, int i) {
    return fixed.value(sums[i]);
}
/// All high limbs, then all low ones. One thread alone adds them as one.
__device__ inline void fixed_add(const FixedLimbs& fixed, long long* sums, int size, int i, float x) {
    if (block_is_one_thread()) {
        sums[i] += fixed.of_value(x);
    } else {
        int *limbs = reinterpret_cast<int*>(sums), high, low;
        fixed.split(x, high, low);
        atomicAdd(limbs + i, high);
        atomicAdd(limbs + size + i, low);
    }
}
__device__ inline float fixed_sum(const FixedLimbs& fixed, const long long* sums, int size, int i) {
    if (block_is_one_thread()) return fixed.value(sums[i]);
    const int* limbs = reinterpret_cast<const int*>(sums);
    return fixed.value(static_cast<long long>(limbs[i]) * fixed.low_units + limbs[size + i]);
}

}  // namespace warpvae

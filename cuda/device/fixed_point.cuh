// Sums that come out the same in any order: each number becomes a 64-bit integer times a power of two. The only file
// with atomics on sums of real numbers.
//
// For at most `count` numbers with |x| <= largest, the scale 2^e is the largest for which largest * count * 2^e stays
// below 2^61. So no sum passes 2^62 even where rounding made the numbers a little larger. Each number loses what is
// below 2^-60 of largest * count: for 784 numbers that is 2^-50 of the largest, better than any order of float
// additions. (It is cut off, not rounded, since CPU compilers vectorise that conversion.) Below 1e-283 the unit stays
// 2^-1000.
#pragma once
#include <cmath>

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

/// *sum += x, by any thread of the block at any time; `alone`: the block has one thread (blockDim.x == 1, asked once
/// outside the loop).
__device__ inline void fixed_add(long long* sum, long long x, bool alone) {
    if (alone) {
        *sum += x;
    } else {
        atomicAdd(reinterpret_cast<unsigned long long*>(sum), static_cast<unsigned long long>(x));
    }
}

}  // namespace warpvae

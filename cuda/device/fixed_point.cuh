// Sums that come out the same in any order: numbers as 64-bit integers times a power of two. The only file with atomics
// on sums of real numbers.
//
// With |x| <= largest and at most `count` of them, the scale 2^e is the largest for which no sum passes 2^62: for 784
// terms, each cut off at 2^-51 of the largest: better than any order of float additions. (Cut, not rounded: CPU
// compilers vectorise that conversion.)
#pragma once
#include <cmath>

#include "cuda/device/loops.cuh"

namespace warpvae {

struct FixedPoint {
    double scale, inverse;
    /// For at most `count` numbers of magnitude `largest`, which must be finite; 0 gives a scale of 1.
    __device__ static FixedPoint of(double largest, double count) {
        int exponent = 0;
        frexp(largest * count, &exponent);
        const int e = 61 - exponent < 1000 ? (61 - exponent > -1000 ? 61 - exponent : -1000) : 1000;
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

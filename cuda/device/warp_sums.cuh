// Several sums over the lanes of a warp at once.
#pragma once
#include "cuda/device/loops.cuh"

namespace warpvae {

namespace detail {
/// Of `count` numbers, a power of two, a lane keeps half and adds what its partner has of them, until it has one sum.
template <int count, int offset, class T>
__device__ inline void halve_sums(T* mine) {
    if constexpr (count > 1) {
        const bool upper = int(threadIdx.x) & offset;
#pragma unroll
        for (int k = 0; k < count / 2; ++k) {
            const T keep = upper ? mine[k + count / 2] : mine[k], give = upper ? mine[k] : mine[k + count / 2];
            mine[k] = keep + __shfl_xor_sync(0xffffffffu, give, offset);
        }
        halve_sums<count / 2, offset / 2>(mine);
    } else {
        for (int rest = offset; rest > 0; rest /= 2) mine[0] += __shfl_xor_sync(0xffffffffu, mine[0], rest);
    }
}
}  // namespace detail

/// to[k] = the sum over the lanes of the warp of values[k], for `count` numbers of each lane: 21 shuffles for 18 sums,
/// where one by one they take 90. All lanes must take part; a barrier makes `to` readable.
template <int count, class T>
__device__ inline void warp_sums(const T* values, T* to) {
    constexpr int numbers = count >= 16 ? 16 : count >= 8 ? 8 : count >= 4 ? 4 : count >= 2 ? 2 : 1;
    T mine[numbers];
#pragma unroll
    for (int k = 0; k < numbers; ++k) mine[k] = values[k];
    if (blockDim.x > 1) {
        constexpr int lanes = 32 / numbers;  // that end with the same sum
        detail::halve_sums<numbers, 16>(mine);
        if (lane_index() % lanes == 0) to[lane_index() / lanes] = mine[0];
    } else {
        for (int k = 0; k < numbers; ++k) to[k] = mine[k];
    }
    if constexpr (count > numbers) warp_sums<count - numbers>(values + numbers, to + numbers);
}

}  // namespace warpvae

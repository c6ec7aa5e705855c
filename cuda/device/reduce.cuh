// Deterministic reductions over a warp and over a block, right for blocks of one thread too. The only file with warp
// intrinsics. The order of additions is a tree fixed by the block size: same launch, same bits.
#pragma once
#include "cuda/device/loops.cuh"

namespace warpvae {

/// The sum over the lanes of the warp, in every lane. All lanes must take part.
template <class T>
__device__ inline T warp_sum(T value) {
    if (blockDim.x == 1) return value;
    for (int offset = 16; offset > 0; offset /= 2) value += __shfl_xor_sync(0xffffffffu, value, offset);
    return value;
}

/// The sum over each `Lanes` neighbours of the warp, a power of two, in every one of them. Blocks of whole warps only.
template <int Lanes, class T>
__device__ inline T warp_group_sum(T value) {
    for (int offset = Lanes / 2; offset > 0; offset /= 2) value += __shfl_xor_sync(0xffffffffu, value, offset);
    return value;
}

/// The largest over the lanes of the warp, in every lane; NaN if any is NaN.
template <class T>
__device__ inline T warp_max(T value) {
    if (blockDim.x == 1) return value;
    for (int offset = 16; offset > 0; offset /= 2) {
        const T other = __shfl_xor_sync(0xffffffffu, value, offset);
        value = (other > value || other != other) ? other : value;
    }
    return value;
}

/// True in every lane if `predicate` is in any.
__device__ inline bool warp_any(bool predicate) {
    if (blockDim.x == 1) return predicate;
    return __ballot_sync(0xffffffffu, predicate) != 0;
}

namespace detail {
template <class T, class Combine>
__device__ inline T block_combine(T value, T* per_warp, Combine combine) {
    // The first barrier lets a caller reduce twice in a row: nobody overwrites what another still reads.
    __syncthreads();
    if (lane_index() == 0) per_warp[warp_index()] = value;
    __syncthreads();
    T total = per_warp[0];
    for (int w = 1; w < warps_per_block(); ++w) total = combine(total, per_warp[w]);
    return total;
}
}  // namespace detail

/// The sum over the block's threads, in every thread. All threads must take part.
template <class T>
__device__ inline T block_sum(T value) {
    __shared__ T per_warp[32];
    if (blockDim.x == 1) return value;
    return detail::block_combine(warp_sum(value), per_warp, [](T a, T b) { return a + b; });
}

/// The largest over the block's threads, in every thread; NaN if any is NaN.
template <class T>
__device__ inline T block_max(T value) {
    __shared__ T per_warp[32];
    if (blockDim.x == 1) return value;
    return detail::block_combine(warp_max(value), per_warp, [](T a, T b) { return (b > a || b != b) ? b : a; });
}

}  // namespace warpvae

// How a kernel's threads share a range. On the GPU neighbouring threads take neighbouring elements (coalesced,
// strided); on the CPU device each thread takes a contiguous chunk, with a step that the compiler knows to be 1.
#pragma once
#ifdef __CUDACC__
#include <cuda_runtime.h>
#else
#include "cuda/device/cpu_device.h"
#endif

#define WARPVAE_PRAGMA_(text) _Pragma(#text)
#ifdef __CUDACC__
#define WARPVAE_SIMD(clauses)
#else
/// Before a loop over a Stride: the CPU compiler may vectorise it, with `reduction(+ : sum)` too. Nothing on a GPU.
#define WARPVAE_SIMD(clauses) WARPVAE_PRAGMA_(omp simd clauses)
#endif

namespace warpvae {

/// A thread's share of 0..n-1: `for (auto i = s.first; i < s.last; i += s.step)`, or simply `for (auto i : s)`.
template <class Index>
struct Stride {
    Index first, last;
#ifdef __CUDACC__
    Index step;
#else
    static constexpr Index step = 1;
#endif
    struct Iterator {
        Index i, step;
        __device__ Index operator*() const { return i; }
        __device__ void operator++() { i += step; }
        __device__ bool operator!=(const Iterator& end) const { return i < end.i; }
    };
    __device__ Iterator begin() const { return {first, step}; }
    __device__ Iterator end() const { return {last, step}; }
};

namespace detail {
/// Share `who` of `count` equal shares of 0..n-1.
template <class Index>
__device__ inline Stride<Index> share(Index n, Index who, Index count) {
#ifdef __CUDACC__
    return {who, n, count};
#else
    const Index each = n / count, extra = n % count;
    const Index first = who * each + (who < extra ? who : extra);
    return {first, first + each + (who < extra ? 1 : 0)};
#endif
}
}  // namespace detail

/// All threads of all blocks along x share 0..n-1.
template <class Index>
__device__ inline Stride<Index> grid_stride(Index n) {
    return detail::share<Index>(n, Index(blockIdx.x) * Index(blockDim.x) + Index(threadIdx.x),
                                Index(gridDim.x) * Index(blockDim.x));
}
/// The threads of one block share 0..n-1.
template <class Index>
__device__ inline Stride<Index> block_stride(Index n) {
    return detail::share<Index>(n, Index(threadIdx.x), Index(blockDim.x));
}

/// Asks for the 128 bytes around `address` to be brought into the L2 cache.
__device__ inline void prefetch_to_l2([[maybe_unused]] const void* address) {
#ifdef __CUDA_ARCH__
    asm volatile("prefetch.global.L2 [%0];" ::"l"(address));
#endif
}

/// True where the block is one thread of the CPU device: nobody else touches its shared memory. A GPU's block of one
/// thread is taken for one of many, so that a kernel is compiled once there.
__device__ inline bool block_is_one_thread() {
#ifdef __CUDACC__
    return false;
#else
    return blockDim.x == 1;
#endif
}

// A block is 1 thread or whole warps (the `any` contract), so these need no partial warps.
__device__ inline int lanes_per_warp() { return blockDim.x < 32u ? int(blockDim.x) : 32; }
__device__ inline int lane_index() { return int(threadIdx.x) % 32; }
__device__ inline int warp_index() { return int(threadIdx.x) / 32; }
__device__ inline int warps_per_block() { return (int(blockDim.x) + 31) / 32; }
/// The lanes of one warp share 0..n-1.
template <class Index>
__device__ inline Stride<Index> warp_stride(Index n) {
    return detail::share<Index>(n, Index(lane_index()), Index(lanes_per_warp()));
}

}  // namespace warpvae

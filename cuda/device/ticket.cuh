// The last block of several: blocks of one launch leave their parts of a result in memory and take a ticket; the one
// that finds all others' taken finishes the result. Nobody waits, and the parts are added in an order of their own, so
// the result does not depend on who is last.
#pragma once
#include <cstdint>

#include "cuda/device/loops.cuh"

namespace warpvae {

/// Whether this block is the last of `blocks` to call this with the same counter, which is 0 before and, once all have
/// called, after. What the others wrote before they called can then be read, by read_of_other_block. For whole blocks.
__device__ inline bool is_last_block(unsigned int* arrived, unsigned int blocks) {
    __shared__ bool is_last;
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) {
        is_last = atomicAdd(arrived, 1u) == blocks - 1;
        if (is_last) *arrived = 0;
    }
    __syncthreads();
    if (is_last) __threadfence();
    return is_last;
}

/// A number that another block of this launch wrote: not from a cache that may be older.
__device__ inline float read_of_other_block(const float* from) {
#ifdef __CUDACC__
    return __ldcg(from);
#else
    return *from;
#endif
}

/// Four of them.
__device__ inline void read_quad_of_other_block(float (&to)[4], const float* from) {
#ifdef __CUDACC__
    if (reinterpret_cast<std::uintptr_t>(from) % 16 == 0) {
        const float4 quad = __ldcg(reinterpret_cast<const float4*>(from));
        to[0] = quad.x, to[1] = quad.y, to[2] = quad.z, to[3] = quad.w;
        return;
    }
#endif
    for (int i = 0; i < 4; ++i) to[i] = read_of_other_block(from + i);
}

}  // namespace warpvae

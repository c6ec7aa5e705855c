// The shared memory that a launch asks for. CUDA's `extern __shared__` has no counterpart on the CPU device: a block
// gets fresh bytes there.
#pragma once
#include "cuda/device/loops.cuh"

namespace warpvae {

/// The block's dynamic shared memory, 16-byte aligned.
template <class T>
__device__ inline T* dynamic_shared() {
#ifdef __CUDACC__
    extern __shared__ uint4 dynamic_shared_storage[];
    return reinterpret_cast<T*>(dynamic_shared_storage);
#else
    return static_cast<T*>(cpu::dynamic_shared_bytes());
#endif
}

}  // namespace warpvae

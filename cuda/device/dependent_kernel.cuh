// What a kernel says of the launches around it, where they may overlap (dependent_launch.cuh). Elsewhere: nothing.
#pragma once
#include "cuda/device/loops.cuh"

namespace warpvae {

/// Returns once the launch before this one is done and all that it wrote can be read.
__device__ inline void wait_for_previous_launch() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}
/// The next launch may begin once every block has said so or ended. After wait_for_previous_launch.
__device__ inline void let_next_launch_begin() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

}  // namespace warpvae

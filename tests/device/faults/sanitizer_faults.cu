// Kernels with one fault each, for the sanitizers to find, and their right twins, which they must pass:
//   sanitizer_faults FAULT wrong|right
// tests/device/faults.sh runs them and looks for the lines marked "found here" in the reports.
#include <cstdio>
#include <cstring>

#include "cuda/device/buffer.h"
#include "cuda/device/launch.cuh"
#include "cuda/device/loops.cuh"
#include "cuda/device/reduce.cuh"
#include "cuda/device/shared.cuh"

namespace warpvae {

constexpr int kThreads = 64;

/// Through a pointer only the red zones can tell. A template with external linkage, as most kernels are: the linker
/// merges its shared array over the files that use it, which must not cost it its red zones.
template <class T>
__global__ void pointer_overrun_kernel(T* out, int length) {
    __shared__ T shared[64];
    T* pointer = shared;
    asm volatile("" : "+r"(pointer));
    for (int i : block_stride(length)) pointer[i] = T(i);  // pointer-overrun: found here
    __syncthreads();
    out[threadIdx.x] = shared[kThreads - 1 - threadIdx.x];
}

namespace {

__global__ void static_overrun_kernel(float* out, int length) {
    __shared__ float shared[64];
    shared[threadIdx.x] = float(threadIdx.x);
    __syncthreads();
    if (threadIdx.x == 0) shared[length] = 1.f;  // static-overrun: found here
    __syncthreads();
    out[threadIdx.x] = shared[kThreads - 1 - threadIdx.x];
}

__global__ void dynamic_overrun_kernel(float* out, int length) {
    float* shared = dynamic_shared<float>();
    for (int i : block_stride(length)) shared[i] = 1.f;  // dynamic-overrun: found here
    __syncthreads();
    out[threadIdx.x] = shared[threadIdx.x];
}

__global__ void global_overrun_kernel(float* out, int length) {
    for (int i : grid_stride(length)) out[i] = 1.f;  // global-overrun: found here
}

template <bool wrong>
__global__ void missing_barrier_kernel(float* out) {
    __shared__ float shared[kThreads];
    shared[threadIdx.x] = float(threadIdx.x);  // missing-barrier: found here
    if (!wrong) __syncthreads();
    out[threadIdx.x] = shared[kThreads - 1 - threadIdx.x];  // missing-barrier: found here
}

/// Lanes that leave a barrier one after another: what the first does next is not yet ordered for the last.
template <bool wrong>
__global__ void missing_second_barrier_kernel(float* out) {
    __shared__ float shared[kThreads];
    shared[threadIdx.x] = float(threadIdx.x);
    __syncthreads();
    const float other = shared[kThreads - 1 - threadIdx.x];  // missing-second-barrier: found here
    if (!wrong) __syncthreads();
    shared[threadIdx.x] = other + 1.f;  // missing-second-barrier: found here
    __syncthreads();
    out[threadIdx.x] = shared[threadIdx.x];
}

/// A warp operation orders its own warp only: the other warp still needs the block's barrier.
template <bool wrong>
__global__ void missing_block_barrier_kernel(float* out) {
    __shared__ float per_warp[2];
    const float sum = warp_sum(float(threadIdx.x));
    if (lane_index() == 0) per_warp[warp_index()] = sum;  // missing-block-barrier: found here
    if (wrong)
        __syncwarp();
    else
        __syncthreads();
    out[threadIdx.x] = per_warp[0] + per_warp[1];  // missing-block-barrier: found here
}

template <bool wrong>
__global__ void missing_warp_barrier_kernel(float* out) {
    __shared__ float shared[kThreads];
    shared[threadIdx.x] = float(threadIdx.x);  // missing-warp-barrier: found here
    if (!wrong) __syncwarp();
    out[threadIdx.x] = shared[threadIdx.x ^ 1];  // missing-warp-barrier: found here
}

/// The blocks of a launch use one shared array in turn here: a build for the sanitizers must order them.
__global__ void many_blocks_kernel(float* out) {
    __shared__ float shared[kThreads];
    shared[kThreads - 1 - threadIdx.x] = float(blockIdx.x);
    __syncthreads();
    out[blockIdx.x * blockDim.x + threadIdx.x] = shared[threadIdx.x];
}

int run(const char* fault, bool wrong) {
    DeviceBuffer<float> out(8 * kThreads);
    const LaunchConfig block = for_blocks(1, 1, Block::fixed(kThreads));
    const LaunchConfig shared = for_blocks(1, 1, Block::fixed(kThreads), kThreads * sizeof(float));
    const auto is = [fault](const char* name) { return std::strcmp(fault, name) == 0; };
    if (is("static-overrun"))
        check(launch(static_overrun_kernel, block, nullptr, out.data(), wrong ? kThreads : kThreads - 1));
    else if (is("pointer-overrun"))
        check(launch(pointer_overrun_kernel<float>, block, nullptr, out.data(), kThreads + wrong));
    else if (is("dynamic-overrun"))
        check(launch(dynamic_overrun_kernel, shared, nullptr, out.data(), wrong ? kThreads + 1 : kThreads));
    else if (is("dynamic-overrun-of-one-thread"))
        check(launch(dynamic_overrun_kernel, for_blocks(1, 1, Block::any(), 12), nullptr, out.data(), wrong ? 4 : 3));
    else if (is("global-overrun"))
        check(launch(global_overrun_kernel, for_elements(8 * kThreads), nullptr, out.data(), 8 * kThreads + wrong));
    else if (is("missing-barrier"))
        check(launch(wrong ? missing_barrier_kernel<true> : missing_barrier_kernel<false>, block, nullptr, out.data()));
    else if (is("missing-second-barrier"))
        check(launch(wrong ? missing_second_barrier_kernel<true> : missing_second_barrier_kernel<false>, block, nullptr,
                     out.data()));
    else if (is("missing-block-barrier"))
        check(launch(wrong ? missing_block_barrier_kernel<true> : missing_block_barrier_kernel<false>, block, nullptr,
                     out.data()));
    else if (is("missing-warp-barrier"))
        check(launch(wrong ? missing_warp_barrier_kernel<true> : missing_warp_barrier_kernel<false>, block, nullptr,
                     out.data()));
    else if (is("many-blocks"))
        check(launch(many_blocks_kernel, for_blocks(8, 1, Block::fixed(kThreads)), nullptr, out.data()));
    else
        return 2;
    const std::vector<float> got = out.download();
    std::printf("%g\n", static_cast<double>(got[0]));
    return 0;
}

}  // namespace
}  // namespace warpvae

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    return warpvae::run(argv[1], std::strcmp(argv[2], "wrong") == 0);
}

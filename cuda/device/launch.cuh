// Launching a kernel, the same line on both devices: `return launch(kernel, for_elements(n), stream, args...)`.
// The only file with <<<>>>. Nobody writes a grid size by hand.
#pragma once
#include <tuple>
#include <type_traits>
#include <utility>

#include "cuda/device/device.h"
#include "cuda/device/launch_options.h"
#ifdef __CUDACC__
#include <cuda_runtime.h>
#else
#include "cuda/device/cpu_device.h"
#endif

namespace warpvae {

/// A kernel's block contract. `any`: right for 1 thread or any multiple of 32. `fixed`: this many, no other.
struct Block {
    int threads;
    bool is_any;
    static constexpr Block any(int threads = 256) { return {threads, true}; }
    static constexpr Block fixed(int threads) { return {threads, false}; }
};

struct LaunchConfig {
    dim3 grid{1, 1, 1};
    Block block = Block::any();
    std::size_t shared_bytes = 0;
    bool is_possible = true;   ///< else the launch is refused: a size was negative, or is more than a GPU takes
    std::size_t elements = 0;  ///< if not 0, grid.x is chosen to cover so many elements with grid_stride()
};

constexpr std::size_t kMostBlocks = 0x7fffffff, kMostElements = std::size_t{1} << 46;

/// One pass over `elements` by grid_stride(), for each of `replicas` (blockIdx.y).
inline LaunchConfig for_elements(std::size_t elements, int replicas = 1, Block block = Block::any()) {
    LaunchConfig config;
    config.is_possible = elements <= kMostElements && replicas >= 0;
    config.grid = dim3(elements ? 1u : 0u, static_cast<unsigned>(replicas), 1);
    config.block = block;
    config.elements = elements;
    return config;
}
/// `blocks` blocks (blockIdx.x) for each of `replicas` (blockIdx.y).
inline LaunchConfig for_blocks(std::size_t blocks, int replicas = 1, Block block = Block::any(),
                               std::size_t shared_bytes = 0) {
    LaunchConfig config;
    config.is_possible = blocks <= kMostBlocks && replicas >= 0;
    config.grid = dim3(static_cast<unsigned>(blocks), static_cast<unsigned>(replicas), 1);
    config.block = block;
    config.shared_bytes = shared_bytes;
    return config;
}

namespace detail {
/// Threads per block in force for `block`: one on the CPU device unless lanes are on, or the contract is fixed.
inline int threads_of(Block block) {
    const LaunchOptions& options = launch_options();
    if (!block.is_any) return block.threads;
#ifndef __CUDACC__
    if (options.cpu_blocks == CpuBlocks::kOneThread) return 1;
#endif
    return options.any_threads ? options.any_threads : block.threads;
}
/// Enough blocks for `elements`: on a GPU some 16 per multiprocessor at most; on the CPU device so many that a block is
/// long enough to vectorise and short enough to share. It depends on the number of elements alone, so results never
/// depend on the number of cores.
inline unsigned blocks_for(std::size_t elements, int threads) {
#ifndef __CUDACC__
    if (threads == 1) return static_cast<unsigned>((elements + 16383) / 16384);
#endif
    const std::size_t blocks = (elements + threads - 1) / threads;
    return static_cast<unsigned>(blocks < 2112 ? blocks : 2112);
}
}  // namespace detail

#ifdef __CUDACC__

namespace detail {
/// Lets a kernel have so many bytes of dynamic shared memory. Unasked it has 48 KB less its own arrays, which are taken
/// to be 16 KB at most.
template <class... P>
cudaError_t allow_shared_bytes(void (*kernel)(P...), std::size_t bytes) {
    if (bytes <= 32 * 1024) return cudaSuccess;
    return cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, int(bytes));
}
}  // namespace detail

template <class... P, class... A>
Status launch(void (*kernel)(P...), LaunchConfig config, Stream stream, A&&... args) {
    if (!config.is_possible) return {kInvalidValue};
    const int threads = detail::threads_of(config.block);
    if (config.elements) config.grid.x = detail::blocks_for(config.elements, threads);
    if (!config.grid.x || !config.grid.y || !config.grid.z) return {};
    const cudaError_t raised = detail::allow_shared_bytes(kernel, config.shared_bytes);
    if (raised != cudaSuccess) return {raised};
    kernel<<<config.grid, threads, config.shared_bytes, stream>>>(static_cast<P>(std::forward<A>(args))...);
    cudaError_t error = cudaGetLastError();
    if (error == cudaSuccess && device_is_synchronous()) error = cudaStreamSynchronize(stream);
    return {error};
}

#else

namespace cpu {
/// Runs every block of the grid: `call(context)` is one thread's execution of the kernel.
Status run_grid(dim3 grid, int threads, std::size_t shared_bytes, void (*call)(void*), void* context);
}  // namespace cpu

template <class... P, class... A>
Status launch(void (*kernel)(P...), LaunchConfig config, Stream, A&&... args) {
    if (!config.is_possible) return {kInvalidValue};
    const int threads = detail::threads_of(config.block);
    if (config.elements) config.grid.x = detail::blocks_for(config.elements, threads);
    if (!config.grid.x || !config.grid.y || !config.grid.z) return {};
    auto run = [kernel, bound = std::tuple<P...>(static_cast<P>(std::forward<A>(args))...)]() mutable {
        std::apply(kernel, bound);
    };
    return cpu::run_grid(
        config.grid, threads, config.shared_bytes, [](void* context) { (*static_cast<decltype(run)*>(context))(); },
        &run);
}

#endif

}  // namespace warpvae

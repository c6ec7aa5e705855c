// How launches run, for tests and checks: block sizes of `any` kernels and, on the CPU device, the way of running a
// block.
#pragma once
#include <cstddef>

namespace warpvae {

enum class CpuBlocks { kOneThread, kLanesForward, kLanesReverse, kLanesShuffle };
/// Tiles of the fused dense layers: 16 x 32, 32 x 64 or 64 x 64 outputs; by default as the product's size suggests.
enum class DenseTileSize { kBySize, kSmall, kMedium, kLarge };

struct LaunchOptions {
    /// Threads per block of kernels whose contract is `any`; 0 leaves each launcher's own choice.
    /// Set from $WARPVAE_THREADS; must be a multiple of 32 (or 1).
    int any_threads = 0;
    /// CPU device only. Set from $WARPVAE_CPU = blocks | lanes | lanes-reverse | lanes-shuffle.
    CpuBlocks cpu_blocks = CpuBlocks::kOneThread;
    /// Seed of the shuffled order, from $WARPVAE_LANES_SEED.
    unsigned lanes_seed = 1;
    /// CPU device only: device memory is unreadable outside kernels and copies, so that a host dereference of a device
    /// pointer stops with its address, as it would on a GPU. On with any of the lanes modes, or $WARPVAE_PROTECT=1
    /// (read when the first buffer is allocated).
    bool protect_memory = false;
    /// If not 0, what device_shared_bytes() says: a kernel that can do with less must.
    std::size_t shared_bytes = 0;
    /// A GPU only: fused dense layers begin before the launch ahead of them has ended (dependent_launch.cuh). Off with
    /// $WARPVAE_DEPENDENT_LAUNCHES=0, to measure what it gives.
    bool dependent_launches = true;
    /// All tiles give the same bits.
    DenseTileSize dense_tile = DenseTileSize::kBySize;
    /// CPU device only: dense layers run the GPU's fused kernels, as lanes, instead of a library's product. Set from
    /// $WARPVAE_FUSED=1.
    bool fused_dense = false;
};

/// The options in force; a test may change them between launches.
LaunchOptions& launch_options();

}  // namespace warpvae

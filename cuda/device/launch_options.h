// How launches run, for tests and checks: block sizes of `any` kernels and, on the CPU device, the way of running a
// block.
#pragma once

namespace warpvae {

enum class CpuBlocks { kOneThread, kLanesForward, kLanesReverse, kLanesShuffle };

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
};

/// The options in force; a test may change them between launches.
LaunchOptions& launch_options();

}  // namespace warpvae

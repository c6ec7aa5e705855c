// Running a block as lanes: one fiber for each thread of the block. See cpu_lanes.cpp.
#pragma once
#include <cstddef>

#include "cuda/device/device.h"

namespace warpvae::cpu {

/// Status code of a launch that the lanes found at fault; lanes_error() then says what, in which block and thread,
/// where.
inline constexpr int kLanesError = 719;
const char* lanes_error();

/// Runs the current block (blockIdx is set) with `threads` lanes in the order of launch_options(); `call(context)` is
/// one thread's execution of the kernel.
Status run_block_as_lanes(int threads, std::size_t shared_bytes, void (*call)(void*), void* context);

/// The running block's dynamic shared memory.
void* lanes_dynamic_shared();

}  // namespace warpvae::cpu

#include "cuda/device/cpu_lanes.h"
#include "cuda/device/cpu_device.h"
namespace warpvae::cpu {
__thread struct Lanes* lanes = nullptr;
const char* lanes_error() { return "lanes are not there"; }
Status run_block_as_lanes(int, std::size_t, void (*)(void*), void*) { return {kLanesError}; }
void* lanes_dynamic_shared() { return nullptr; }
void lanes_barrier(const char*, int) {}
int lanes_barrier_count(int p, const char*, int) { return p; }
std::uint64_t lanes_warp(WarpOp, unsigned, std::uint64_t v, int, int, const char*, int) { return v; }
}

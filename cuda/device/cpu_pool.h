// Work shared over the CPU device's cores, for code that is no kernel: the tiles of a matrix product.
#pragma once
#include <cstddef>

namespace warpvae::cpu {

/// Calls task(context, i) for i in 0..count-1, `grain` at a time, over the pool; returns when all are done.
void parallel_for(std::size_t count, std::size_t grain, void (*task)(void*, std::size_t), void* context);

template <class F>
void parallel_for(std::size_t count, F&& body) {
    parallel_for(
        count, 1, [](void* f, std::size_t i) { (*static_cast<F*>(f))(i); }, &body);
}

/// While one is alive device memory may be touched: kernels, copies and library calls hold one (see
/// LaunchOptions::protect_memory).
struct DeviceAccess {
    DeviceAccess();
    ~DeviceAccess();
    DeviceAccess(const DeviceAccess&) = delete;
    DeviceAccess& operator=(const DeviceAccess&) = delete;
};

}  // namespace warpvae::cpu

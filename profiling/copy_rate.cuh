// What the device's memory gives: the floor that benchmarks hold operations against, which move bytes and do little
// else.
#pragma once
#include <algorithm>

#include "cuda/device/buffer.h"
#include "cuda/device/launch.cuh"
#include "cuda/device/loops.cuh"
#include "profiling/stopwatch.h"

namespace warpvae {

template <class T>
__global__ void copy_kernel(T* to, const T* from, std::size_t n) {
    const auto elements = grid_stride(n);
    WARPVAE_SIMD()
    for (std::size_t i = elements.first; i < elements.last; i += elements.step) to[i] = from[i];
}

/// Copies an array of n floats to another, by a kernel of 16 bytes a thread and by the device's own copy.
class CopyRate {
  public:
    explicit CopyRate(std::size_t n) : from_((n + 3) / 4 * 4), to_(from_.size()) {
        from_.zero();
        to_.zero();
        bytes_per_microsecond();  // warm
    }
    /// Read and written, by the faster of the two, once each.
    double bytes_per_microsecond() const {
        const double kernel = microseconds(nullptr, [&] { check(by_kernel()); });
        const double device = microseconds(nullptr, [&] { check(by_device()); });
        return 8. * double(from_.size()) / std::min(kernel, device);
    }
    /// The same of many copies in a row: for arrays that are copied in less time than a launch takes.
    double sustained() const {
        const double kernel = time_call(nullptr, [&] { check(by_kernel()); }).median;
        const double device = time_call(nullptr, [&] { check(by_device()); }).median;
        return 8. * double(from_.size()) / std::min(kernel, device);
    }

  private:
    Status by_kernel() const {
        return launch(copy_kernel<float4>, for_elements(from_.size() / 4), nullptr,
                      reinterpret_cast<float4*>(to_.data()), reinterpret_cast<const float4*>(from_.data()),
                      from_.size() / 4);
    }
    Status by_device() const { return copy_on_device(to_.data(), from_.data(), from_.size() * sizeof(float)); }
    DeviceBuffer<float> from_;
    mutable DeviceBuffer<float> to_;
};

}  // namespace warpvae

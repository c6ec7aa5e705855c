// The labelled images of R replicas by class, on the device: the ClassIndex of gather_complements and
// gather_labelled.
#pragma once
#include <cstdint>
#include <vector>

#include "cuda/device/buffer.h"
#include "cuda/ops.h"

namespace warpvae {

class ClassSets {
  public:
    /// labels[r]: replica r's labels, one byte an image, equally many for all replicas. Each class needs two images at
    /// least, so that every image has another of its class. Throws std::invalid_argument.
    ClassSets(const std::vector<const std::vector<std::uint8_t>*>& labels, int classes);

    /// Valid while this lives.
    ClassIndex index() const { return {members_.data(), starts_.data(), ranks_.data(), count_, classes_}; }
    /// Images of the smallest class of any replica: m of gather_complements is at most one less.
    int smallest() const { return smallest_; }

  private:
    std::size_t count_;
    int classes_, smallest_;
    DeviceBuffer<std::uint32_t> members_, starts_, ranks_;
};

}  // namespace warpvae

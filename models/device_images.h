// Image sets on the device as bytes. Each replica reads one of the sets; several may read the same.
#pragma once
#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "cuda/device/buffer.h"

namespace warpvae {

class DeviceImages {
  public:
    DeviceImages() = default;
    /// `sets` hold equally many images of `pixels` bytes; replica r reads sets[which[r]].
    DeviceImages(const std::vector<const std::vector<std::uint8_t>*>& sets, const std::vector<int>& which, int pixels) {
        for (const auto* set : sets) {
            if (set->size() != sets[0]->size()) throw std::invalid_argument("replicas need training sets of one size");
            storage_.emplace_back(*set, "images");
        }
        std::vector<const std::uint8_t*> table;
        for (int set : which) table.push_back(storage_.at(set).data());
        table_ = DeviceBuffer<const std::uint8_t*>(table, "image table");
        count_ = sets[0]->size() / pixels;
    }
    /// Replica r reads *sets[r], of `pixels` bytes an image. A set that several read is stored once.
    static DeviceImages of_replicas(const std::vector<const std::vector<std::uint8_t>*>& sets, int pixels) {
        std::vector<const std::vector<std::uint8_t>*> distinct;
        std::vector<int> which;
        for (const auto* set : sets) {
            const auto found = std::find(distinct.begin(), distinct.end(), set);
            which.push_back(int(found - distinct.begin()));
            if (found == distinct.end()) distinct.push_back(set);
        }
        return DeviceImages(distinct, which, pixels);
    }
    /// Device [R]: each replica's images.
    const std::uint8_t* const* table() const { return table_.data(); }
    std::size_t count() const { return count_; }

  private:
    std::vector<DeviceBuffer<std::uint8_t>> storage_;
    DeviceBuffer<const std::uint8_t*> table_;
    std::size_t count_ = 0;
};

}  // namespace warpvae

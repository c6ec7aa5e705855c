#include "data/binarise.h"

#include "cuda/device/buffer.h"
#include "cuda/ops/random.h"

namespace warpvae {

std::vector<std::uint8_t> binarised(const std::vector<std::uint8_t>& grey, std::uint64_t seed, std::uint64_t set) {
    std::vector<std::uint8_t> out(grey.size());
    constexpr std::size_t kAtOnce = 1 << 22;  // numbers on the device
    DeviceBuffer<float> draws(grey.size() < kAtOnce ? grey.size() : kAtOnce, "binarisation");
    for (std::size_t first = 0, part = 0; first < grey.size(); first += kAtOnce, ++part) {
        const std::size_t n = grey.size() - first < kAtOnce ? grey.size() - first : kAtOnce;
        check(philox_uniform<float>(draws.data(), n, 0, 255, seed, Purpose::kBinarise, set + (part << 8), nullptr));
        const std::vector<float> u = draws.download();
        for (std::size_t i = 0; i < n; ++i) out[first + i] = u[i] < float(grey[first + i]) ? 255 : 0;
    }
    return out;
}

}  // namespace warpvae

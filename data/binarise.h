// Black and white images from grey ones: a pixel is ink with the probability of its grey level (Salakhutdinov and
// Murray 2008), drawn once.
#pragma once
#include <cstdint>
#include <vector>

namespace warpvae {

/// Bytes 0 and 255 from bytes; pixel i by draw i of (seed, Purpose::kBinarise, set). The same on every device.
std::vector<std::uint8_t> binarised(const std::vector<std::uint8_t>& grey, std::uint64_t seed, std::uint64_t set);

}  // namespace warpvae

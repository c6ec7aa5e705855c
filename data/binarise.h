// Black and white images from grey ones (Salakhutdinov and Murray 2008): each pixel becomes white with a probability
// equal to its grey level. This is drawn once, before training.
#pragma once
#include <cstdint>
#include <vector>

namespace warpvae {

/// Bytes that are 0 or 255. Pixel i is decided by random number i of (seed, Purpose::kBinarise, set), so the result is
/// the same on every device.
std::vector<std::uint8_t> binarised(const std::vector<std::uint8_t>& grey, std::uint64_t seed, std::uint64_t set);

}  // namespace warpvae

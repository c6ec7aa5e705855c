// Pictures as PNG, in memory and on disk: the one door to stb_image_write.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

namespace warpvae {

/// PNG bytes of `pixels`, [height, width, channels] row by row from the top, 8 bits a channel; channels is 1 (grey),
/// 2 (grey, alpha), 3 (RGB) or 4 (RGBA). Throws Error on an empty or oversized picture.
std::string encode_png(int width, int height, int channels, const std::uint8_t* pixels);

/// The same, written whole to `path`. Throws Error naming the file.
void write_png(const std::filesystem::path& path, int width, int height, int channels, const std::uint8_t* pixels);

}  // namespace warpvae

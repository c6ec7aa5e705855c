// Pictures as PNG, in memory and on disk: read by libpng, written by stb_image_write, whose one door this is.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "data/picture.h"

namespace warpvae {

/// PNG bytes of `pixels`, [height, width, channels] row by row from the top, 8 bits a channel; channels is 1 (grey),
/// 2 (grey, alpha), 3 (RGB) or 4 (RGBA). Throws Error on an empty or oversized picture.
std::string encode_png(int width, int height, int channels, const std::uint8_t* pixels);

/// The same, written whole to `path`. Throws Error naming the file.
void write_png(const std::filesystem::path& path, int width, int height, int channels, const std::uint8_t* pixels);

bool is_png(std::string_view bytes);
/// The picture in `bytes`: any PNG that is not animated, of 16 bits the upper 8, a palette's colours (grey, where the
/// picture shows only greys of it), turned as its EXIF says. Throws Error naming `name` if a chunk is cut off or
/// damaged (its checksum is wrong), a pixel is of no colour of the palette, or there are more than kMostPicturePixels.
Picture decode_png(std::string_view bytes, const std::string& name);
/// The same from a file.
Picture read_png(const std::filesystem::path& path);

}  // namespace warpvae

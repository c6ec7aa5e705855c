// Pictures as PNG, in memory and on disk: the one door to stb_image and stb_image_write.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace warpvae {

/// PNG bytes of `pixels`, [height, width, channels] row by row from the top, 8 bits a channel; channels is 1 (grey),
/// 2 (grey, alpha), 3 (RGB) or 4 (RGBA). Throws Error on an empty or oversized picture.
std::string encode_png(int width, int height, int channels, const std::uint8_t* pixels);

/// The same, written whole to `path`. Throws Error naming the file.
void write_png(const std::filesystem::path& path, int width, int height, int channels, const std::uint8_t* pixels);

struct GreyPicture {
    int height = 0, width = 0;
    std::vector<std::uint8_t> pixels;  ///< [height, width], row by row from the top
};
inline constexpr std::int64_t kMostPictureBytes = std::int64_t{512} << 20;  ///< of a file
inline constexpr std::int64_t kMostPicturePixels = std::int64_t{64} << 20;  ///< of what it holds

bool is_png(std::string_view bytes);
/// The picture in `bytes`: any PNG, colour as its luminance, what is transparent on white paper, 16 bits as 8. Throws
/// Error naming `name` if a chunk is cut off or damaged (its checksum is wrong), a pixel is of no colour of the
/// palette, or there are more than kMostPicturePixels.
GreyPicture decode_png(std::string_view bytes, const std::string& name);
/// The same from a file.
GreyPicture read_png(const std::filesystem::path& path);

}  // namespace warpvae

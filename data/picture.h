// A picture as its file holds it, before anything is made of it, and the files that are read: PNG, JPEG, PGM and PPM.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace warpvae {

struct Picture {
    int height = 0, width = 0;
    int channels = 1;                  ///< 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha
    std::vector<std::uint8_t> pixels;  ///< [height, width, channels], row by row from the top

    bool has_alpha() const { return channels == 2 || channels == 4; }
    bool is_grey() const { return channels <= 2; }
};
inline constexpr std::int64_t kMostPictureBytes = std::int64_t{512} << 20;  ///< of a file
inline constexpr std::int64_t kMostPicturePixels = std::int64_t{64} << 20;  ///< of what it holds

/// The picture in the bytes of a file, of a kind that its beginning tells. Throws Error naming `name` if it is of no
/// kind that is read, damaged, cut off, animated, of CMYK, or too large.
Picture decode_picture(std::string_view bytes, const std::string& name);

/// Whether a file of this name is a picture: by its ending, .png, .jpg, .jpeg, .pgm, .ppm or .pnm, in any case.
bool has_picture_name(const std::filesystem::path& path);
/// Whether its ending is of a kind of picture that is not read: .gif, .tif, .webp ...
bool has_other_picture_name(const std::filesystem::path& path);

}  // namespace warpvae

// Pictures of a user's own, made into what the models were trained on: grey images of one size, ink 1 on paper 0.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace warpvae {

struct UserImage {
    std::string name;                  ///< of the file without its ending, with the number in it where it holds several
    std::string note;                  ///< what was done to it, for the user; empty: nothing
    bool inverted = false;             ///< it was dark on light
    std::vector<std::uint8_t> pixels;  ///< [height, width]
};

/// All images of PNG files (see decode_png) and of IDX files of images (plain or gzipped), in order, each `height` x
/// `width`:
///   * another size is averaged down or interpolated up, its shape kept, and centred on the median of its border;
///   * where the border is light (mean above one half) black and white change places.
/// Names are made different from each other. Throws Error with one line naming the file that is missing, empty,
/// damaged, of neither kind, or holds no pixels or more than 64 megapixels.
std::vector<UserImage> read_user_images(const std::vector<std::filesystem::path>& paths, int height, int width);
/// Their pixels, one image after the other.
std::vector<std::uint8_t> bytes_of(const std::vector<UserImage>& images);

}  // namespace warpvae

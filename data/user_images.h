// Pictures of a user's own, made into what the models were trained on.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/image_preparation.h"

namespace warpvae {

struct UserImage {
    std::string name;                  ///< of the file without its ending, with the number in it where it holds several
    std::string note;                  ///< what was done to it, for the user; empty: nothing
    bool inverted = false;             ///< black and white changed places
    std::vector<std::uint8_t> pixels;  ///< [height, width, channels]
};

/// All images of picture files (see picture.h) and of IDX files of images (plain or gzipped), in order, prepared
/// as `how` says: as a data set's images were, by DataSet::preparation. Names are made different from each other.
/// Throws Error with one line naming the file that is missing, empty, damaged, of no such kind, holds no pixels or more
/// than 64 megapixels, or does not fit.
std::vector<UserImage> read_user_images(const std::vector<std::filesystem::path>& paths, const ImagePreparation& how);
/// Their pixels, one image after the other.
std::vector<std::uint8_t> bytes_of(const std::vector<UserImage>& images);

}  // namespace warpvae

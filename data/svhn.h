// The street view house numbers (Netzer et al. 2011), format 2: digits cropped to 32 x 32 in colour, in MATLAB files
// with X [32, 32, 3, N] and y [N, 1], label 10 for the digit 0.
#pragma once
#include <filesystem>

#include "data/set_files.h"

namespace warpvae {

/// The images of train_32x32.mat, test_32x32.mat or extra_32x32.mat as [N, 32, 32, 3], labels 0..9. Throws Error with
/// one line that names the file and what is wrong with it.
ImageSet read_svhn(const std::filesystem::path& path);
/// The same for the registry: the file has to be the published one.
ImageSet read_svhn_part(const std::vector<FoundFile>& files, const ImageSetShape& shape, std::size_t at_most);

}  // namespace warpvae

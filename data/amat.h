// The text format of the original rotated MNIST (Larochelle et al. 2007): one image a line, 784 grey values in [0, 1]
// stored column by column, then the label.
#pragma once
#include <filesystem>

#include "data/idx.h"

namespace warpvae {

/// Reads the first `at_most` images (0: all) of `height` x `width`. Throws Error naming file and line.
ImageSet read_amat(const std::filesystem::path& path, int height, int width, std::size_t at_most = 0);

}  // namespace warpvae

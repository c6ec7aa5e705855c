// The text format of the original rotated MNIST (Larochelle et al. 2007): one image a line, 784 grey values in [0, 1]
// stored column by column, then the label.
//
// Most readers take rows (np.loadtxt, then reshape(28, 28)) and so train on mirror images: under a rotation one hardly
// sees it. Seen it can be in demo/visualizing_activations.ipynb of github.com/david-knigge/
// separable-group-convolutional-networks, which draws an image of the test file by rows. It looks like a 2; but of all
// 70,000 MNIST digits in 360 rotations none is near it (cosine 0.81), and its transpose is training digit 30448, a 5,
// turned by 207 degrees (0.98; the next digit 0.89).
#pragma once
#include <filesystem>

#include "data/idx.h"

namespace warpvae {

/// Reads the first `at_most` images (0: all) of `height` x `width`. Throws Error naming file and line.
ImageSet read_amat(const std::filesystem::path& path, int height, int width, std::size_t at_most = 0);

}  // namespace warpvae

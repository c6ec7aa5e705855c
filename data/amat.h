// The text format of the original rotated MNIST (Larochelle et al. 2007): one image a line, 784 grey values in [0, 1]
// stored column by column, then the label.
//
// Most programs read the values row by row (np.loadtxt, then reshape(28, 28)). Their images are transposed, and they
// train on mirrored digits. In turned digits this is hard to see, but it can be shown. The notebook
// demo/visualizing_activations.ipynb of github.com/david-knigge/separable-group-convolutional-networks draws one image
// of the test file row by row. It looks like a 2, but none of the 70,000 digits of MNIST, turned by any of 360 angles,
// is like it (cosine 0.81 at most). Its transpose is training digit 30448, a 5, turned by 207 degrees (cosine 0.98; the
// next best digit has 0.89).
#pragma once
#include <filesystem>

#include "data/idx.h"

namespace warpvae {

/// Reads the first `at_most` images (0: all) of `height` x `width`. Throws Error naming file and line.
ImageSet read_amat(const std::filesystem::path& path, int height, int width, std::size_t at_most = 0);

}  // namespace warpvae

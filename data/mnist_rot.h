// `mnist-rot`, MNIST with every digit turned by its own angle, uniform over the circle: the original files of
// Larochelle et al. 2007, or made here from MNIST.
#pragma once
#include <cstddef>
#include <vector>

#include "data/registry.h"

namespace warpvae {

/// The reader of an original .amat file (amat.h).
ImageSet read_mnist_rot_part(const std::vector<FoundFile>& files, const ImageSetShape& shape, std::size_t at_most);
ImageSet make_mnist_rot_part(const MakeRequest& request);

}  // namespace warpvae

// Per-pixel standardisation, as Feige 2019 prepares SVHN: "each pixel has zero mean and unit standard deviation over
// the entire dataset".
#pragma once
#include <vector>

#include "data/idx.h"

namespace warpvae {

/// For PixelScale (cuda/ops/minibatch.h): (byte / 255 - mean) * scale. [D], D = height * width * channels.
struct Standardisation {
    std::vector<float> mean, scale;
};

/// Mean and 1 / standard deviation (over N, not N - 1) of byte / 255 for each pixel and channel of `train`. Where all
/// images have the same value the scale is 1: no scale brings them to unit deviation, they become 0, and another
/// image's value there stays a plain, finite difference. Throws Error if there are no images.
Standardisation standardise(const ImageSet& train);

}  // namespace warpvae

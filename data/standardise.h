// Per-pixel standardisation, as Feige 2019 prepares SVHN: "each pixel has zero mean and unit standard deviation over
// the entire dataset".
#pragma once
#include <vector>

#include "data/idx.h"

namespace warpvae {

/// A byte becomes (byte / 255 - mean) * scale; each has D = height * width * channels numbers (for PixelScale in
/// cuda/ops/minibatch.h).
struct Standardisation {
    std::vector<float> mean, scale;
};

/// `mean` and 1 / standard deviation of byte / 255 over the images of `train`, for each pixel and channel. The variance
/// is the sum of squares divided by N, not by N - 1. Where a pixel is the same in all images its deviation is 0, and
/// its scale is 1: it becomes 0 in these images and stays finite in others. Throws Error if there are no images.
Standardisation standardise(const ImageSet& train);

}  // namespace warpvae

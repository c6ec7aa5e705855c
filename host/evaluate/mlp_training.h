// The benchmark classifier, trained and tried in one call.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "data/idx.h"
#include "host/core/device_images.h"

namespace warpvae {

/// Trains a D-hidden-K classifier with Adam on `images` (bytes of one replica, labels from `train`) and returns its
/// accuracy on each of `tests` (labels from `test`). The same seed gives the same numbers. `after_step(steps done)` is
/// called after each step, and may throw.
std::vector<double> train_mlp_classifier(const DeviceImages& images, const ImageSet& train,
                                         const std::vector<DeviceImages>& tests, const ImageSet& test, int hidden,
                                         int epochs, int batch, double learning_rate, std::uint64_t seed,
                                         const std::function<void(std::uint64_t)>& after_step = {});

}  // namespace warpvae

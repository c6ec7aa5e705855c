// Which of a user's images are for testing, where the user has not said.
#pragma once
#include <cstdint>
#include <vector>

#include "data/image_set.h"

namespace warpvae {

/// A part for each image: of every class the `test_share`, rounded, but one image at least where the class has two, and
/// none where it has one. Which ones is drawn from Philox (Purpose::kSplit) with seed 1: the same for all replicas, and
/// for the same images in the same order.
std::vector<Part> stratified_split(const std::vector<std::uint8_t>& labels, double test_share);

/// An order of images such that the first so many, whatever their number, hold every class as often as all do: within a
/// class they stay in their order.
std::vector<std::size_t> interleaved(const std::vector<std::uint8_t>& labels);

}  // namespace warpvae

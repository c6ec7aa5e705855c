// How many kernels were launched, for tests of what a step consists of.
#pragma once
#include <cstddef>

namespace warpvae {

/// Since the program began, on the CPU device. A GPU's launches are not counted: nsys shows them (docs/profiling.md).
std::size_t launch_count();

}  // namespace warpvae

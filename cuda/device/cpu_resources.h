// How much of this machine the process may use: a container or a batch system often gives less than there is.
#pragma once
#include <cstddef>

namespace warpvae {

/// At least 1.
int available_cores();

/// Bytes that can be had without another program losing memory.
std::size_t available_memory();

}  // namespace warpvae

// The environment variables that steer the device, read once. Shared by both devices.
#pragma once
#include <cstddef>
#include <string>

namespace warpvae {

struct DeviceEnvironment {
    bool synchronous = false;                    ///< $WARPVAE_SYNC=1
    std::size_t memory_limit = ~std::size_t{0};  ///< $WARPVAE_MEMORY_LIMIT, bytes
    int cores = 0;                               ///< $WARPVAE_CORES; 0: all
};
const DeviceEnvironment& device_environment();

/// "out of device memory: NAME needs 3.1 GB, 1.2 GB are free ..."
std::string out_of_memory_message(const char* tag, std::size_t bytes, std::size_t available);

}  // namespace warpvae

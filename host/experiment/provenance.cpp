#include "host/experiment/provenance.h"

#include "cuda/device/device.h"
#include "cuda/ops/dense.h"

namespace warpvae {

Values provenance() {
    return {{"device", device_name()},
            {"warpvae", WARPVAE_VERSION},
            {"commit", WARPVAE_COMMIT},
            {"matrix-library", matmul_library()},
            {"compiler", __VERSION__}};
}

std::string version_line() {
    const std::string commit = WARPVAE_COMMIT;
    return std::string("warpvae ") + WARPVAE_VERSION + (commit.empty() ? "" : " (commit " + commit + ")") +
           ", built for " + (device_is_gpu() ? "CUDA" : "the CPU");
}

}  // namespace warpvae

// An empty kernel: launching it tells whether this build holds code that the GPU at hand can run.
#include "cuda/device/launch.cuh"

namespace warpvae {

static __global__ void probe_kernel() {}

Status launch_probe_kernel() { return launch(probe_kernel, for_blocks(1), nullptr); }

}  // namespace warpvae

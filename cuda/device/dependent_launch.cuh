// Programmatic dependent launch: a kernel may be brought onto the multiprocessors while the one before it in the stream
// is still ending, and waits there. That hides most of the gap between two launches (Hopper and later; elsewhere, and
// on the CPU device, a kernel begins when the one before is done, and these do nothing).
//
// The rule that keeps it safe: a kernel waits before it reads or writes anything that is not its own, and lets the next
// begin only after that.
#pragma once
#include "cuda/device/dependent_kernel.cuh"
#include "cuda/device/launch.cuh"

namespace warpvae {

/// As launch(), for a kernel that waits by itself for the launch before it.
template <class... P, class... A>
Status launch_dependent(void (*kernel)(P...), LaunchConfig config, Stream stream, A&&... args) {
#ifdef __CUDACC__
    cudaFuncAttributes loaded;
    if (launch_options().dependent_launches && config.is_possible && !config.elements && config.grid.x &&
        config.grid.y && config.grid.z && !device_is_synchronous() &&
        cudaFuncGetAttributes(&loaded, kernel) == cudaSuccess && loaded.binaryVersion >= 90) {
        const cudaError_t raised = detail::allow_shared_bytes(kernel, config.shared_bytes);
        if (raised != cudaSuccess) return {raised};
        cudaLaunchAttribute overlap;
        overlap.id = cudaLaunchAttributeProgrammaticStreamSerialization;
        overlap.val.programmaticStreamSerializationAllowed = 1;
        cudaLaunchConfig_t how{};
        how.gridDim = config.grid;
        how.blockDim = dim3(detail::threads_of(config.block));
        how.dynamicSmemBytes = config.shared_bytes;
        how.stream = stream;
        how.attrs = &overlap;
        how.numAttrs = 1;
        return {cudaLaunchKernelEx(&how, kernel, static_cast<P>(std::forward<A>(args))...)};
    }
#endif
    return launch(kernel, config, stream, std::forward<A>(args)...);
}

}  // namespace warpvae

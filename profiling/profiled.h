// What a profiler is to see of a program: one that starts with its eyes closed (nsys --capture-range=cudaProfilerApi,
// ncu --profile-from-start off) looks while a Profiled lives. Nothing on the CPU device.
#pragma once
#ifdef WARPVAE_CUDA
#include <cuda_profiler_api.h>
#endif

namespace warpvae {

class Profiled {
  public:
#ifdef WARPVAE_CUDA
    Profiled() { cudaProfilerStart(); }
    ~Profiled() { cudaProfilerStop(); }
#else
    Profiled() {}
    ~Profiled() {}
#endif
    Profiled(const Profiled&) = delete;
    Profiled& operator=(const Profiled&) = delete;
};

}  // namespace warpvae

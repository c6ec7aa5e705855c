// The symmetric eigenproblem on a GPU: cuSOLVER's divide and conquer.
#include <cuda_runtime.h>
#include <cusolverDn.h>

#include "cuda/device/buffer.h"
#include "cuda/ops/linear_models.h"

namespace warpvae {

namespace {

/// A cuSOLVER handle for the length of one call.
struct Solver {
    cusolverDnHandle_t handle = nullptr;
    ~Solver() {
        if (handle) cusolverDnDestroy(handle);
    }
};
Status status_of(cusolverStatus_t status) {
    if (status == CUSOLVER_STATUS_SUCCESS) return {};
    return {status == CUSOLVER_STATUS_INVALID_VALUE ? kInvalidValue : static_cast<int>(cudaErrorUnknown)};
}

}  // namespace

Status symmetric_eigen(double* values, double* vectors, const double* matrix, int D, Stream stream) {
    if (D < 0) return {kInvalidValue};
    if (D == 0) return {};
    const auto mode = CUSOLVER_EIG_MODE_VECTOR;
    const auto triangle = CUBLAS_FILL_MODE_UPPER;
    Solver solver;
    if (Status s = status_of(cusolverDnCreate(&solver.handle)); !s.ok()) return s;
    if (Status s = status_of(cusolverDnSetStream(solver.handle, stream)); !s.ok()) return s;
    if (Status s = copy_on_device(vectors, matrix, std::size_t(D) * D * sizeof(double), stream); !s.ok()) return s;
    int size = 0;
    if (Status s = status_of(cusolverDnDsyevd_bufferSize(solver.handle, mode, triangle, D, vectors, D, values, &size));
        !s.ok())
        return s;
    DeviceBuffer<double> work(static_cast<std::size_t>(size), "eigenvalue workspace");
    DeviceBuffer<int> device_info(1);
    if (Status s = status_of(cusolverDnDsyevd(solver.handle, mode, triangle, D, vectors, D, values, work.data(), size,
                                              device_info.data()));
        !s.ok())
        return s;
    int info = 0;  // reading it waits for the solver, whose workspace ends here
    if (Status s = copy_to_host(&info, device_info.data(), sizeof info, stream); !s.ok()) return s;
    return {info == 0 ? 0 : kInvalidValue};
}

}  // namespace warpvae

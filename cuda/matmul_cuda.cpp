// The matrix product on a GPU: cuBLAS, strided-batched over the replicas. Models take it for doubles and for
// --math tf32 and bf16; float at full precision is fused_dense.cuh's.
#include <cublasLt.h>
#include <cublas_v2.h>
#include <cuda_runtime.h>

#include "cuda/ops/dense.h"

namespace warpvae {
namespace {

constexpr std::size_t kWorkspaceBytes = 32u
                                        << 20;  // NVIDIA's advice for Hopper; also what a captured graph replays with

void require(cublasStatus_t status, const char* what) {
    if (status != CUBLAS_STATUS_SUCCESS) throw DeviceError(std::string(what) + ": " + cublasGetStatusString(status));
}
Status status_of(cublasStatus_t status) {
    if (status == CUBLAS_STATUS_SUCCESS) return {};
    return {status == CUBLAS_STATUS_INVALID_VALUE ? kInvalidValue : static_cast<int>(cudaErrorUnknown)};
}
cublasComputeType_t compute_type(Math math) {
    switch (math) {
        case Math::kTf32:
            return CUBLAS_COMPUTE_32F_FAST_TF32;
        case Math::kBf16:
            return CUBLAS_COMPUTE_32F_FAST_16BF;
        case Math::kFp32:
            break;
    }
    return CUBLAS_COMPUTE_32F_PEDANTIC;
}

}  // namespace

struct Matmul::Impl {
    Stream stream;
    Math math;
    cublasHandle_t handle = nullptr;
    void* workspace = nullptr;
};

Matmul::Matmul(Stream stream, Math math) : impl_(new Impl) {
    impl_->stream = stream;
    impl_->math = math;
    try {
        require(cublasCreate(&impl_->handle), "cublasCreate");
        impl_->workspace = device_allocate(kWorkspaceBytes, "cuBLAS workspace");
        require(cublasSetStream(impl_->handle, stream), "cublasSetStream");
        require(cublasSetWorkspace(impl_->handle, impl_->workspace, kWorkspaceBytes), "cublasSetWorkspace");
    } catch (...) {
        this->~Matmul();
        throw;
    }
}
Matmul::~Matmul() {
    if (!impl_) return;
    if (impl_->handle) cublasDestroy(impl_->handle);
    device_free(impl_->workspace);
    delete impl_;
    impl_ = nullptr;
}
std::string matmul_library() {
    const std::size_t version = cublasLtGetVersion();
    return "cuBLAS " + std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100);
}
Stream Matmul::stream() const { return impl_->stream; }
Math Matmul::math() const { return impl_->math; }

// Row-major C = op(A) op(B) is column-major C^T = op(B)^T op(A)^T: the operands change places, the flags stay.
template <class T>
Status matmul(const Matmul& context, T* C, std::size_t stride_c, Op op_a, const T* A, std::size_t stride_a, Op op_b,
              const T* B, std::size_t stride_b, int R, int m, int n, int k) {
    if (R < 0 || m < 0 || n < 0 || k < 0) return {kInvalidValue};
    if (R == 0 || m == 0 || n == 0) return {};
    if (k == 0) {  // cuBLAS refuses matrices without columns
        Status status;
        for (int r = 0; r < R && status.ok(); ++r)
            status = fill_bytes(C + r * stride_c, 0, std::size_t(m) * n * sizeof(T), context.stream());
        return status;
    }
    constexpr bool is_float = sizeof(T) == 4;
    const T one = 1, zero = 0;
    const auto ta = op_a == Op::kTranspose ? CUBLAS_OP_T : CUBLAS_OP_N;
    const auto tb = op_b == Op::kTranspose ? CUBLAS_OP_T : CUBLAS_OP_N;
    const int lda = op_a == Op::kTranspose ? m : k, ldb = op_b == Op::kTranspose ? k : n;
    const cudaDataType type = is_float ? CUDA_R_32F : CUDA_R_64F;
    const Matmul::Impl& impl = context.impl();
    return status_of(
        cublasGemmStridedBatchedEx(impl.handle, tb, ta, n, m, k, &one, B, type, ldb, (long long)stride_b, A, type, lda,
                                   (long long)stride_a, &zero, C, type, n, (long long)stride_c, R,
                                   is_float ? compute_type(impl.math) : CUBLAS_COMPUTE_64F, CUBLAS_GEMM_DEFAULT));
}

template Status matmul(const Matmul&, float*, std::size_t, Op, const float*, std::size_t, Op, const float*, std::size_t,
                       int, int, int, int);
template Status matmul(const Matmul&, double*, std::size_t, Op, const double*, std::size_t, Op, const double*,
                       std::size_t, int, int, int, int);

}  // namespace warpvae

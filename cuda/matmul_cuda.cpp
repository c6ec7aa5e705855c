// The matrix product on a GPU: cuBLAS, strided-batched over the replicas; cuBLASLt's bias and ReLU epilogues where
// asked.
#include <cublasLt.h>
#include <cublas_v2.h>
#include <cuda_runtime.h>

#include <map>
#include <mutex>
#include <optional>
#include <tuple>

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

/// Shape, strides and epilogue of a fused layer: what its cuBLASLt algorithm is chosen for.
using EpilogueKey = std::tuple<int, int, int, int, std::size_t, Activation>;

}  // namespace

struct Matmul::Impl {
    Stream stream;
    Math math;
    cublasHandle_t handle = nullptr;
    cublasLtHandle_t lt = nullptr;
    void* workspace = nullptr;
    mutable std::mutex mutex;
    mutable std::map<EpilogueKey, std::optional<cublasLtMatmulAlgo_t>> algorithms;
};

Matmul::Matmul(Stream stream, Math math) : impl_(new Impl) {
    impl_->stream = stream;
    impl_->math = math;
    try {
        require(cublasCreate(&impl_->handle), "cublasCreate");
        require(cublasLtCreate(&impl_->lt), "cublasLtCreate");
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
    if (impl_->lt) cublasLtDestroy(impl_->lt);
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

namespace {

/// Owns what one cuBLASLt call describes.
struct LtCall {
    cublasLtMatmulDesc_t operation = nullptr;
    cublasLtMatrixLayout_t a = nullptr, b = nullptr, c = nullptr;
    ~LtCall() {
        if (a) cublasLtMatrixLayoutDestroy(a);
        if (b) cublasLtMatrixLayoutDestroy(b);
        if (c) cublasLtMatrixLayoutDestroy(c);
        if (operation) cublasLtMatmulDescDestroy(operation);
    }
    template <class V>
    void set(cublasLtMatmulDescAttributes_t attribute, V value) {
        require(cublasLtMatmulDescSetAttribute(operation, attribute, &value, sizeof value), "cublasLt descriptor");
    }
    static cublasLtMatrixLayout_t layout(int rows, int columns, int R, std::size_t stride) {
        cublasLtMatrixLayout_t out = nullptr;
        const std::int32_t count = R;
        const std::int64_t step = static_cast<std::int64_t>(stride);
        require(cublasLtMatrixLayoutCreate(&out, CUDA_R_32F, rows, columns, rows), "cublasLt layout");
        require(cublasLtMatrixLayoutSetAttribute(out, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof count),
                "cublasLt layout");
        require(cublasLtMatrixLayoutSetAttribute(out, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &step, sizeof step),
                "cublasLt layout");
        return out;
    }
};

}  // namespace

bool dense_forward_epilogue(const Matmul& context, float* y, const float* x, const float* W, const float* b,
                            std::size_t P, Activation activation, int R, int N, int in, int out) {
    const bool relu = activation == Activation::kRelu;
    if (!relu && activation != Activation::kNone) return false;  // cuBLASLt has no such epilogue
    if (R < 1 || N < 1 || in < 1 || out < 1) return false;       // nor such matrices
    const Matmul::Impl& impl = context.impl();
    LtCall call;  // column-major: y^T [out, N] = W [in, out]^T x^T [in, N]
    require(cublasLtMatmulDescCreate(&call.operation, compute_type(impl.math), CUDA_R_32F), "cublasLt descriptor");
    call.set(CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T);
    call.set(CUBLASLT_MATMUL_DESC_EPILOGUE, relu ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_BIAS);
    call.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, static_cast<const void*>(b));
    call.set(CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE, static_cast<std::int64_t>(P));
    call.a = LtCall::layout(in, out, R, P);
    call.b = LtCall::layout(in, N, R, std::size_t(N) * in);
    call.c = LtCall::layout(out, N, R, std::size_t(N) * out);

    std::lock_guard<std::mutex> lock(impl.mutex);
    const auto [found, is_new] = impl.algorithms.try_emplace({R, N, in, out, P, activation});
    if (is_new) {
        cublasLtMatmulPreference_t preference = nullptr;
        require(cublasLtMatmulPreferenceCreate(&preference), "cublasLt preference");
        cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &kWorkspaceBytes,
                                             sizeof kWorkspaceBytes);
        cublasLtMatmulHeuristicResult_t result{};
        int count = 0;
        const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(impl.lt, call.operation, call.a, call.b, call.c,
                                                                     call.c, preference, 1, &result, &count);
        cublasLtMatmulPreferenceDestroy(preference);
        if (status == CUBLAS_STATUS_SUCCESS && count > 0) found->second = result.algo;
    }
    if (!found->second) return false;
    const float one = 1, zero = 0;
    return cublasLtMatmul(impl.lt, call.operation, &one, W, call.a, x, call.b, &zero, y, call.c, y, call.c,
                          &*found->second, impl.workspace, kWorkspaceBytes, impl.stream) == CUBLAS_STATUS_SUCCESS;
}

}  // namespace warpvae

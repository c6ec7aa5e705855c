// The matrix product on the CPU device: oneDNN for floats, Eigen for doubles, one thread per call, larger products
// split over the cores in tiles chosen from one replica's shape alone.
#include <algorithm>
#include <new>

#include "cuda/device/cpu_pool.h"
#include "cuda/eigen_cpu.h"
#include "cuda/onednn_cpu.h"
#include "cuda/ops/convolution.h"
#include "cuda/ops/dense.h"

namespace warpvae {

struct Matmul::Impl {
    Stream stream;
};
Matmul::Matmul(Stream stream, Math) : impl_(new Impl{stream}) {}
Matmul::~Matmul() { delete impl_; }
std::string matmul_library() { return convolution_library() + ", doubles by " + cpu::eigen_version(); }
Stream Matmul::stream() const { return impl_->stream; }
Math Matmul::math() const { return Math::kFp32; }

namespace {

void multiply(Op op_a, Op op_b, int m, int n, int k, const float* A, int lda, const float* B, int ldb, float* C,
              int ldc) {
    const cpu::OneDnnCall call;
    const char a = op_a == Op::kTranspose ? 'T' : 'N', b = op_b == Op::kTranspose ? 'T' : 'N';
    // Every shape that gets here is right. So if it fails, there is no memory for code or for packed operands.
    if (dnnl_sgemm(a, b, m, n, k, 1.f, A, lda, B, ldb, 0.f, C, ldc) != dnnl_success) throw std::bad_alloc();
}
using cpu::multiply;

/// Tiles along the longer side of C: some 8 million multiply-adds each, 16 tiles at most, in whole multiples of 16.
int tile_length(int m, int n, int k) {
    const int side = m > n ? m : n;
    const double work = double(m) * n * k;
    int tiles = static_cast<int>(work / 8e6);
    tiles = tiles < 1 ? 1 : tiles > 16 ? 16 : tiles;
    const int length = (side + tiles - 1) / tiles;
    return (length + 15) / 16 * 16;
}

}  // namespace

template <class T>
Status matmul(const Matmul&, T* C, std::size_t stride_c, Op op_a, const T* A, std::size_t stride_a, Op op_b, const T* B,
              std::size_t stride_b, int R, int m, int n, int k) {
    if (R < 0 || m < 0 || n < 0 || k < 0) return {kInvalidValue};
    if (R == 0 || m == 0 || n == 0) return {};
    cpu::DeviceAccess access;
    if (k == 0) {  // sums over nothing
        for (int r = 0; r < R; ++r) std::fill_n(C + r * stride_c, std::size_t(m) * n, T(0));
        return {};
    }
    const bool along_rows = m > n;
    const int length = tile_length(m, n, k), side = along_rows ? m : n;
    const int tiles = (side + length - 1) / length;
    const int lda = op_a == Op::kTranspose ? m : k, ldb = op_b == Op::kTranspose ? k : n;
    cpu::parallel_for(std::size_t(R) * tiles, [&](std::size_t item) {
        const std::size_t r = item / tiles;
        const int first = static_cast<int>(item % tiles) * length;
        const int count = side - first < length ? side - first : length;
        const T* a = A + r * stride_a;
        const T* b = B + r * stride_b;
        T* c = C + r * stride_c;
        if (along_rows) {
            a += op_a == Op::kTranspose ? std::size_t(first) : std::size_t(first) * k;
            multiply(op_a, op_b, count, n, k, a, lda, b, ldb, c + std::size_t(first) * n, n);
        } else {
            b += op_b == Op::kTranspose ? std::size_t(first) * k : std::size_t(first);
            multiply(op_a, op_b, m, count, k, a, lda, b, ldb, c + first, n);
        }
    });
    return {};
}

template Status matmul(const Matmul&, float*, std::size_t, Op, const float*, std::size_t, Op, const float*, std::size_t,
                       int, int, int, int);
template Status matmul(const Matmul&, double*, std::size_t, Op, const double*, std::size_t, Op, const double*,
                       std::size_t, int, int, int, int);

bool dense_forward_epilogue(const Matmul&, float*, const float*, const float*, const float*, std::size_t, Activation,
                            int, int, int, int) {
    return false;
}

}  // namespace warpvae

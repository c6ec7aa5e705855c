// Matrix products, dense layers, and maps of whole arrays. Letters and conventions: cuda/ops.h.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "cuda/device/device.h"

namespace warpvae {

// --- dense layers: matmul_{cpu,cuda}.cpp, dense.cuh ------------------------------------------------------------------

/// Precision of matrix products on a GPU; the CPU device always uses the operands' own.
enum class Math { kFp32, kTf32, kBf16 };

/// What matrix products run on: cuBLAS handles and workspace on a GPU, nothing but the stream on the CPU device.
class Matmul {
  public:
    explicit Matmul(Stream stream = nullptr, Math math = Math::kFp32);
    ~Matmul();
    Matmul(const Matmul&) = delete;
    Matmul& operator=(const Matmul&) = delete;
    struct Impl;
    Impl& impl() const { return *impl_; }
    Stream stream() const;

  private:
    Impl* impl_;
};

/// "oneDNN 2.6.3 with AVX-512, doubles by Eigen 3.4.0" or "cuBLAS 13.0": what matrix products run on.
std::string matmul_library();

enum class Op { kNone, kTranspose };
/// C[r] = op(A[r]) op(B[r]) for every replica: C [R, m, n], op(A) [m, k], op(B) [k, n], strides in elements between
/// replicas; zeros where k = 0. On the CPU device the result depends on one replica's shape only, not on R or the
/// number of cores; a row among more or fewer rows may differ by roundings.
template <class T>
Status matmul(const Matmul& matmul, T* C, std::size_t stride_c, Op op_a, const T* A, std::size_t stride_a, Op op_b,
              const T* B, std::size_t stride_b, int R, int m, int n, int k);

/// ELU (alpha = 1; Clevert et al. 2016): x, or e^x - 1 where x < 0. Softplus: log(1 + e^x).
enum class Activation { kNone, kRelu, kSigmoid, kElu, kTanh, kSoftplus };
/// y = activation(x W^T + b): torch.nn.Linear. y [R, N, out], x [R, N, in]; W [out, in] and b [out] of replica r at
/// W + r * P and b + r * P.
template <class T>
Status dense_forward(const Matmul& matmul, T* y, const T* x, const T* W, const T* b, std::size_t P,
                     Activation activation, int R, int N, int in, int out);
/// Given dy = dL/d(x W^T + b) [R, N, out]: dW = dy^T x, db = column sums of dy, both at stride P, and, unless dx is
/// null, dx = dy W, times the derivative of x_activation, whose output x is (activation_backward).
template <class T>
Status dense_backward(const Matmul& matmul, T* dx, T* dW, T* db, const T* dy, const T* x, const T* W, std::size_t P,
                      Activation x_activation, int R, int N, int in, int out);
/// As dense_forward, in one cuBLASLt call that adds the bias and takes the ReLU too. Returns false, and leaves y as it
/// is, where the library offers no algorithm or a size is 0, and always on the CPU device. float only.
bool dense_forward_epilogue(const Matmul& matmul, float* y, const float* x, const float* W, const float* b,
                            std::size_t P, Activation activation, int R, int N, int in, int out);

/// y[r, n, :] = activation(y[r, n, :] + b[r]) in place. b at stride P.
template <class T>
Status bias_activation(T* y, const T* b, std::size_t P, Activation activation, int R, int N, int out, Stream stream);
/// dx *= activation'(its input) in place, read from the output y: n elements.
///   relu y > 0;  sigmoid y (1 - y);  elu y > 0 ? 1 : 1 + y;  tanh 1 - y^2;  softplus 1 - e^-y
template <class T>
Status activation_backward(T* dx, const T* y, Activation activation, std::size_t n, Stream stream);
/// sums[r, c] = sum over n of y[r, n, c], at stride P.
template <class T>
Status column_sum(T* sums, const T* y, std::size_t P, int R, int N, int columns, Stream stream);

// --- maps of whole arrays: elementwise.cuh, dropout.cuh --------------------------------------------------------------

/// dx = dy y (1 - y), n elements, in place allowed.
template <class T>
Status sigmoid_backward(T* dx, const T* dy, const T* y, std::size_t n, Stream stream);
/// y += x, n elements.
template <class T>
Status add(T* y, const T* x, std::size_t n, Stream stream);
/// y = centre + range (2 sigmoid(slope x) - 1) for rows of S numbers, in place allowed; centre, range [S].
template <class T>
Status range_limit(T* y, const T* x, const T* centre, const T* range, T slope, std::size_t rows, int S, Stream stream);
template <class T>
Status range_limit_backward(T* dx, const T* dy, const T* x, const T* range, T slope, std::size_t rows, int S,
                            Stream stream);
/// What is dropped: dropout.cuh.
struct DropoutMask {
    double rate;                 ///< the probability, from 0 and below 1
    const std::uint64_t* seeds;  ///< [R]
    const std::uint64_t* step;   ///< one number on the device; null: 0
    int layer;                   ///< from 0 to 31: tells the layers of one model apart
};
/// y[r, n, j] = x / (1 - rate) where the mask keeps element (n, j), else 0. The mask is drawn anew by every call, so
/// the backward is the same call on the gradient. y, x [R, N, D], in place allowed.
template <class T>
Status dropout(T* y, const T* x, const DropoutMask& mask, int R, int N, int D, Stream stream);
/// y [rows, K, D]: each row of x [rows, D] K times, K from 1.
template <class T>
Status repeat_rows(T* y, const T* x, int K, std::size_t rows, int D, Stream stream);
/// y [rows] = means over K, from 1, of x [rows, K].
template <class T>
Status mean_rows(T* y, const T* x, int K, std::size_t rows, Stream stream);

}  // namespace warpvae

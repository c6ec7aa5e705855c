// Matrix products, dense layers, and maps of whole arrays. Letters and conventions: cuda/ops.h.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "cuda/device/device.h"
#include "cuda/ops/latent.h"
#include "cuda/ops/loss.h"
#include "cuda/ops/minibatch.h"

namespace warpvae {

// --- dense layers: matmul_{cpu,cuda}.cpp, dense.cuh ------------------------------------------------------------------

template <class T>
class DenseChain;

/// Precision of matrix products on a GPU; the CPU device always uses the operands' own.
enum class Math { kFp32, kTf32, kBf16 };

/// A stream and the precision of the products that are launched on it: float's, or TF32's.
struct MathStream {
    Stream stream;
    Math math;
    MathStream(Stream stream_, Math math_ = Math::kFp32) : stream(stream_), math(math_) {}
    operator Stream() const { return stream; }
    bool is_exact() const { return math == Math::kFp32; }
};

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
    Math math() const;
    MathStream math_stream() const { return {stream(), math()}; }
    /// The chain (dense_chain.h) that takes fused dense layers on this at the moment, or null.
    DenseChain<float>* chain() const { return chain_; }

  private:
    friend class DenseChain<float>;
    Impl* impl_;
    mutable DenseChain<float>* chain_ = nullptr;
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
/// A minibatch that is gathered by the layer which reads it first.
template <class T>
struct MinibatchRows {
    T* batch = nullptr;                           ///< [R, N, in], which the layer fills: pixels are byte / 255
    const std::uint8_t* const* images = nullptr;  ///< [R] device pointers to bytes [count, in]
    Minibatch minibatch{};
};
/// dense_forward of the N rows of a minibatch; x.batch is the same as after `gather`. in: from 1.
template <class T>
Status dense_gather_forward(const Matmul& matmul, T* y, const MinibatchRows<T>& x, const T* W, const T* b,
                            std::size_t P, Activation activation, int R, int N, int in, int out);
/// What each row of a batch counts, where that was not known yet when dy was made. A layer's backward applies it.
template <class T>
struct RowWeights {
    const T* weights = nullptr;  ///< [R, N]; null: every row counts once
    T* weighted_x = nullptr;     ///< [R, N, in]: gets weights * x, from which dW follows; x's place allowed
};
/// Given dy = dL/d(x W^T + b) [R, N, out]: dx [R, N, in] = dy W, times the derivative of x_activation, whose output x
/// is (activation_backward), and times the row's weight; plus `more` [R, N, in], other readers' gradient of x, where
/// that is given, which is not dx.
template <class T>
Status dense_backward_input(const Matmul& matmul, T* dx, const T* dy, const T* x, const T* W, std::size_t P,
                            Activation x_activation, int R, int N, int in, int out, const T* more = nullptr,
                            const RowWeights<T>& rows = {});
/// The input gradient of a decoder's first layer, whose x is z, taken on to the moments that z was drawn from: dmoments
/// [R, N, 2Z] as gaussian_sample_backward has it of dz = dy W. dz [R, N, Z] is scratch. dy [R, N, out]; W [out, Z].
template <class T>
Status dense_to_gaussian_backward(const Matmul& matmul, T* dmoments, T* dz, const T* dy, const T* W, std::size_t P,
                                  const T* z, const T* moments, const GaussianLatent<T>& latent, KlWeight<T> kl_weight,
                                  int R, int N, int Z, int out);
/// What the gradient of a layer's parameters is made of: dW = dy^T x, db = sum of row_weights[n] dy[n].
template <class T>
struct DenseWeightGradient {
    std::size_t weight, bias;  ///< where W [out, in] and b [out] lie in a replica's arena
    const T *dy, *x;           ///< [R, N, out], [R, N, in]
    int N, in, out;
    const T* row_weights = nullptr;  ///< [R, N]; null: 1. x has them already (RowWeights::weighted_x)
};
/// Fills that layer's part of gradients [R, P].
template <class T>
Status dense_backward_weights(const Matmul& matmul, T* gradients, const DenseWeightGradient<T>& layer, int R,
                              std::size_t P);
/// Where the blocks of a row of D numbers leave its sum, in parts that the last of them adds up. Scratch memory.
struct RowSumScratch {
    float* parts;           ///< [R, N, row_sum_parts(D)]
    unsigned int* arrived;  ///< [R, row_sum_tiles(N)], 0 before the first call; every call leaves it so
};
WARPVAE_HOST_DEVICE constexpr int row_sum_parts(int D) { return (D + 31) / 32; }
WARPVAE_HOST_DEVICE constexpr int row_sum_tiles(int N) { return (N + 15) / 16; }
/// A dense layer that makes logits, with their likelihood: nll [R, N] and dlogits [R, N, D] as bernoulli_from_logits
/// has them of x W^T + b, which is nowhere else. nll may be null: a layer that is fused then leaves scratch.parts, of
/// which a row's row_sum_parts(D) add up to its nll, and no block adds up what the others leave.
template <class T>
Status dense_bernoulli(const Matmul& matmul, T* nll, T* dlogits, const T* x, const T* W, const T* b, std::size_t P,
                       const BernoulliTarget<T>& target, const RowSumScratch& scratch, int R, int N, int in, int D);
/// The same from probabilities y [R, N, D] = sigmoid(x W^T + b): nll, or its parts, as bernoulli_from_probabilities has
/// it, and its gradient taken on to the logits.
template <class T>
Status dense_sigmoid_bernoulli(const Matmul& matmul, T* nll, T* dlogits, T* y, const T* x, const T* W, const T* b,
                               std::size_t P, const T* target, T scale, const RowSumScratch& scratch, int R, int N,
                               int in, int D);
/// Whether the outputs of such a layer can be the parameter of a likelihood of N rows: logits, or (kSigmoid)
/// probabilities, whose bound is their own.
template <class T>
constexpr bool is_bernoulli(Activation activation, const BernoulliTarget<T>& target, int N) {
    return target.fits(N) &&
           (activation == Activation::kNone || (activation == Activation::kSigmoid && target.largest_logit == T(0)));
}
/// Either likelihood alone, for evaluation: nll [R, N] as dense_bernoulli has it of a layer that makes logits, or as
/// dense_sigmoid_bernoulli has it of one that makes probabilities. y [R, N, D] is scratch, which fused layers leave
/// alone.
template <class T>
Status dense_bernoulli_nll(const Matmul& matmul, T* nll, T* y, const T* x, const T* W, const T* b, std::size_t P,
                           Activation activation, const BernoulliTarget<T>& target, const RowSumScratch& scratch, int R,
                           int N, int in, int D);
/// A Gaussian encoder's heads: moments [R, N, 2Z] = h W^T + b, then z and kl as gaussian_sample_forward has them.
template <class T>
Status dense_gaussian_head(const Matmul& matmul, T* moments, T* z, T* kl, const T* h, const T* W, const T* b,
                           std::size_t P, const GaussianLatent<T>& latent, const LatentNoise& noise, int R, int N,
                           int H, int Z);
/// Whether dense layers of T run the fused kernels of ops/fused_dense.h: float on a GPU, at Math::kFp32 or kTf32.
template <class T>
bool dense_is_fused(const Matmul& matmul);

/// y[r, n, :] = activation(y[r, n, :] + b[r]) in place. b at stride P.
template <class T>
Status bias_activation(T* y, const T* b, std::size_t P, Activation activation, int R, int N, int out, Stream stream);
/// dx *= activation'(its input) in place, read from the output y: n elements.
///   relu y > 0;  sigmoid y (1 - y);  elu y > 0 ? 1 : 1 + y;  tanh 1 - y^2;  softplus 1 - e^-y
template <class T>
Status activation_backward(T* dx, const T* y, Activation activation, std::size_t n, Stream stream);
/// sums[r, c] = sum over n of y[r, n, c], at stride P; each row times its weight where there are weights [R, N].
template <class T>
Status column_sum(T* sums, const T* y, std::size_t P, int R, int N, int columns, Stream stream,
                  const T* row_weights = nullptr);

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
/// dx = dy times range_limit's derivative at x, which does not depend on the centre; in place allowed.
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
/// The same in place, of the output of a dense layer or its gradient.
template <class T>
Status dense_dropout(const Matmul& matmul, T* x, const DropoutMask& mask, int R, int N, int D);
/// y [rows, K, D]: each row of x [rows, D] K times, K from 1.
template <class T>
Status repeat_rows(T* y, const T* x, int K, std::size_t rows, int D, Stream stream);
/// y [rows] = means over K, from 1, of x [rows, K].
template <class T>
Status mean_rows(T* y, const T* x, int K, std::size_t rows, Stream stream);

}  // namespace warpvae

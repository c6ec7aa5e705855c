// Dense layers, and the maps that join them, in one launch. Letters and conventions: cuda/ops.h.
#pragma once
#include <vector>

#include "cuda/ops/dense.h"
#include "cuda/ops/pairs.h"

namespace warpvae {

// --- dense_chain.cuh -------------------------------------------------------------------------------------------------

struct ChainStep;

/// Small layers that rows go through one after the other, in as few launches as that takes. From its constructor to
/// launch(), dense_forward, dense_backward_input, dense_backward_weights and dense_dropout on its Matmul are noted
/// instead of launched, like the chain's own operations; launch() runs them in their order. Steps of equally many rows
/// are one kernel, whose blocks take their rows all the way: such rows have to belong to each other one by one, as
/// pairs, images and sets do. A step of more or fewer rows begins another. Weights' gradients come last. The results
/// are those of the operations alone.
///
/// What noted steps read and write belongs to the chain until launch(); everything else is launched at once, before
/// them. Where layers are not fused (dense_is_fused), every operation runs at once, and launch() finds nothing to do.
template <class T>
class DenseChain {
  public:
    /// One chain at a time may live on a Matmul.
    DenseChain(const Matmul& matmul, int R);
    ~DenseChain();  ///< forgets what was not launched
    DenseChain(const DenseChain&) = delete;
    DenseChain& operator=(const DenseChain&) = delete;
    Status launch();  ///< once; the chain ends with it

    // As the operations of these names (dense.h, pairs.h, latent.h).
    /// Of [R, N, D]. Where x is the input gradient that was noted last, y alone is written.
    Status add(T* y, const T* x, int N, int D);
    Status concatenate_pairs_forward(T* y, const PairPart<T>& a, const PairPart<T>& b, const PairShape& shape);
    Status concatenate_pairs_backward(const PairPartGradient<T>& part, const T* dy, int width, const PairShape& shape);
    Status set_mean_forward(T* y, const T* x, int m, int sets, int D);  ///< y [R, sets, D], x [R, sets, m, D]
    Status set_mean_backward(T* dx, const T* dy, const T* x, int m, int sets, int D);
    /// The prior is N(0, I), the spread Spread::kLogVariance.
    Status gaussian_sample_forward(T* z, T* kl, const T* moments, const LatentNoise& noise, int N, int Z);
    Status gaussian_sample_backward(T* dmoments, const T* dz, const T* z, const T* moments, KlWeight<T> kl_weight,
                                    int N, int Z, const T* row_weights);

    // What dense layers on the Matmul call.
    Status dense_forward(T* y, const T* x, const T* W, const T* b, std::size_t P, Activation activation, int N, int in,
                         int out);
    Status dense_backward_input(T* dx, const T* dy, const T* x, const T* W, std::size_t P, Activation x_activation,
                                int N, int in, int out);
    Status dropout(T* x, const DropoutMask& mask, int N, int D);
    Status dense_backward_weights(T* gradients, const DenseWeightGradient<T>& layer, std::size_t P);

  private:
    Status note(const ChainStep& step, int N);  ///< of N rows a replica
    Status launch_steps();
    void end();
    Status pair_part(T* y, int width, const PairPart<T>& part, const PairShape& shape);

    const Matmul& matmul_;
    const int R_;
    const bool is_fused_;
    // What was noted since the last launch.
    std::vector<ChainStep> steps_;
    int N_ = 0;
    std::vector<DenseWeightGradient<T>> weights_;
    T* gradients_ = nullptr;
    std::size_t P_ = 0;
};

}  // namespace warpvae

// One dense layer y = activation(x W^T + b) of R replicas: where its weight and bias lie in the arena, its forward and
// its backward. Heads are such layers alone; a DenseStack is several in a row.
#pragma once
#include <string>

#include "models/parameters.h"

namespace warpvae {

/// What weights and biases start as.
enum class InitialRule {
    kTorch,    ///< torch.nn.Linear: uniform by fan-in, biases too
    kLasagne,  ///< lasagne.layers.DenseLayer: GlorotUniform, biases 0
    kXavier,   ///< argo's: Glorot uniform, biases 0.1
};

/// What a layer reads: rows that are there, or a minibatch that it gathers and leaves there.
template <class T>
struct LayerInput {
    const T* rows = nullptr;
    MinibatchRows<T> minibatch{};  ///< gathered where its batch is not null
    LayerInput(const T* rows_) : rows(rows_) {}
    LayerInput(const MinibatchRows<T>& gathered) : rows(gathered.batch), minibatch(gathered) {}
};

class DenseLayer {
  public:
    DenseLayer() = default;
    /// Adds NAME.weight [out, in] and NAME.bias [out] to the layout.
    DenseLayer(ParameterLayout& layout, const std::string& name, int in, int out, const Initial& weight,
               const Initial& bias);
    DenseLayer(ParameterLayout& layout, const std::string& name, int in, int out, InitialRule rule);

    int in() const { return in_; }
    int out() const { return out_; }
    /// Replica 0's tensors; the others lie parameters.stride() apart.
    template <class T>
    const T* weight(const ParameterArena<T>& parameters) const {
        return parameters.value(weight_);
    }
    template <class T>
    const T* bias(const ParameterArena<T>& parameters) const {
        return parameters.value(bias_);
    }

    /// y [R, N, out] from x [R, N, in].
    template <class T>
    void forward(const Matmul& matmul, const ParameterArena<T>& parameters, T* y, const LayerInput<T>& x,
                 Activation activation, int N) const {
        if (x.minibatch.batch)
            check(dense_gather_forward(matmul, y, x.minibatch, weight(parameters), bias(parameters),
                                       parameters.stride(), activation, parameters.replicas(), N, in_, out_));
        else
            forward(matmul, parameters, y, x.rows, activation, N);
    }
    template <class T>
    void forward(const Matmul& matmul, const ParameterArena<T>& parameters, T* y, const T* x, Activation activation,
                 int N) const {
        check(dense_forward(matmul, y, x, weight(parameters), bias(parameters), parameters.stride(), activation,
                            parameters.replicas(), N, in_, out_));
    }
    /// `forward` of a Gaussian encoder's heads, and the draw: moments [R, N, 2Z], z [R, N, Z] and kl [R, N] from
    /// h [R, N, in], with 2Z = out.
    template <class T>
    void forward_to_gaussian(const Matmul& matmul, const ParameterArena<T>& parameters, T* moments, T* z, T* kl,
                             const T* h, const GaussianLatent<T>& latent, const LatentNoise& noise, int N) const {
        check(dense_gaussian_head(matmul, moments, z, kl, h, weight(parameters), bias(parameters), parameters.stride(),
                                  latent, noise, parameters.replicas(), N, in_, out_ / 2));
    }
    /// K draws of each of N rows of h: a row's moments are computed once, into row_moments [R, N, 2Z], and moments,
    /// z and kl get N K rows. The noise's row is n K + k.
    template <class T>
    void forward_to_draws(const Matmul& matmul, const ParameterArena<T>& parameters, T* moments, T* z, T* kl,
                          T* row_moments, const T* h, const GaussianLatent<T>& latent, const LatentNoise& noise, int N,
                          int K) const {
        const int R = parameters.replicas();
        forward_to_gaussian<T>(matmul, parameters, row_moments, z, kl, h, latent, {}, N);
        check(repeat_rows<T>(moments, row_moments, K, std::size_t(R) * N, out_, matmul.stream()));
        check(gaussian_sample_forward<T>(z, kl, moments, latent.prior, latent.spread, noise, R, N * K, out_ / 2,
                                         matmul.stream()));
    }
    /// Fills the layer's gradients (ParameterArena::fill_gradient) from dy = dL/d(x W^T + b) [R, N, out], and, unless
    /// dx is null, dx [R, N, in]: the gradient before the activation that made x (kNone: of x itself), plus `more`
    /// where that is given. Row weights need dx.
    template <class T>
    void backward(const Matmul& matmul, ParameterArena<T>& parameters, T* dx, const T* dy, const T* x,
                  Activation x_activation, int N, const T* more = nullptr, const RowWeights<T>& rows = {}) const {
        if (dx)
            check(dense_backward_input(matmul, dx, dy, x, weight(parameters), parameters.stride(), x_activation,
                                       parameters.replicas(), N, in_, out_, more, rows));
        // What the weights' gradient reads where rows are weighted, the input's gradient has made.
        const T* counted = rows.weights ? rows.weighted_x : x;
        parameters.fill_gradient(matmul, {weight_, bias_, dy, counted, N, in_, out_, rows.weights});
    }
    /// `backward` of a layer whose x is a draw z, on to the moments it was drawn from (dense_to_gaussian_backward). dz
    /// [R, N, in] is scratch.
    template <class T>
    void backward_to_gaussian(const Matmul& matmul, ParameterArena<T>& parameters, T* d_moments, T* dz, const T* dy,
                              const T* z, const T* moments, const GaussianLatent<T>& latent, KlWeight<T> kl_weight,
                              int N) const {
        backward<T>(matmul, parameters, nullptr, dy, z, Activation::kNone, N);
        check(dense_to_gaussian_backward(matmul, d_moments, dz, dy, weight(parameters), parameters.stride(), z, moments,
                                         latent, kl_weight, parameters.replicas(), N, in_, out_));
    }

  private:
    std::size_t weight_ = 0, bias_ = 0;  // offsets in the arena
    int in_ = 0, out_ = 0;
};

}  // namespace warpvae

// Dense layers in a row with one activation between them (a ReLU unless said otherwise), R replicas at once: the
// trunks, encoders and decoders of the models here. Each layer has its forward and its backward; there is no autograd.
#pragma once
#include <string>
#include <vector>

#include "models/dense_layer.h"

namespace warpvae {

/// Dropout after each hidden layer's ReLU (Srivastava et al. 2014). Only ReLUs allow it: the backward reads the
/// derivative from the output, and a dropped ReLU's output, 0, still gives the right one.
struct Dropout {
    double rate = 0;
    int first_layer = 0;  ///< number of the first layer's masks; no two layers of a model may share a number
    int from = 0;         ///< the first hidden layer that drops; those before it keep all
};

template <class T>
class DenseStack {
  public:
    DenseStack() = default;
    /// Layers PREFIX0, PREFIX2, ... as torch.nn.Sequential numbers them, activations counted. widths: in, hidden...,
    /// out. `hidden` follows each layer but the last, `last` the last.
    DenseStack(ParameterLayout& layout, const std::string& prefix, const std::vector<int>& widths, Activation last,
               InitialRule rule, Dropout dropout = {}, Activation hidden = Activation::kRelu);
    /// The same layers and weights, for other rows; nothing is allocated.
    DenseStack same_weights() const;
    /// Makes room for `rows` rows over all replicas; before the first call of forward.
    void allocate(std::size_t rows);

    /// y, or output() where that is null, from x [R, N, in]. With `drop` (its seeds and step) hidden units are dropped,
    /// as in training; pass the same to `backward`.
    void forward(const Matmul& matmul, const ParameterArena<T>& parameters, const LayerInput<T>& x, int R, int N,
                 const LatentNoise& drop = {}, T* y = nullptr);
    T* output() { return activations_.back().data(); }  ///< [R, N, out]
    /// `forward` of a stack that makes logits, and their likelihood (dense_bernoulli): output() becomes dlogits.
    void forward_to_bernoulli(const Matmul& matmul, const ParameterArena<T>& parameters, const T* x, T* nll,
                              const BernoulliTarget<T>& target, const RowSumScratch& scratch, int R, int N);
    /// The same of a stack that makes probabilities (dense_sigmoid_bernoulli): fills output() and d_logits [R, N, out].
    void forward_sigmoid_to_bernoulli(const Matmul& matmul, const ParameterArena<T>& parameters, const T* x, T* nll,
                                      T* d_logits, const T* target, T scale, const RowSumScratch& scratch, int R,
                                      int N);
    /// The likelihood alone of a stack of either kind (dense_bernoulli_nll): output() is scratch.
    void bernoulli_nll(const Matmul& matmul, const ParameterArena<T>& parameters, const T* x, T* nll,
                       const BernoulliTarget<T>& target, const RowSumScratch& scratch, int R, int N);
    int in() const { return layers_.front().in(); }
    int out() const { return layers_.back().out(); }

    /// Fills the gradients of every layer from dy = dL/d(output before its activation) [R, N, out]. Returns dx [R, N,
    /// in] (through `x_activation`, whose output x is), or null unless `want_dx`. dy and the result may not be used
    /// after the next call.
    T* backward(const Matmul& matmul, ParameterArena<T>& parameters, const T* dy, const T* x, Activation x_activation,
                bool want_dx, int R, int N, const LatentNoise& drop = {});

    /// `backward` of a decoder, whose x is z, through z to the moments it was drawn from (dense_to_gaussian_backward).
    void backward_to_gaussian(const Matmul& matmul, ParameterArena<T>& parameters, T* d_moments, const T* dy,
                              const T* z, const T* moments, const GaussianLatent<T>& latent, KlWeight<T> kl_weight,
                              int N);
    /// `backward` of a decoder of K draws of each of N images: to the moments that they were drawn from
    /// (dense_to_posterior_backward). The rows of dy do not count as path.weights says yet: the last hidden layer's
    /// output is multiplied by them here, or, in a stack of one layer, z, into weighted_z [R, N K, Z].
    void backward_to_posterior(const Matmul& matmul, ParameterArena<T>& parameters, T* d_heads, const T* dy,
                               const PosteriorPath<T>& path, T* weighted_z, int R, int N, int K);

  private:
    LayerInput<T> forward_hidden(const Matmul& matmul, const ParameterArena<T>& parameters, LayerInput<T> x, int R,
                                 int N, const LatentNoise& drop);
    void apply_dropout(const Matmul& matmul, T* x, std::size_t hidden, const LatentNoise& drop, int R, int N) const;

    std::vector<DenseLayer> layers_;
    Activation last_ = Activation::kNone, hidden_ = Activation::kRelu;
    Dropout dropout_;
    std::vector<DeviceBuffer<T>> activations_;  // each layer's output
    std::vector<DeviceBuffer<T>> d_inputs_;     // the gradient of each layer's input
};

}  // namespace warpvae

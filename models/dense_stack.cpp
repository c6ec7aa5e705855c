#include "models/dense_stack.h"

#include <stdexcept>

namespace warpvae {

template <class T>
DenseStack<T>::DenseStack(ParameterLayout& layout, const std::string& prefix, const std::vector<int>& widths,
                          Activation last, InitialRule rule, Dropout dropout, Activation hidden)
    : last_(last), hidden_(hidden), dropout_(dropout) {
    if (dropout.rate > 0 && hidden != Activation::kRelu) throw std::invalid_argument("dropout follows ReLUs alone");
    for (std::size_t i = 0; i + 1 < widths.size(); ++i)
        layers_.emplace_back(layout, prefix + std::to_string(2 * i), widths[i], widths[i + 1], rule);
}

template <class T>
DenseStack<T> DenseStack<T>::same_weights() const {
    DenseStack same;
    same.layers_ = layers_, same.last_ = last_, same.hidden_ = hidden_, same.dropout_ = dropout_;
    return same;
}

template <class T>
void DenseStack<T>::allocate(std::size_t rows) {
    for (const DenseLayer& layer : layers_) {
        activations_.emplace_back(rows * layer.out(), "activations");
        d_inputs_.emplace_back(rows * layer.in(), "activation gradients");
    }
}

/// x = the output of hidden layer `hidden`, or its gradient: the mask is the same.
template <class T>
void DenseStack<T>::apply_dropout(const Matmul& matmul, T* x, std::size_t hidden, const LatentNoise& drop, int R,
                                  int N) const {
    if (dropout_.rate > 0 && drop.seeds && int(hidden) >= dropout_.from)
        check(dense_dropout(matmul, x, {dropout_.rate, drop.seeds, drop.step, dropout_.first_layer + int(hidden)}, R, N,
                            layers_[hidden].out()));
}

/// All layers but the last. Returns what that one reads.
template <class T>
LayerInput<T> DenseStack<T>::forward_hidden(const Matmul& matmul, const ParameterArena<T>& parameters, LayerInput<T> x,
                                            int R, int N, const LatentNoise& drop) {
    const std::size_t last = layers_.size() - 1;
    for (std::size_t i = 0; i < last; ++i) {
        layers_[i].forward(matmul, parameters, activations_[i].data(), x, hidden_, N);
        apply_dropout(matmul, activations_[i].data(), i, drop, R, N);
        x = static_cast<const T*>(activations_[i].data());
    }
    return x;
}

template <class T>
void DenseStack<T>::forward(const Matmul& matmul, const ParameterArena<T>& parameters, const LayerInput<T>& x, int R,
                            int N, const LatentNoise& drop, T* y) {
    const LayerInput<T> hidden = forward_hidden(matmul, parameters, x, R, N, drop);
    layers_.back().forward(matmul, parameters, y ? y : output(), hidden, last_, N);
}

template <class T>
void DenseStack<T>::forward_to_bernoulli(const Matmul& matmul, const ParameterArena<T>& parameters, const T* x, T* nll,
                                         const BernoulliTarget<T>& target, const RowSumScratch& scratch, int R, int N) {
    const T* hidden = forward_hidden(matmul, parameters, x, R, N, {}).rows;
    const DenseLayer& last = layers_.back();
    check(dense_bernoulli(matmul, nll, output(), hidden, last.weight(parameters), last.bias(parameters),
                          parameters.stride(), target, scratch, R, N, last.in(), last.out()));
}

template <class T>
void DenseStack<T>::forward_sigmoid_to_bernoulli(const Matmul& matmul, const ParameterArena<T>& parameters, const T* x,
                                                 T* nll, T* d_logits, const T* target, T scale,
                                                 const RowSumScratch& scratch, int R, int N) {
    const T* hidden = forward_hidden(matmul, parameters, x, R, N, {}).rows;
    const DenseLayer& last = layers_.back();
    check(dense_sigmoid_bernoulli(matmul, nll, d_logits, output(), hidden, last.weight(parameters),
                                  last.bias(parameters), parameters.stride(), target, scale, scratch, R, N, last.in(),
                                  last.out()));
}

template <class T>
void DenseStack<T>::bernoulli_nll(const Matmul& matmul, const ParameterArena<T>& parameters, const T* x, T* nll,
                                  const BernoulliTarget<T>& target, const RowSumScratch& scratch, int R, int N) {
    const T* hidden = forward_hidden(matmul, parameters, x, R, N, {}).rows;
    const DenseLayer& last = layers_.back();
    check(dense_bernoulli_nll(matmul, nll, output(), hidden, last.weight(parameters), last.bias(parameters),
                              parameters.stride(), last_, target, scratch, R, N, last.in(), last.out()));
}

template <class T>
T* DenseStack<T>::backward(const Matmul& matmul, ParameterArena<T>& parameters, const T* dy, const T* x,
                           Activation x_activation, bool want_dx, int R, int N, const LatentNoise& drop) {
    T* dx = nullptr;
    for (std::size_t i = layers_.size(); i-- > 0;) {
        dx = i || want_dx ? d_inputs_[i].data() : nullptr;
        layers_[i].backward(matmul, parameters, dx, dy, i ? activations_[i - 1].data() : x, i ? hidden_ : x_activation,
                            N);
        if (i) apply_dropout(matmul, dx, i - 1, drop, R, N);
        dy = dx;
    }
    return dx;
}

template <class T>
void DenseStack<T>::backward_to_gaussian(const Matmul& matmul, ParameterArena<T>& parameters, T* d_moments, const T* dy,
                                         const T* z, const T* moments, const GaussianLatent<T>& latent,
                                         KlWeight<T> kl_weight, int N) {
    for (std::size_t i = layers_.size(); i-- > 1;) {
        layers_[i].backward(matmul, parameters, d_inputs_[i].data(), dy,
                            static_cast<const T*>(activations_[i - 1].data()), hidden_, N);
        dy = d_inputs_[i].data();
    }
    layers_[0].backward_to_gaussian(matmul, parameters, d_moments, d_inputs_[0].data(), dy, z, moments, latent,
                                    kl_weight, N);
}

template <class T>
void DenseStack<T>::backward_to_posterior(const Matmul& matmul, ParameterArena<T>& parameters, T* d_heads, const T* dy,
                                          const PosteriorPath<T>& path, T* weighted_z, int R, int N, int K) {
    const DenseLayer& first = layers_[0];
    T* const d_z = d_inputs_[0].data();
    if (layers_.size() == 1) {
        first.backward(matmul, parameters, d_z, dy, path.z, Activation::kNone, N * K, static_cast<const T*>(nullptr),
                       {path.weights, weighted_z});
        check(posterior_backward<T>(d_heads, d_z, path, R, N, K, first.in(), matmul.stream()));
        return;
    }
    for (std::size_t i = layers_.size(); i-- > 1;) {
        T* const x = activations_[i - 1].data();
        const bool is_last = i + 1 == layers_.size();  // the other layers' gradients follow from its weighted one
        layers_[i].backward(matmul, parameters, d_inputs_[i].data(), dy, static_cast<const T*>(x), hidden_, N * K,
                            static_cast<const T*>(nullptr), is_last ? RowWeights<T>{path.weights, x} : RowWeights<T>{});
        dy = d_inputs_[i].data();
    }
    first.backward<T>(matmul, parameters, nullptr, dy, path.z, Activation::kNone, N * K);
    check(dense_to_posterior_backward(matmul, d_heads, d_z, dy, first.weight(parameters), parameters.stride(), path, R,
                                      N, K, first.in(), first.out()));
}

template class DenseStack<float>;
template class DenseStack<double>;

}  // namespace warpvae

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
    if (dropout_.rate > 0 && drop.seeds)
        check(dense_dropout(matmul, x, {dropout_.rate, drop.seeds, drop.step, dropout_.first_layer + int(hidden)}, R, N,
                            layers_[hidden].out()));
}

template <class T>
void DenseStack<T>::forward_layer(std::size_t i, const Matmul& matmul, const ParameterArena<T>& parameters, T* y,
                                  const T* x, int R, int N, const LatentNoise& drop) {
    const bool is_last = i + 1 == layers_.size();
    if (!is_last || !y) y = activations_[i].data();
    layers_[i].forward(matmul, parameters, y, i ? activations_[i - 1].data() : x, is_last ? last_ : hidden_, N);
    if (!is_last) apply_dropout(matmul, y, i, drop, R, N);
}

template <class T>
void DenseStack<T>::forward(const Matmul& matmul, const ParameterArena<T>& parameters, const T* x, int R, int N,
                            const LatentNoise& drop, T* y) {
    for (std::size_t i = 0; i < layers_.size(); ++i) forward_layer(i, matmul, parameters, y, x, R, N, drop);
}

template <class T>
void DenseStack<T>::forward_to_bernoulli(const Matmul& matmul, const ParameterArena<T>& parameters, const T* x, T* nll,
                                         const T* target, T scale, const RowSumScratch& scratch, int R, int N) {
    const std::size_t last = layers_.size() - 1;
    for (std::size_t i = 0; i < last; ++i) forward_layer(i, matmul, parameters, nullptr, x, R, N, {});
    const DenseLayer& layer = layers_[last];
    check(dense_bernoulli(matmul, nll, output(), last ? activations_[last - 1].data() : x, layer.weight(parameters),
                          layer.bias(parameters), parameters.stride(), target, scale, scratch, R, N, layer.in(),
                          layer.out()));
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
                                         const T* z, const T* moments, T kl_weight, int R, int N) {
    for (std::size_t i = layers_.size(); i-- > 1;) {
        layers_[i].backward(matmul, parameters, d_inputs_[i].data(), dy,
                            static_cast<const T*>(activations_[i - 1].data()), hidden_, N);
        dy = d_inputs_[i].data();
    }
    const DenseLayer& first = layers_[0];
    first.backward<T>(matmul, parameters, nullptr, dy, z, Activation::kNone, N);
    check(dense_to_gaussian_backward(matmul, d_moments, d_inputs_[0].data(), dy, first.weight(parameters),
                                     parameters.stride(), z, moments, kl_weight, R, N, first.in(), first.out()));
}

template class DenseStack<float>;
template class DenseStack<double>;

}  // namespace warpvae

#include "models/dense_stack.h"

#include <algorithm>

namespace warpvae {

DenseLayer add_dense_layer(ParameterLayout& layout, const std::string& name, int in, int out, const Initial& weight,
                           const Initial& bias) {
    DenseLayer layer{0, 0, in, out};
    layer.weight = layout.add(name + ".weight", {out, in}, weight);
    layer.bias = layout.add(name + ".bias", {out}, bias);
    return layer;
}

DenseLayer add_dense_layer(ParameterLayout& layout, const std::string& name, int in, int out, InitialRule rule) {
    const bool torch = rule == InitialRule::kTorch;
    return add_dense_layer(layout, name, in, out, torch ? Initial::torch(in) : Initial::glorot(in, out),
                           torch                          ? Initial::torch(in)
                           : rule == InitialRule::kXavier ? Initial::constant({0.1})
                                                          : Initial());
}

template <class T>
DenseStack<T>::DenseStack(ParameterLayout& layout, const std::string& prefix, const std::vector<int>& widths,
                          Activation last, InitialRule rule, Dropout dropout, Activation hidden)
    : last_(last), hidden_(hidden), dropout_(dropout) {
    if (dropout.rate > 0 && hidden != Activation::kRelu) throw DeviceError("dropout follows ReLUs alone");
    for (std::size_t i = 0; i + 1 < widths.size(); ++i)
        layers_.push_back(add_dense_layer(layout, prefix + std::to_string(2 * i), widths[i], widths[i + 1], rule));
}

template <class T>
void DenseStack<T>::allocate(std::size_t rows) {
    int widest = 1;
    for (const DenseLayer& layer : layers_) {
        activations_.emplace_back(rows * layer.out, "activations");
        widest = std::max(widest, layer.in);
    }
    for (DeviceBuffer<T>& buffer : d_hidden_) buffer = DeviceBuffer<T>(rows * widest, "activation gradients");
}

/// x = the output of hidden layer `hidden`, or its gradient: the mask is the same.
template <class T>
void DenseStack<T>::apply_dropout(T* x, std::size_t hidden, const LatentNoise& drop, int R, int N,
                                  Stream stream) const {
    if (dropout_.rate > 0 && drop.seeds)
        check(dropout(x, x, {dropout_.rate, drop.seeds, drop.step, dropout_.first_layer + int(hidden)}, R, N,
                      layers_[hidden].out, stream));
}

template <class T>
void DenseStack<T>::forward(const Matmul& matmul, const ParameterArena<T>& parameters, const T* x, int R, int N,
                            const LatentNoise& drop) {
    const T* values = parameters.values();
    for (std::size_t i = 0; i < layers_.size(); ++i) {
        const DenseLayer& layer = layers_[i];
        check(dense_forward(matmul, activations_[i].data(), i ? activations_[i - 1].data() : x, values + layer.weight,
                            values + layer.bias, parameters.layout().size(), i + 1 < layers_.size() ? hidden_ : last_,
                            R, N, layer.in, layer.out));
        if (i + 1 < layers_.size()) apply_dropout(activations_[i].data(), i, drop, R, N, matmul.stream());
    }
}

template <class T>
T* DenseStack<T>::backward(const Matmul& matmul, ParameterArena<T>& parameters, const T* dy, const T* x,
                           Activation x_activation, bool want_dx, int R, int N, const LatentNoise& drop) {
    const T* values = parameters.values();
    T* gradients = parameters.gradients();
    T* dx = nullptr;
    for (std::size_t i = layers_.size(); i-- > 0;) {
        const DenseLayer& layer = layers_[i];
        dx = i || want_dx ? d_hidden_[i % 2].data() : nullptr;
        check(dense_backward(matmul, dx, gradients + layer.weight, gradients + layer.bias, dy,
                             i ? activations_[i - 1].data() : x, values + layer.weight, parameters.layout().size(),
                             i ? hidden_ : x_activation, R, N, layer.in, layer.out));
        if (i) apply_dropout(dx, i - 1, drop, R, N, matmul.stream());
        dy = dx;
    }
    return dx;
}

template class DenseStack<float>;
template class DenseStack<double>;

}  // namespace warpvae

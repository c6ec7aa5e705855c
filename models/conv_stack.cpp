#include "models/conv_stack.h"

#include <algorithm>
#include <stdexcept>

namespace warpvae {

template <class T>
ConvStack<T>::ConvStack(ParameterLayout& layout, const std::string& prefix, std::vector<ConvLayer> layers,
                        Activation last)
    : layers_(std::move(layers)), last_(last) {
    for (std::size_t i = 0; i < layers_.size(); ++i) {
        ConvLayer& layer = layers_[i];
        const ConvolutionShape& s = layer.shape;
        const std::string name = prefix + std::to_string(2 * i);
        const int window = s.kernel * s.kernel;
        layer.weight =
            layout.add(name + ".weight", {s.y_channels, s.x_channels, s.kernel, s.kernel},
                       Initial::glorot(window * s.x_channels, window * s.y_channels), MemoryFormat::kChannelsLast);
        layer.bias = layout.add(name + ".bias", {layer.out_channels()}, Initial());
    }
}

template <class T>
void ConvStack<T>::allocate(int R, int rows) {
    const std::size_t images = std::size_t(R) * rows;
    std::size_t widest = 1, partials = 1;
    for (const ConvLayer& layer : layers_) {
        activations_.emplace_back(images * layer.out(), "activations");
        widest = std::max(widest, layer.in());
        partials = std::max(partials, R * channel_bias_partials(rows * layer.out_pixels(), layer.out_channels()));
    }
    for (DeviceBuffer<T>& buffer : d_hidden_) buffer = DeviceBuffer<T>(images * widest, "activation gradients");
    partials_ = DeviceBuffer<T>(partials, "partial bias gradients");
}

template <class T>
void ConvStack<T>::forward(const Convolver& convolver, const ParameterArena<T>& parameters, const T* x, int R, int N) {
    const std::size_t P = parameters.stride();
    for (std::size_t i = 0; i < layers_.size(); ++i) {
        const ConvLayer& layer = layers_[i];
        const T* in = i ? activations_[i - 1].data() : x;
        const T* W = parameters.value(layer.weight);
        T* out = activations_[i].data();
        check(layer.transposed ? transposed_convolution_forward(convolver, out, in, W, P, layer.shape, R, N)
                               : convolution_forward(convolver, out, in, W, P, layer.shape, R, N));
        check(channel_bias_forward(out, parameters.value(layer.bias), P,
                                   i + 1 < layers_.size() ? Activation::kRelu : last_, R, N * layer.out_pixels(),
                                   layer.out_channels(), convolver.stream()));
    }
}

template <class T>
T* ConvStack<T>::backward(const Convolver& convolver, ParameterArena<T>& parameters, T* dy, const T* x, bool want_dx,
                          int R, int N) {
    const std::size_t P = parameters.stride();
    T* dx = nullptr;
    for (std::size_t i = layers_.size(); i-- > 0;) {
        const ConvLayer& layer = layers_[i];
        const T* in = i ? activations_[i - 1].data() : x;
        const T* W = parameters.value(layer.weight);
        const bool relu = i + 1 < layers_.size() || last_ == Activation::kRelu;
        check(channel_bias_backward(dy, parameters.gradient(layer.bias), partials_.data(),
                                    relu ? activations_[i].data() : nullptr, P, R, N * layer.out_pixels(),
                                    layer.out_channels(), convolver.stream()));
        T* dW = parameters.gradient(layer.weight);
        check(layer.transposed ? transposed_convolution_backward_weights(convolver, dW, dy, in, P, layer.shape, R, N)
                               : convolution_backward_weights(convolver, dW, dy, in, P, layer.shape, R, N));
        dx = i || want_dx ? d_hidden_[i % 2].data() : nullptr;
        if (dx)
            check(layer.transposed ? transposed_convolution_backward_data(convolver, dx, dy, W, P, layer.shape, R, N)
                                   : convolution_backward_data(convolver, dx, dy, W, P, layer.shape, R, N));
        dy = dx;
    }
    return dx;
}

std::vector<ConvLayer> encoder_convolutions(int height, int width, int channels, const std::vector<int>& filters) {
    std::vector<ConvLayer> layers;
    for (std::size_t i = 0; i < filters.size(); ++i) {
        ConvLayer layer;
        layer.shape = {channels, height, width, filters[i], 5, i ? 2 : 1, 2};
        height = layer.shape.y_height(), width = layer.shape.y_width(), channels = filters[i];
        layers.push_back(layer);
    }
    return layers;
}

std::vector<ConvLayer> decoder_convolutions(int flat, int height, int width, int channels,
                                            const std::vector<int>& filters) {
    std::vector<ConvLayer> layers;
    int side = 2, in = flat / 4;
    for (const int out : filters) {
        ConvLayer layer;
        layer.transposed = true;
        layer.shape = {out, 2 * side, 2 * side, in, 5, 2, 2};
        layers.push_back(layer);
        side *= 2, in = out;
    }
    ConvLayer last;
    last.shape = {in, side, side, channels, 5, 1, height == side ? 2 : 0};
    if (flat % 4 || height != width || last.shape.y_height() != height)
        throw std::invalid_argument("a decoder of " + std::to_string(filters.size()) +
                                    " transposed convolutions makes images of " + std::to_string(side - 4) + " or " +
                                    std::to_string(side) + " pixels a side, not " + std::to_string(height) + " x " +
                                    std::to_string(width));
    layers.push_back(last);
    return layers;
}

template class ConvStack<float>;
template class ConvStack<double>;

}  // namespace warpvae

#include "models/conv_stack.h"

#include <algorithm>
#include <stdexcept>

namespace warpvae {

template <class T>
ConvStack<T>::ConvStack(ParameterLayout& layout, const std::string& prefix, std::vector<ConvLayer> layers,
                        Activation last, InitialRule rule, Normalisation normalisation)
    : layers_(std::move(layers)), last_(last), normalisation_(normalisation) {
    if (rule == InitialRule::kXavier) throw std::invalid_argument("convolutions begin as kLasagne or kTorch has them");
    for (std::size_t i = 0; i < layers_.size(); ++i) {
        ConvLayer& layer = layers_[i];
        const ConvolutionShape& s = layer.shape;
        const int stride = normalisation == Normalisation::kBatch ? 3 : 2;  // torch.nn.Sequential counts all modules
        const std::string name = prefix + std::to_string(stride * i);
        const int window = s.kernel * s.kernel;
        // torch takes the weight's second axis for what a unit reads, of a transposed convolution too.
        const bool is_torch = rule == InitialRule::kTorch;
        const Initial weight = is_torch ? Initial::torch(window * s.x_channels)
                                        : Initial::glorot(window * s.x_channels, window * s.y_channels);
        layer.weight = layout.add(name + ".weight", {s.y_channels, s.x_channels, s.kernel, s.kernel}, weight,
                                  MemoryFormat::kChannelsLast);
        layer.bias = layout.add(name + ".bias", {layer.out_channels()}, is_torch ? weight : Initial());
        if (!is_normalised(i)) continue;
        const std::string norm = prefix + std::to_string(stride * i + 1);
        layer.scale = layout.add(norm + ".weight", {layer.out_channels()}, Initial::constant({1}));
        layer.shift = layout.add(norm + ".bias", {layer.out_channels()}, Initial());
        layer.running_mean = layout.add(norm + ".running_mean", {layer.out_channels()}, Initial());
        layer.running_variance = layout.add(norm + ".running_var", {layer.out_channels()}, Initial::constant({1}));
    }
}

template <class T>
ConvStack<T> ConvStack<T>::same_weights() const {
    ConvStack same;
    same.layers_ = layers_, same.last_ = last_, same.normalisation_ = normalisation_;
    return same;
}

template <class T>
void ConvStack<T>::allocate(const Convolver& convolver, int R, int rows, bool trains) {
    const std::size_t images = std::size_t(R) * rows;
    is_fused_ = true;
    for (const ConvLayer& layer : layers_) is_fused_ &= convolution_is_fused<T>(convolver, layer.shape, rows);
    std::size_t widest = 1, partials = 1, scratch = 1;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
        const ConvLayer& layer = layers_[i];
        const std::size_t channels = layer.out_channels();
        // Empty where nothing is normalised, so that layer i has number i in all of them.
        const std::size_t normalised = is_normalised(i) ? R : 0;
        unnormalised_.emplace_back(normalised * rows * layer.out(), "what is normalised");
        statistics_.emplace_back(normalised * 2 * channels, "batch statistics");
        averages_before_.emplace_back(normalised * 2 * channels, "running averages");
        next_steps_.emplace_back(normalised, "steps of running averages").zero();
        if (normalised) scratch = std::max(scratch, R * batch_norm_scratch(rows * layer.out_pixels(), int(channels)));
        activations_.emplace_back(images * layer.out(), "activations");
        if (is_fused_ && trains) {
            const PartialGradientSizes sizes = partial_gradients(layer.shape, layer.transposed, rows);
            d_inputs_.emplace_back(images * layer.in(), "activation gradients");
            partial_gradients_.emplace_back(R * sizes.parts, "partial gradients");
            arrived_.emplace_back(R * sizes.arrived, "partial gradients").zero();
        }
        widest = std::max(widest, layer.in());
        partials = std::max(partials, R * channel_bias_partials(rows * layer.out_pixels(), layer.out_channels()));
    }
    norm_scratch_ = DeviceBuffer<double>(scratch, "sums of batch statistics");
    if (is_fused_ || !trains) return;
    for (int i = 0; i < 2; ++i) d_inputs_.emplace_back(images * widest, "activation gradients");
    partials_ = DeviceBuffer<T>(partials, "partial bias gradients");
}

template <class T>
void ConvStack<T>::require_alike(const std::vector<Work>& all) {
    const ConvStack& first = *all[0].stack;
    const auto is_same = [](const ConvLayer& a, const ConvLayer& b) {
        return a.shape == b.shape && a.transposed == b.transposed;
    };
    for (const Work& work : all)
        if (!std::ranges::equal(first.layers_, work.stack->layers_, is_same) || work.stack->last_ != first.last_ ||
            work.stack->normalisation_ != first.normalisation_)
            throw std::invalid_argument("only stacks of the same layers are computed together");
}

template <class T>
bool ConvStack<T>::are_fused(const std::vector<Work>& all) {
    return std::ranges::all_of(all, [](const Work& work) { return work.stack->is_fused_; });
}

template <class T>
void ConvStack<T>::forward_layer_by_library(std::size_t i, const Convolver& convolver,
                                            const ParameterArena<T>& parameters, const T* x, int R, int N) {
    const ConvLayer& layer = layers_[i];
    const std::size_t P = parameters.stride();
    T* const y = result_of(i);
    check((layer.transposed
               ? transposed_convolution_forward<T>
               : convolution_forward<T>)(convolver, y, x, parameters.value(layer.weight), P, layer.shape, R, N));
    check(channel_bias_forward(y, parameters.value(layer.bias), P, convolution_activation_of(i), R,
                               N * layer.out_pixels(), layer.out_channels(), convolver.stream()));
}

template <class T>
NormStatistics<T> ConvStack<T>::batch_statistics(std::size_t i) const {
    const std::size_t channels = layers_[i].out_channels();
    return {statistics_[i].data(), statistics_[i].data() + channels, 2 * channels};
}

/// Layer i's output from what its convolution made.
template <class T>
void ConvStack<T>::normalise(std::size_t i, const Convolver& convolver, const ParameterArena<T>& parameters, int R,
                             int N, NormMode mode) {
    const ConvLayer& layer = layers_[i];
    const std::size_t pixels = N * layer.out_pixels(), P = parameters.stride();
    const T* const x = unnormalised_[i].data();
    NormStatistics<T> statistics{parameters.value(layer.running_mean), parameters.value(layer.running_variance), P};
    if (mode == NormMode::kBatch) {
        check(batch_norm_statistics(statistics_[i].data(), norm_scratch_.data(), x, R, pixels, layer.out_channels(),
                                    convolver.stream()));
        statistics = batch_statistics(i);
    }
    check(batch_norm_forward<T>(activations_[i].data(), x, statistics,
                                {parameters.value(layer.scale), parameters.value(layer.shift), P}, activation_of(i), R,
                                pixels, layer.out_channels(), convolver.stream()));
}

/// dy in place, from the gradient before layer i's ReLU, or, where it `masks`, after it.
template <class T>
void ConvStack<T>::normalise_backward(std::size_t i, const Convolver& convolver, ParameterArena<T>& parameters, T* dy,
                                      bool masks, int R, int N) {
    const ConvLayer& layer = layers_[i];
    check(batch_norm_backward<T>(dy, parameters.gradient(layer.scale), parameters.gradient(layer.shift),
                                 norm_scratch_.data(), unnormalised_[i].data(),
                                 masks ? activations_[i].data() : nullptr, batch_statistics(i),
                                 {parameters.value(layer.scale), parameters.value(layer.shift), parameters.stride()}, R,
                                 N * layer.out_pixels(), layer.out_channels(), convolver.stream()));
}

template <class T>
void ConvStack<T>::update_running(const Convolver& convolver, ParameterArena<T>& parameters, const std::uint64_t* step,
                                  int R, int N) {
    for (std::size_t i = 0; i < layers_.size(); ++i) {
        const ConvLayer& layer = layers_[i];
        if (!is_normalised(i)) continue;
        T* const values = parameters.values();
        const RunningStatistics<T> running{values + layer.running_mean, values + layer.running_variance,
                                           parameters.stride(), averages_before_[i].data(), next_steps_[i].data()};
        check(batch_norm_update<T>(running, statistics_[i].data(), step, R, N * layer.out_pixels(),
                                   layer.out_channels(), convolver.stream()));
    }
}

template <class T>
void ConvStack<T>::forward_by_library(const Convolver& convolver, const ParameterArena<T>& parameters, const T* x,
                                      int R, int N, NormMode mode) {
    for (std::size_t i = 0; i < layers_.size(); ++i) {
        forward_layer_by_library(i, convolver, parameters, input_of(i, x), R, N);
        if (is_normalised(i)) normalise(i, convolver, parameters, R, N, mode);
    }
}

template <class T>
void ConvStack<T>::forward_together(const Convolver& convolver, const ParameterArena<T>& parameters,
                                    const std::vector<Work>& all, int R, NormMode mode) {
    require_alike(all);
    if (are_fused(all)) return forward_fused(convolver, parameters, all, R, mode);
    for (const Work& work : all)  // each its own way
        if (work.stack->is_fused_)
            forward_fused(convolver, parameters, {work}, R, mode);
        else
            work.stack->forward_by_library(convolver, parameters, work.x, R, work.N, mode);
}

template <class T>
std::vector<T*> ConvStack<T>::backward_together(const Convolver& convolver, ParameterArena<T>& parameters,
                                                const std::vector<Work>& all, Activation x_activation, bool want_dx,
                                                int R) {
    require_alike(all);
    if (are_fused(all)) return backward_fused(convolver, parameters, all, x_activation, want_dx, R);
    std::vector<T*> dx;
    for (const Work& work : all)
        dx.push_back(work.stack->is_fused_ ? backward_fused(convolver, parameters, {work}, x_activation, want_dx, R)[0]
                                           : work.stack->backward_by_library(convolver, parameters, work.dy, work.x,
                                                                             x_activation, want_dx, R, work.N));
    return dx;
}

// The fused kernels are for floats: a stack of doubles never comes here.

template <class T>
void ConvStack<T>::forward_fused(const Convolver& convolver, const ParameterArena<T>& parameters,
                                 const std::vector<Work>& all, int R, NormMode mode) {
    if constexpr (std::is_same_v<T, float>)
        for (std::size_t i = 0; i < all[0].stack->layers_.size(); ++i) {
            const ConvLayer& layer = all[0].stack->layers_[i];
            std::vector<ConvolutionForward> together;
            for (const auto& [stack, x, N, dy] : all)
                together.push_back({stack->result_of(i), stack->input_of(i, x),
                                    parameters.value(stack->layers_[i].weight),
                                    parameters.value(stack->layers_[i].bias), N});
            check((layer.transposed ? fused_transposed_convolution_forward : fused_convolution_forward)(
                together, parameters.stride(), all[0].stack->convolution_activation_of(i), layer.shape, R,
                convolver.math_stream()));
            for (const Work& work : all)
                if (work.stack->is_normalised(i)) work.stack->normalise(i, convolver, parameters, R, work.N, mode);
        }
}

template <class T>
std::vector<T*> ConvStack<T>::backward_fused(const Convolver& convolver, ParameterArena<T>& parameters,
                                             std::vector<Work> all, Activation x_activation, bool want_dx, int R) {
    std::vector<T*> dx(all.size());
    if constexpr (std::is_same_v<T, float>)
        for (std::size_t i = all[0].stack->layers_.size(); i-- > 0;) {
            const ConvLayer& shared = all[0].stack->layers_[i];
            std::vector<ConvolutionBackwardData> together;
            for (std::size_t n = 0; n < all.size(); ++n) {
                auto& [stack, x, N, dy] = all[n];
                const ConvLayer& layer = stack->layers_[i];
                const T* const in = stack->input_of(i, x);
                if (stack->is_normalised(i)) stack->normalise_backward(i, convolver, parameters, dy, false, R, N);
                parameters.fill_gradient(convolver, {layer.weight,
                                                     layer.bias,
                                                     layer.transposed ? in : dy,
                                                     layer.transposed ? dy : in,
                                                     layer.shape,
                                                     layer.transposed,
                                                     N,
                                                     {stack->partial_gradients_[i].data(), stack->arrived_[i].data()}});
                dx[n] = i || want_dx ? stack->d_inputs_[i].data() : nullptr;
                together.push_back({dx[n], dy, in, parameters.value(layer.weight), N});
                dy = dx[n];
            }
            if (i == 0 && !want_dx) break;
            check((shared.transposed ? fused_transposed_convolution_backward_data : fused_convolution_backward_data)(
                together, parameters.stride(), i ? Activation::kRelu : x_activation, shared.shape, R,
                convolver.math_stream()));
        }
    return dx;
}

/// One pass applies a ReLU's derivative and sums the bias's gradient.
template <class T>
T* ConvStack<T>::backward_by_library(const Convolver& convolver, ParameterArena<T>& parameters, T* dy, const T* x,
                                     Activation x_activation, bool want_dx, int R, int N) {
    const std::size_t P = parameters.stride();
    T* dx = nullptr;
    for (std::size_t i = layers_.size(); i-- > 0; dy = dx) {
        const ConvLayer& layer = layers_[i];
        const T* in = i ? activations_[i - 1].data() : x;
        const T* W = parameters.value(layer.weight);
        const bool masks = i + 1 < layers_.size(), normalised = is_normalised(i);
        if (normalised) normalise_backward(i, convolver, parameters, dy, masks, R, N);
        check(channel_bias_backward(dy, parameters.gradient(layer.bias), partials_.data(),
                                    masks && !normalised ? activations_[i].data() : nullptr, P, R,
                                    N * layer.out_pixels(), layer.out_channels(), convolver.stream()));
        T* dW = parameters.gradient(layer.weight);
        check(layer.transposed ? transposed_convolution_backward_weights(convolver, dW, dy, in, P, layer.shape, R, N)
                               : convolution_backward_weights(convolver, dW, dy, in, P, layer.shape, R, N));
        dx = i || want_dx ? d_inputs_[i % 2].data() : nullptr;
        if (dx)
            check(layer.transposed ? transposed_convolution_backward_data(convolver, dx, dy, W, P, layer.shape, R, N)
                                   : convolution_backward_data(convolver, dx, dy, W, P, layer.shape, R, N));
    }
    if (dx) check(activation_backward(dx, x, x_activation, std::size_t(R) * N * in(), convolver.stream()));
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

#include "models/parameters.h"

#include <cmath>
#include <stdexcept>

namespace warpvae {

namespace {
constexpr std::size_t kAlignment = 256 / sizeof(float);
std::size_t padded(std::size_t n) { return (n + kAlignment - 1) / kAlignment * kAlignment; }
}  // namespace

Initial Initial::torch(int fan_in) { return {1 / std::sqrt(double(fan_in)), {}}; }
Initial Initial::glorot(int fan_in, int fan_out, double gain) {
    return {gain * std::sqrt(6. / (double(fan_in) + fan_out)), {}};
}

std::size_t ParameterInfo::position(std::size_t i) const {
    if (format == MemoryFormat::kContiguous) return offset + i;
    const std::size_t channels = shape[1], window = shape[2] * shape[3];
    const std::size_t tap = i % window, in = i / window % channels, out = i / window / channels;
    return offset + (out * window + tap) * channels + in;
}

std::size_t ParameterLayout::add(std::string name, std::vector<std::int64_t> shape, Initial initial,
                                 MemoryFormat format) {
    if (format == MemoryFormat::kChannelsLast && shape.size() != 4)
        throw std::invalid_argument(name + " has no channels to put last: " + std::to_string(shape.size()) + " axes");
    std::size_t count = 1;
    for (std::int64_t n : shape) count *= static_cast<std::size_t>(n);
    const std::size_t offset = size_;
    tensors_.push_back({std::move(name), std::move(shape), offset, count, std::move(initial), format});
    size_ += padded(count);
    return offset;
}

std::size_t ParameterLayout::count() const {
    std::size_t total = 0;
    for (const ParameterInfo& tensor : tensors_) total += tensor.count;
    return total;
}

const ParameterInfo& ParameterLayout::at(std::size_t element) const {
    for (const ParameterInfo& tensor : tensors_)
        if (element < tensor.offset + padded(tensor.count)) return tensor;
    throw std::invalid_argument("no parameter lies at offset " + std::to_string(element));
}

template <class T>
ParameterArena<T>::ParameterArena(const ParameterLayout& layout, int R)
    : layout_(layout), R_(R), values_(R * layout.size(), "parameters"), gradients_(R * layout.size(), "gradients") {
    values_.zero();
    gradients_.zero();  // the padding between tensors stays 0 for good
}

template <class T>
void ParameterArena<T>::initialise(const std::vector<std::uint64_t>& seeds, Stream stream) {
    for (int r = 0; r < R_; ++r) {
        for (std::size_t i = 0; i < layout_.tensors().size(); ++i) {
            const ParameterInfo& tensor = layout_.tensors()[i];
            const T bound = T(tensor.initial.bound);
            T* const values_of = values() + r * layout_.size() + tensor.offset;
            if (bound > 0)
                check(philox_uniform<T>(values_of, tensor.count, -bound, bound, seeds[r], Purpose::kInitialise, i,
                                        stream));
            else
                check(fill_bytes(values_of, 0, tensor.count * sizeof(T), stream));
        }
        check(stream_synchronize(stream));
        std::vector<T> arena = download(r);  // the draws in torch's order: the same ones whatever the format
        for (const ParameterInfo& tensor : layout_.tensors()) {
            const T* const first = arena.data() + tensor.offset;
            std::vector<T> drawn(first, first + tensor.count);
            const std::vector<double>& centre = tensor.initial.centre;
            for (std::size_t k = 0; k < drawn.size() && !centre.empty(); ++k) drawn[k] += T(centre[k % centre.size()]);
            tensor.set(arena, drawn);
        }
        upload(r, arena);
    }
}

template <class T>
std::vector<T> ParameterArena<T>::download(int replica) const {
    std::vector<T> host(layout_.size());
    values_.download(host.data(), host.size(), replica * layout_.size());
    return host;
}
template <class T>
void ParameterArena<T>::upload(int replica, const std::vector<T>& host) {
    values_.upload(host.data(), host.size(), replica * layout_.size());
}
template <class T>
std::vector<T> ParameterArena<T>::download_gradients(int replica) const {
    std::vector<T> host(layout_.size());
    gradients_.download(host.data(), host.size(), replica * layout_.size());
    return host;
}

template <class T>
void ParameterArena<T>::fill_gradient(const Matmul& matmul, const DenseWeightGradient<T>& layer) {
    if (deferred_)
        deferred_->dense.push_back(layer);
    else
        check(dense_backward_weights(matmul, gradients(), layer, R_, stride()));
}

template <class T>
void ParameterArena<T>::fill_gradient(const Convolver& convolver, const ConvolutionWeightGradient<T>& layer) {
    if (deferred_)
        deferred_->convolutions.push_back(layer);
    else if constexpr (std::is_same_v<T, float>)
        check(weight_gradients(gradients(), {{}, {layer}}, R_, stride(), convolver.math_stream()));
}

template class ParameterArena<float>;
template class ParameterArena<double>;

}  // namespace warpvae

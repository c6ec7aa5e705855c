#include "host/core/parameters.h"

#include <cmath>

namespace warpvae {

namespace {
constexpr std::size_t kAlignment = 256 / sizeof(float);
std::size_t padded(std::size_t n) { return (n + kAlignment - 1) / kAlignment * kAlignment; }
}  // namespace

std::size_t ParameterLayout::add(std::string name, std::vector<std::int64_t> shape, int fan_in) {
    std::size_t count = 1;
    for (std::int64_t n : shape) count *= static_cast<std::size_t>(n);
    const std::size_t offset = size_;
    tensors_.push_back({std::move(name), std::move(shape), offset, count, fan_in});
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
    throw DeviceError("no parameter lies at offset " + std::to_string(element));
}

template <class T>
ParameterArena<T>::ParameterArena(const ParameterLayout& layout, int R)
    : layout_(layout), R_(R), values_(R * layout.size(), "parameters"), gradients_(R * layout.size(), "gradients") {
    values_.zero();
    gradients_.zero();  // the padding between tensors stays 0 for good
}

template <class T>
void ParameterArena<T>::initialise(const std::vector<std::uint64_t>& seeds, Stream stream) {
    for (int r = 0; r < R_; ++r)
        for (std::size_t i = 0; i < layout_.tensors().size(); ++i) {
            const ParameterInfo& tensor = layout_.tensors()[i];
            const T bound = T(1 / std::sqrt(double(tensor.fan_in)));
            check(philox_uniform<T>(values() + r * layout_.size() + tensor.offset, tensor.count, -bound, bound,
                                    seeds[r], Purpose::kInitialise, i, stream));
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

template class ParameterArena<float>;
template class ParameterArena<double>;

}  // namespace warpvae

// Owned device memory. There is no operator[]: a host read of a device pointer would pass on the CPU device and crash
// on a GPU, so bytes cross only through `upload` and `download`.
#pragma once
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include "cuda/device/device.h"

namespace warpvae {

template <class T>
class DeviceBuffer {
    static_assert(std::is_trivially_copyable<T>::value, "device memory holds plain data");

  public:
    DeviceBuffer() = default;
    /// `count` elements, uninitialised; `tag` names the buffer if the device has no room for it.
    explicit DeviceBuffer(std::size_t count, const char* tag = "buffer")
        : data_(count ? static_cast<T*>(device_allocate(count * sizeof(T), tag)) : nullptr), count_(count) {}
    explicit DeviceBuffer(const std::vector<T>& host, const char* tag = "buffer") : DeviceBuffer(host.size(), tag) {
        upload(host);
    }
    ~DeviceBuffer() { device_free(data_); }
    DeviceBuffer(DeviceBuffer&& other) noexcept { swap(other); }
    DeviceBuffer& operator=(DeviceBuffer&& other) noexcept {
        DeviceBuffer(std::move(other)).swap(*this);
        return *this;
    }
    DeviceBuffer(const DeviceBuffer&) = delete;
    DeviceBuffer& operator=(const DeviceBuffer&) = delete;

    /// A device pointer: pass it to launchers, never read through it.
    T* data() { return data_; }
    const T* data() const { return data_; }
    std::size_t size() const { return count_; }
    std::size_t bytes() const { return count_ * sizeof(T); }

    void upload(const T* host, std::size_t count, std::size_t offset = 0, Stream stream = nullptr) {
        if (offset + count > count_) throw std::out_of_range("upload past the end of a device buffer");
        check(copy_to_device(data_ + offset, host, count * sizeof(T), stream));
    }
    void upload(const std::vector<T>& host, Stream stream = nullptr) { upload(host.data(), host.size(), 0, stream); }
    void download(T* host, std::size_t count, std::size_t offset = 0, Stream stream = nullptr) const {
        if (offset + count > count_) throw std::out_of_range("download past the end of a device buffer");
        check(copy_to_host(host, data_ + offset, count * sizeof(T), stream));
    }
    std::vector<T> download(Stream stream = nullptr) const {
        std::vector<T> host(count_);
        download(host.data(), count_, 0, stream);
        return host;
    }
    void zero(Stream stream = nullptr) { check(fill_bytes(data_, 0, bytes(), stream)); }

  private:
    void swap(DeviceBuffer& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(count_, other.count_);
    }
    T* data_ = nullptr;
    std::size_t count_ = 0;
};

}  // namespace warpvae

// Warps of a model's images. Those are [H, W, C], as everywhere, and the kernels take channel after channel: images in
// colour go through copies in that order, grey ones as they are.
#pragma once
#include "cuda/device/buffer.h"
#include "cuda/ops/warp.h"

namespace warpvae {

template <class T>
class ImageWarp {
  public:
    ImageWarp() = default;
    /// Of up to `rows` images, whose warps have the same size.
    ImageWarp(const SampleShape& shape, std::size_t rows) : shape_(shape) {
        if (is_grey()) return;
        for (DeviceBuffer<T>* planes : {&images_, &warped_, &dimages_})
            *planes = DeviceBuffer<T>(rows * pixels() * shape.C, "images, channels first");
    }
    bool is_grey() const { return shape_.C == 1; }

    /// As warp_forward, warp_backward and warp_sigmoid_bernoulli, of N images [H, W, C]. The last is for grey ones.
    Status forward(T* out, const T* images, const T* u, const Warp<T>& warp, std::size_t N, Stream stream) {
        if (is_grey()) return warp_forward<T>(out, images, u, warp, N, shape_, {}, stream);
        Status status = channels_first<T>(images_.data(), images, N, pixels(), shape_.C, stream);
        if (status.ok()) status = warp_forward<T>(warped_.data(), images_.data(), u, warp, N, shape_, {}, stream);
        return status.ok() ? channels_last<T>(out, warped_.data(), N, pixels(), shape_.C, stream) : status;
    }
    Status backward(T* dimages, T* du, bool add, const T* dout, const T* images, const T* u, const Warp<T>& warp,
                    std::size_t N, Stream stream) {
        if (is_grey()) return warp_backward<T>(dimages, du, add, dout, images, u, warp, N, shape_, {}, stream);
        Status status = channels_first<T>(images_.data(), images, N, pixels(), shape_.C, stream);
        if (status.ok()) status = channels_first<T>(warped_.data(), dout, N, pixels(), shape_.C, stream);
        if (status.ok())
            status = warp_backward<T>(dimages ? dimages_.data() : nullptr, du, add, warped_.data(), images_.data(), u,
                                      warp, N, shape_, {}, stream);
        if (!status.ok() || !dimages) return status;
        return channels_last<T>(dimages, dimages_.data(), N, pixels(), shape_.C, stream);
    }
    Status sigmoid_bernoulli(const WarpLoss<T>& to, const T* images, const T* u, const Warp<T>& warp, const T* target,
                             T scale, std::size_t N, Stream stream) {
        return is_grey() ? warp_sigmoid_bernoulli<T>(to, images, u, warp, target, scale, N, shape_, {}, stream)
                         : Status{kInvalidValue};
    }

  private:
    int pixels() const { return shape_.H * shape_.W; }

    SampleShape shape_;
    DeviceBuffer<T> images_, warped_, dimages_;  // channels first
};

}  // namespace warpvae

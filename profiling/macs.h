// The floor under a computation that is bound by arithmetic: its multiplications with addition over the rate of the
// device's own matrix product.
#pragma once
#include "cuda/device/buffer.h"
#include "cuda/ops.h"
#include "profiling/stopwatch.h"

namespace warpvae {

/// (output, tap) pairs of one axis whose tap lies inside the image: zeros of the padding are not multiplied.
constexpr int taps_inside(int in, int out, const ConvolutionShape& s) {
    int count = 0;
    for (int o = 0; o < out; ++o)
        for (int k = 0; k < s.kernel; ++k) {
            const int i = o * s.stride + k - s.padding;
            count += i >= 0 && i < in;
        }
    return count;
}
/// Of one image, in each of the three passes.
constexpr double macs_of(const ConvolutionShape& s) {
    return double(taps_inside(s.x_height, s.y_height(), s)) * taps_inside(s.x_width, s.y_width(), s) * s.x_channels *
           s.y_channels;
}

/// Multiplies two float matrices of n x n by the device's own product.
class ProductRate {
  public:
    ProductRate(const Matmul& matmul, int n)
        : matmul_(matmul), n_(n), a_(std::size_t(n) * n), b_(a_.size()), c_(a_.size()) {
        for (DeviceBuffer<float>* x : {&a_, &b_})
            check(philox_uniform(x->data(), x->size(), 0.f, 0.1f, 1, Purpose::kTest, 0, matmul.stream()));
        operations_per_microsecond();  // warm
    }
    /// Multiplications and additions, of one product.
    double operations_per_microsecond() const {
        return 2. * n_ * n_ * n_ / microseconds(matmul_.stream(), [&] { multiply(); });
    }
    /// The same of many products in a row.
    double sustained() const {
        return 2. * n_ * n_ * n_ / time_call(matmul_.stream(), [&] { multiply(); }).lowest;
    }

  private:
    void multiply() const {
        check(matmul(matmul_, c_.data(), 0, Op::kNone, a_.data(), 0, Op::kNone, b_.data(), 0, 1, n_, n_, n_));
    }
    const Matmul& matmul_;
    const int n_;
    DeviceBuffer<float> a_, b_;
    mutable DeviceBuffer<float> c_;
};
/// MACs per microsecond of a float product of two matrices of 1024 x 1024.
inline double product_rate(const Matmul& matmul) { return ProductRate(matmul, 1024).sustained() / 2; }

}  // namespace warpvae

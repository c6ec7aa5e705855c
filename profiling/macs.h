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

/// MACs per microsecond of a float product of two matrices of 1024 x 1024.
inline double product_rate(const Matmul& matmul) {
    constexpr int n = 1024;
    constexpr std::size_t size = std::size_t(n) * n;
    DeviceBuffer<float> a(size), b(size), c(size);
    for (DeviceBuffer<float>* x : {&a, &b})
        check(philox_uniform(x->data(), size, 0.f, 0.1f, 1, Purpose::kTest, 0, matmul.stream()));
    const Timing t = time_call(matmul.stream(), [&] {
        check(
            warpvae::matmul(matmul, c.data(), size, Op::kNone, a.data(), size, Op::kNone, b.data(), size, 1, n, n, n));
    });
    return double(n) * n * n / t.lowest;
}

}  // namespace warpvae

// Convolutions and transposed convolutions of images [N, H, W, C] (channels last). Letters and conventions: cuda/ops.h.
//
// Here the sums are a library's: cuDNN on a GPU (convolution_cuda.cpp), oneDNN on the CPU device, its double precision
// by matrix products (convolution_cpu.cpp). On a GPU layers of floats run kernels of our own (fused_convolution.h).
#pragma once
#include <cstddef>
#include <string>

#include "cuda/device/device.h"
#include "cuda/ops/dense.h"

namespace warpvae {

// --- convolutions: convolution_{cpu,cuda}.cpp ------------------------------------------------------------------------

/// Square windows, the same padding with zeros on all sides; sizes from 1, and less padding than a window is wide, for
/// with more there would be windows of nothing but padding. `x` is the wide side: out = (in + 2 padding - kernel) /
/// stride + 1 of y.
struct ConvolutionShape {
    int x_channels = 1, x_height = 28, x_width = 28;
    int y_channels = 1;
    int kernel = 5, stride = 1, padding = 2;
    WARPVAE_HOST_DEVICE constexpr int y_height() const { return (x_height + 2 * padding - kernel) / stride + 1; }
    WARPVAE_HOST_DEVICE constexpr int y_width() const { return (x_width + 2 * padding - kernel) / stride + 1; }
    /// What every launcher asks for, of a library or not.
    constexpr bool is_sound() const {
        return x_channels > 0 && x_height > 0 && x_width > 0 && y_channels > 0 && kernel > 0 && stride > 0 &&
               padding >= 0 && padding < kernel && x_height + 2 * padding >= kernel && x_width + 2 * padding >= kernel;
    }
    constexpr std::size_t x_size() const { return std::size_t(x_channels) * x_height * x_width; }
    constexpr std::size_t y_size() const { return std::size_t(y_channels) * y_height() * y_width(); }
    constexpr std::size_t weights() const { return std::size_t(y_channels) * x_channels * kernel * kernel; }
    constexpr bool operator==(const ConvolutionShape& other) const {
        return x_channels == other.x_channels && x_height == other.x_height && x_width == other.x_width &&
               y_channels == other.y_channels && kernel == other.kernel && stride == other.stride &&
               padding == other.padding;
    }
};

/// What convolutions run on: handles, cached plans and their workspace. Not for two threads at once.
class Convolver {
  public:
    explicit Convolver(Stream stream = nullptr, Math math = Math::kFp32);
    ~Convolver();
    Convolver(const Convolver&) = delete;
    Convolver& operator=(const Convolver&) = delete;
    struct Impl;
    Impl& impl() const { return *impl_; }
    Stream stream() const;
    Math math() const;
    MathStream math_stream() const { return {stream(), math()}; }

  private:
    Impl* impl_;
};
/// "oneDNN 2.6.3" or "cuDNN 9.13": what convolutions run on.
std::string convolution_library();

// Weights lie in the order in which they are multiplied, channels last like the images: W [y_channels, kernel, kernel,
// x_channels] of replica r at W + r * P. Who has torch's [y_channels, x_channels, kernel, kernel] permutes it once,
// not at each call.

/// y = x * W (correlation, as torch.nn.Conv2d), no bias. y [R, N, y_height, y_width, y_channels], x [R, N, x_height,
/// x_width, x_channels].
template <class T>
Status convolution_forward(const Convolver& convolver, T* y, const T* x, const T* W, std::size_t P,
                           const ConvolutionShape& shape, int R, int N);
/// dx from dy: the adjoint of the same W.
template <class T>
Status convolution_backward_data(const Convolver& convolver, T* dx, const T* dy, const T* W, std::size_t P,
                                 const ConvolutionShape& shape, int R, int N);
/// dW from dy and x, at stride P; zeros where N = 0.
template <class T>
Status convolution_backward_weights(const Convolver& convolver, T* dW, const T* dy, const T* x, std::size_t P,
                                    const ConvolutionShape& shape, int R, int N);

// A transposed convolution (torch.nn.ConvTranspose2d) is the adjoint of the convolution of the same shape: it makes the
// wide x from the narrow y. W [y_channels, kernel, kernel, x_channels] is [in, kernel, kernel, out].

/// x from y: x [R, N, x_height, x_width, x_channels].
template <class T>
Status transposed_convolution_forward(const Convolver& convolver, T* x, const T* y, const T* W, std::size_t P,
                                      const ConvolutionShape& shape, int R, int N) {
    return convolution_backward_data(convolver, x, y, W, P, shape, R, N);
}
/// dy from dx.
template <class T>
Status transposed_convolution_backward_data(const Convolver& convolver, T* dy, const T* dx, const T* W, std::size_t P,
                                            const ConvolutionShape& shape, int R, int N) {
    return convolution_forward(convolver, dy, dx, W, P, shape, R, N);
}
/// dW from dx and y.
template <class T>
Status transposed_convolution_backward_weights(const Convolver& convolver, T* dW, const T* dx, const T* y,
                                               std::size_t P, const ConvolutionShape& shape, int R, int N) {
    return convolution_backward_weights(convolver, dW, y, dx, P, shape, R, N);
}

// --- bias and ReLU of pixels with channels: channel_bias.cuh ---------------------------------------------------------

/// y = activation(y + b) in place: y [R, M, C] with M pixels, b [C] at stride P. kNone or
/// kRelu; C from 1 to 256.
template <class T>
Status channel_bias_forward(T* y, const T* b, std::size_t P, Activation activation, int R, std::size_t M, int C,
                            Stream stream);
/// dy [R, M, C] *= (y > 0) in place where y, the output of a ReLU, is given, and db [C] at stride P = its sums over the
/// pixels. partials: R * channel_bias_partials(M, C) numbers of scratch.
template <class T>
Status channel_bias_backward(T* dy, T* db, T* partials, const T* y, std::size_t P, int R, std::size_t M, int C,
                             Stream stream);
std::size_t channel_bias_partials(std::size_t M, int C);

}  // namespace warpvae

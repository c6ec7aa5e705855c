// Convolutions fused with their neighbours, float: what convolution layers (convolution.h) run on a GPU. Letters and
// conventions: cuda/ops.h.
#pragma once
#include "cuda/ops/convolution.h"

namespace warpvae {

// --- forward and input gradient: fused_convolution.cuh ---------------------------------------------------------------

/// Whether the fused kernels take this shape: strides up to 3, at most 128 channels on either side, and N images of at
/// most 2^31 - 1 numbers in all on either side.
bool fused_convolution_fits(const ConvolutionShape& shape, int N);
/// Whether a layer of T runs them, for up to N images. It is never decided by timing, for the libraries' sums have
/// other bits, but by this table:
///
///   T, arithmetic, shape                 runs on   why
///   float, fp32 or TF32, a shape that    ours      cuDNN's deterministic engines are behind on every layer that was
///   fits                                           measured (1 to 64 channels), by up to 45 times
///   more than 128 channels               cuDNN     its tiles are made for many channels; ours were never measured
///   a stride above 3                     cuDNN     the input gradient would be more than nine classes of pixels
///   more than 2^31 - 1 numbers a side    cuDNN     places are 32 bits
///   bf16                                 cuDNN     the tensor cores' bf16 form is not written
///   double                               cuDNN     the tests' reference
///   anything on the CPU device           oneDNN    a library for that processor; ours run there as lanes, in tests
///
/// A stack of layers (models/conv_stack.h) runs on ours if all of its layers do: there is one way through it.
template <class T>
bool convolution_is_fused(const Convolver& convolver, const ConvolutionShape& shape, int N);

/// y = activation(x * W + b), in one launch. Here and below an activation is kNone or kRelu. Letters as
/// convolution_forward; b [y_channels] at stride P.
Status fused_convolution_forward(float* y, const float* x, const float* W, const float* b, std::size_t P,
                                 Activation activation, const ConvolutionShape& shape, int R, int N, MathStream stream);
/// dx from dy, the adjoint of the same W, times the derivative of x_activation, whose output x is; in one launch.
Status fused_convolution_backward_data(float* dx, const float* dy, const float* x, const float* W, std::size_t P,
                                       Activation x_activation, const ConvolutionShape& shape, int R, int N,
                                       MathStream stream);
/// x = activation(y * W adjoint + b): b [x_channels].
Status fused_transposed_convolution_forward(float* x, const float* y, const float* W, const float* b, std::size_t P,
                                            Activation activation, const ConvolutionShape& shape, int R, int N,
                                            MathStream stream);
/// dy from dx, times the derivative of y_activation, whose output y is.
Status fused_transposed_convolution_backward_data(float* dy, const float* dx, const float* y, const float* W,
                                                  std::size_t P, Activation y_activation, const ConvolutionShape& shape,
                                                  int R, int N, MathStream stream);

}  // namespace warpvae

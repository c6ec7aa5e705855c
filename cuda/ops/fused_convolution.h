// Convolutions fused with their neighbours, float: what convolution layers (convolution.h) run on a GPU. Letters and
// conventions: cuda/ops.h.
#pragma once
#include <vector>

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

/// A layer's forward: out [R, N, ...] from in, with W and b as convolution_forward has them, at stride P.
struct ConvolutionForward {
    float* out;
    const float *in, *W, *b;
    int N;
};
/// A layer's gradient to its input: d_in from d_out, times the derivative of the activation whose output `in` is.
struct ConvolutionBackwardData {
    float* d_in;
    const float *d_out, *in, *W;
    int N;
};

/// out = activation(in * W + b) of layers of one shape, each on images of its own: in one launch, or as few as hold
/// them (four layers each; of adjoints of stride 2 three, of stride 3 one). To the bit what each gives alone. Here and
/// below an activation is kNone or kRelu. in [R, N, x], out [R, N, y], b [y_channels].
Status fused_convolution_forward(const std::vector<ConvolutionForward>& layers, std::size_t P, Activation activation,
                                 const ConvolutionShape& shape, int R, MathStream stream);
/// d_in from d_out by the adjoint of the same W. d_in and in [R, N, x], d_out [R, N, y].
Status fused_convolution_backward_data(const std::vector<ConvolutionBackwardData>& layers, std::size_t P,
                                       Activation in_activation, const ConvolutionShape& shape, int R,
                                       MathStream stream);
/// out = activation(in * W adjoint + b): in [R, N, y], out [R, N, x], b [x_channels].
Status fused_transposed_convolution_forward(const std::vector<ConvolutionForward>& layers, std::size_t P,
                                            Activation activation, const ConvolutionShape& shape, int R,
                                            MathStream stream);
/// d_in and in [R, N, y], d_out [R, N, x].
Status fused_transposed_convolution_backward_data(const std::vector<ConvolutionBackwardData>& layers, std::size_t P,
                                                  Activation in_activation, const ConvolutionShape& shape, int R,
                                                  MathStream stream);

}  // namespace warpvae

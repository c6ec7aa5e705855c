// What models with convolutions run on: a stream of their own, and the libraries' handles for it.
#pragma once
#include "cuda/ops/convolution.h"
#include "cuda/ops/dense.h"

namespace warpvae {

struct ConvolutionDevice {
    explicit ConvolutionDevice(Math math = Math::kFp32)
        : stream(stream_create()), matmul(stream, math), convolver(stream, math) {}
    ~ConvolutionDevice() { stream_destroy(stream); }
    ConvolutionDevice(const ConvolutionDevice&) = delete;
    ConvolutionDevice& operator=(const ConvolutionDevice&) = delete;

    const Stream stream;
    const Matmul matmul;
    const Convolver convolver;
};

}  // namespace warpvae

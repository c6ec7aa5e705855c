// How close an image is to another, in decibels: the peak signal-to-noise ratio of images whose peak is 1.
//
//   psnr = 10 log10(1 / max(mse, 1 / (12 255^2))),   mse = mean of (x - target)^2 over the D pixels
//
// The floor is the rounding error of an image kept as bytes: two equal images are 58.9 dB apart, not infinitely far,
// and a mean over images stays finite.
//
// x, target [R, N, D]; psnr [R, N]. Contract: one block per image, block any, no shared memory but the reduction's;
// reads 8 bytes a pixel. Deterministic.
#pragma once
#include "cuda/device/reduce.cuh"
#include "cuda/math.cuh"
#include "cuda/ops/warp.h"

namespace warpvae {

template <class T>
__global__ void psnr_kernel(T* psnr, const T* x, const T* target, int D) {
    const std::size_t row = std::size_t(blockIdx.y) * gridDim.x + blockIdx.x;
    const T* a = x + row * D;
    const T* b = target + row * D;
    T squares = T(0);
    const auto pixels = block_stride(D);
    WARPVAE_SIMD(reduction(+ : squares))
    for (int i = pixels.first; i < pixels.last; i += pixels.step) squares += (a[i] - b[i]) * (a[i] - b[i]);
    squares = block_sum(squares);
    const T floor = T(1) / T(12 * 255 * 255), mse = squares / T(D);
    if (threadIdx.x == 0) psnr[row] = T(-4.342944819032518) * log_(mse < floor ? floor : mse);  // 10 / ln 10
}

}  // namespace warpvae

// The order of an image's channels in memory. Images are [H, W, C] everywhere but in the warps, which take a channel
// after the other, [C, H, W], as PyTorch's grid_sample does.
//
//   channels_first   out[n, c, p] = in[n, p, c]
//   channels_last    out[n, p, c] = in[n, c, p]        p one of P pixels, c one of C channels
//
// in and out [N, P C], not the same memory. Contract: one block per image, block any; no shared memory; reads 4 and
// writes 4 bytes a number. Deterministic.
#pragma once
#include "cuda/device/loops.cuh"
#include "cuda/ops/warp.h"

namespace warpvae {

template <class T, bool to_channels_first>
__global__ void channel_order_kernel(T* out, const T* in, int P, int C) {
    const std::size_t image = std::size_t(blockIdx.x) * P * C;
    for (int c = 0; c < C; ++c)
        for (int p : block_stride(P)) {
            const int first = c * P + p, last = p * C + c;
            out[image + (to_channels_first ? first : last)] = in[image + (to_channels_first ? last : first)];
        }
}

}  // namespace warpvae

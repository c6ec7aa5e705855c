// An affine change of whole byte images, one map each: rotation, scale, shear and translation in a single resampling.
// Output pixel (i, j) lies at (x, y) = (j, i) - ((W-1)/2, (H-1)/2) from the centre and takes the input's value at
//   x' = a x + b y + tx,   y' = c x + d y + ty
//
// This map (AffineMap in ops/warp.h) is the *inverse* of what the digit is seen to do.
//
//   out, in [N, H, W] bytes, not the same memory; maps [N]. Zeros outside; bilinear values round to the nearest byte.
// The identity map and turns by 90 degrees (of square images, given exact 0 and 1) move bytes without changing them.
// Block: any, one image each. No shared memory. Deterministic. Per pixel: 1 byte written, up to 4 read (cached).
#pragma once
#include "cuda/bilinear.cuh"
#include "cuda/ops/warp.h"

namespace warpvae {

template <Interpolation interpolation>
__global__ void affine_warp_kernel(std::uint8_t* out, const std::uint8_t* in, const AffineMap* maps, int H, int W) {
    const AffineMap map = maps[blockIdx.x];
    const std::size_t offset = std::size_t(blockIdx.x) * std::size_t(H) * std::size_t(W);
    const std::uint8_t* image = in + offset;
    const float centre_x = float(W - 1) / 2, centre_y = float(H - 1) / 2;
    // A warp takes a row at a time: neighbouring lanes write neighbouring bytes, and no index is divided.
    for (int row = warp_index(); row < H; row += warps_per_block()) {
        const float y = float(row) - centre_y;
        for (int column : warp_stride(W)) {
            const float x = float(column) - centre_x;
            const float from_x = map.a * x + map.b * y + map.tx + centre_x;
            const float from_y = map.c * x + map.d * y + map.ty + centre_y;
            float value;
            if (interpolation == Interpolation::kBilinear) {
                value = sample_bilinear<float>(image, H, W, from_x, from_y);
            } else {
                value = sample_nearest<float>(image, H, W, from_x, from_y);
            }
            out[offset + std::size_t(row) * std::size_t(W) + std::size_t(column)] =
                static_cast<std::uint8_t>(value + 0.5f);
        }
    }
}

}  // namespace warpvae

// Images spoilt on purpose, for a model to restore (Vive claims "denoising"). Three ways, as in Geman and Geman:
//
//   salt and pepper  y = 0 where u < a / 2, 1 where a / 2 <= u < a, x elsewhere
//   Gaussian         y = min(max(x + a epsilon, 0), 1)
//   occlusion        y = 0 in a square of side round(a min(H, W)), anywhere inside the image with equal probability
//
// x, y [R, N, H, W, C] in [0, 1], in place allowed. Salt and pepper fall on whole pixels, D = HW of them; a Gaussian's
// grains on each channel, D = HWC. The noise of number i of D of image f + n is Philox of (seeds[r], kDegrade, step =
// the kind): block (f + n) ceil(D / 4) + i / 4, word i % 4; of an occlusion block f + n, words 0 (row) and 1 (column).
// So an image is spoilt alike in any batch. A minibatch is spoilt anew in each step: its row n has the
// noise of an image n, but of (seeds[r], kCorrupt, the step).
//
// Contract: one block per image, block any; no shared memory; reads 4 and writes 4 bytes a channel. Deterministic.
#pragma once
#include "cuda/ops/warp.h"
#include "cuda/philox.cuh"

namespace warpvae {

/// Where the noise of a launch lies.
struct DegradationNoise {
    const std::uint64_t* seeds;  // [R]
    const std::uint64_t* step;   // of a minibatch; null: images by their number
    std::size_t first_row;
    __device__ Random4 operator()(int r, DegradationKind kind, std::uint64_t block) const {
        if (step) return philox(seeds[r], Purpose::kCorrupt, *step, block);
        return philox(seeds[r], Purpose::kDegrade, std::uint64_t(kind), block);
    }
};

/// D draws for each image, each of `width` numbers.
template <class T>
__global__ void degrade_pixels_kernel(T* y, const T* x, DegradationKind kind, float amount, DegradationNoise noise,
                                      int D, int width) {
    const int r = blockIdx.y, quads = (D + 3) / 4;
    const std::size_t row = (std::size_t(r) * gridDim.x + blockIdx.x) * D * width, image = noise.first_row + blockIdx.x;
    for (int q : block_stride(quads)) {
        const Random4 random = noise(r, kind, std::uint64_t(image) * quads + q);
        const bool grain = kind == DegradationKind::kGaussian;
        const Normal4 epsilon = grain ? normal_from(random) : Normal4{};
#pragma unroll
        for (int k = 0; k < 4; ++k) {
            const int i = 4 * q + k;
            if (i >= D) continue;
            for (int c = 0; c < width; ++c) {
                const std::size_t at = row + std::size_t(i) * width + c;
                const T clean = x[at];
                if (grain) {
                    const T noisy = clean + T(amount) * T(epsilon.v[k]);
                    y[at] = noisy < T(0) ? T(0) : (noisy > T(1) ? T(1) : noisy);  // NaN stays
                } else {
                    const float u = uniform_from(random.v[k]);
                    y[at] = u < amount / 2 ? T(0) : (u < amount ? T(1) : clean);
                }
            }
        }
    }
}

template <class T>
__global__ void degrade_occlusion_kernel(T* y, const T* x, int side, DegradationNoise noise, int H, int W, int C) {
    const int r = blockIdx.y;
    const std::size_t row = (std::size_t(r) * gridDim.x + blockIdx.x) * H * W * C;
    const Random4 random = noise(r, DegradationKind::kOcclusion, noise.first_row + blockIdx.x);
    // A product of u < 1 with a whole number below 2^24 rounds to less than that number.
    const int top = int(uniform_from(random.v[0]) * float(H - side + 1));
    const int left = int(uniform_from(random.v[1]) * float(W - side + 1));
    for (int i : block_stride(H * W * C)) {
        const int down = i / (W * C) - top, across = i / C % W - left;
        const bool hidden = down >= 0 && down < side && across >= 0 && across < side;
        y[row + i] = hidden ? T(0) : x[row + i];
    }
}

}  // namespace warpvae

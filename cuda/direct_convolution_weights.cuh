// The gradient of a convolution's weights where the channels are so few that tiles of a product would be mostly empty:
// the first layer of images and the last. A block has whole images in shared memory, a lane a tap of the filters:
//
//   dW[o, i, j, c] = sum over pixels (h, w) of dy[h, w, o] x[h s - p + i, w s - p + j, c]
//
// Lane (i, j) sums its C x O products over the pixels of rows q, q + 8, ... of all images of the run; the eight sums q
// are then added in order. So the size of the block changes no bit.
//
// Contract: a part of convolution_weights.cuh's kernel, in blocks of 4 or 8 warps; shared memory of bytes(). Reads x
// and dy once; two to three shared-memory loads for eight multiplications.
#pragma once
#include "cuda/convolution_operands.cuh"

namespace warpvae {

/// A run of images of one layer with C input channels and O output channels.
template <int C, int O>
struct DirectConvolutionWeights {
    static constexpr int kSums = 8;            ///< of each weight, over rows of pixels
    static constexpr int kO = O == 3 ? 4 : O;  ///< floats from pixel to pixel of dy in shared memory

    /// A row of x in shared memory, so long that the lanes of a warp read from different banks.
    static WARPVAE_HOST_DEVICE constexpr int pitch(int width, int taps_w) {
        return width + (32 + taps_w - width % 32) % 32;
    }
    struct Shape {
        int height, pitch;  ///< of the part of x that windows see, in shared memory
        WARPVAE_HOST_DEVICE explicit Shape(const Windows& w)
            : height(w.down ? (w.down - 1) * w.step + w.taps_h : 0),
              pitch(DirectConvolutionWeights::pitch(w.across ? (w.across - 1) * w.step + w.taps_w : 0, w.taps_w)) {}
        WARPVAE_HOST_DEVICE int floats() const { return (C * height * pitch + 3) / 4 * 4; }
    };
    /// Shared memory: x by channels, dy, and later the sums in their place.
    static WARPVAE_HOST_DEVICE std::size_t bytes(const Windows& w) {
        const std::size_t images = Shape(w).floats() + std::size_t(w.down) * w.across * kO,
                          sums = std::size_t(kSums) * C * O * 32;
        return sizeof(float) * (images > sums ? images : sums);
    }

    /// sums[o * taps * C + tap * C + c] of images `first` to below `end`, in shared memory. dy [N, pixels, O].
    static __device__ const float* sum(const Windows& windows, const float* dy, int first, int end) {
        const Shape shape(windows);
        const int taps = windows.taps_h * windows.taps_w, warps = blockDim.x / 32, warp = threadIdx.x / 32,
                  lane = threadIdx.x % 32;
        const int tap = lane < taps ? lane : 0;
        float* const x = dynamic_shared<float>();
        float* const gradients = x + shape.floats();
        const float* const mine = x + tap / windows.taps_w * shape.pitch + tap % windows.taps_w;
        float sums[2][C][O] = {};  // of q = warp, and, with four warps, of q = warp + 4
        for (int e = threadIdx.x; e < shape.floats(); e += blockDim.x) x[e] = 0;  // what lies outside stays 0
        __syncthreads();
        for (int n = first; n < end; ++n) {
            load(windows, shape, x, gradients, dy, n);
            __syncthreads();
#pragma unroll
            for (int part = 0; part < 2; ++part) {
                const int q = warp + part * warps;
                if (q >= kSums) break;
                for (int h = q; h < windows.down; h += kSums) {
                    const float* from = mine + h * windows.step * shape.pitch;
                    const float* g = gradients + h * windows.across * kO;
#pragma unroll 4
                    for (int w = 0; w < windows.across; ++w, from += windows.step, g += kO)
                        add(sums[part], from, shape.height * shape.pitch, g);
                }
            }
            __syncthreads();
        }
        return together(sums, x, taps, warp, warps, lane);
    }

  private:
    /// Image n of x, channel by channel, and its dy.
    static __device__ void load(const Windows& w, const Shape& shape, float* x, float* gradients, const float* dy,
                                int n) {
        const int numbers = w.height * w.width * C, pixels = w.down * w.across;
        const float* const image = w.data + std::size_t(n) * numbers;
#pragma unroll 4
        for (int e = threadIdx.x; e < numbers; e += blockDim.x) {
            const int c = e % C, pixel = e / C, h = pixel / w.width, down = h - w.origin_h,
                      across = pixel - h * w.width - w.origin_w;
            if (down < shape.height && across < shape.pitch)
                x[(c * shape.height + down) * shape.pitch + across] = image[e];
        }
        const float* const from = dy + std::size_t(n) * pixels * O;
#pragma unroll 4
        for (int e = threadIdx.x; e < pixels * O; e += blockDim.x) gradients[e / O * kO + e % O] = from[e];
    }
    /// sums += the products of one pixel. x: a channel every `plane` floats; g: 16-byte aligned where O is 3 or more.
    static __device__ void add(float (&sums)[C][O], const float* x, int plane, const float* g) {
        float numbers[C], dy[kO];
#pragma unroll
        for (int c = 0; c < C; ++c) numbers[c] = x[c * plane];
        if constexpr (kO % 4 == 0) {
#pragma unroll
            for (int o = 0; o < kO; o += 4) {
                float quad[4];
                detail::load_quad(quad, g + o);
#pragma unroll
                for (int i = 0; i < 4; ++i) dy[o + i] = quad[i];
            }
        } else {
#pragma unroll
            for (int o = 0; o < O; ++o) dy[o] = g[o];
        }
#pragma unroll
        for (int c = 0; c < C; ++c)
#pragma unroll
            for (int o = 0; o < O; ++o) sums[c][o] += numbers[c] * dy[o];
    }
    /// The eight sums of each weight, added in order, where x was.
    static __device__ const float* together(const float (&sums)[2][C][O], float* shared, int taps, int warp, int warps,
                                            int lane) {
#pragma unroll
        for (int part = 0; part < 2; ++part) {
            const int q = warp + part * warps;
            if (q >= kSums) break;
#pragma unroll
            for (int c = 0; c < C; ++c)
#pragma unroll
                for (int o = 0; o < O; ++o) shared[((q * C + c) * O + o) * 32 + lane] = sums[part][c][o];
        }
        __syncthreads();
        constexpr int kMost = (C * O * 32 + 127) / 128;  // weights of a thread
        float totals[kMost] = {};
        const int count = taps * C * O;
        for (int i = 0; i < kMost; ++i) {
            const int e = threadIdx.x + i * blockDim.x;
            if (e >= count) break;
            const int o = e / (taps * C), tap = e / C % taps, c = e % C;
            for (int q = 0; q < kSums; ++q) totals[i] += shared[((q * C + c) * O + o) * 32 + tap];
        }
        __syncthreads();
        for (int i = 0; i < kMost; ++i)
            if (int(threadIdx.x + i * blockDim.x) < count) shared[threadIdx.x + i * blockDim.x] = totals[i];
        __syncthreads();
        return shared;
    }
};

/// visit(weights) with the DirectConvolutionWeights of a layer, or false where there is none.
template <class Visit>
WARPVAE_HOST_DEVICE bool with_direct_weights(int C, int O, Visit visit) {
    if (C == 1 && O == 8) return visit(DirectConvolutionWeights<1, 8>()), true;
    if (C == 8 && O == 1) return visit(DirectConvolutionWeights<8, 1>()), true;
    if (C == 3 && O == 8) return visit(DirectConvolutionWeights<3, 8>()), true;
    if (C == 8 && O == 3) return visit(DirectConvolutionWeights<8, 3>()), true;
    return false;
}

}  // namespace warpvae

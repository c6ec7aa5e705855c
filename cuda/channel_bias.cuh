// Bias and ReLU of a convolution's output, channels last: y [M, C] with M = images * height * width pixels and few
// channels C. (bias_activation gives each row of C numbers to a block, most of whose threads would be idle here.)
//
//   forward    y = max(0, y + b)
//   backward   dy = dy * (y > 0) in place, and db = sum over pixels, in one pass
//
// Memory is taken in segments of whole pixels, about kChannelSegment numbers: number j of any segment belongs to
// channel j mod C, so a thread keeps its channel's bias, or its sum, from one segment to the next.
//
// Contract: block any, C at most kMaxChannels; shared memory as declared; deterministic: a block sums kChannelSegments
// segments, and the blocks' sums are added in their order. Bytes per number: 8 forward, 12 backward.
#pragma once
#include "cuda/device/loops.cuh"
#include "cuda/ops/convolution.h"

namespace warpvae {

inline constexpr int kMaxChannels = 256;
inline constexpr int kChannelSegment = 256, kChannelSegments = 32;

/// Numbers of a segment of C channels.
__host__ __device__ constexpr int channel_segment(int C) { return (kChannelSegment + C - 1) / C * C; }
/// Blocks (x) of the first two kernels for each replica (y).
constexpr std::size_t channel_bias_blocks(std::size_t M, int C) {
    const std::size_t block = std::size_t(kChannelSegments) * channel_segment(C);
    return (M * C + block - 1) / block;
}

template <class T>
__global__ void channel_bias_forward_kernel(T* y, const T* b, std::size_t P, bool relu, std::size_t count, int C) {
    __shared__ T bias[kChannelSegment + kMaxChannels];
    const int segment = channel_segment(C);
    for (int j : block_stride(segment)) bias[j] = b[blockIdx.y * P + j % C];
    __syncthreads();
    const std::size_t first = std::size_t(blockIdx.x) * kChannelSegments * segment;
    T* out = y + blockIdx.y * count;
    for (int s = 0; s < kChannelSegments && first + std::size_t(s) * segment < count; ++s) {
        T* numbers = out + first + std::size_t(s) * segment;
        const std::size_t left = count - first - std::size_t(s) * segment;
        const auto own = block_stride(left < std::size_t(segment) ? int(left) : segment);
        if (relu) {
            WARPVAE_SIMD()
            for (int j = own.first; j < own.last; j += own.step) {
                const T value = numbers[j] + bias[j];
                numbers[j] = value < T(0) ? T(0) : value;  // NaN stays NaN
            }
        } else {
            WARPVAE_SIMD()
            for (int j = own.first; j < own.last; j += own.step) numbers[j] += bias[j];
        }
    }
}

/// partials [R, gridDim.x, C]; y null: no ReLU.
template <class T>
__global__ void channel_bias_backward_kernel(T* dy, T* partials, const T* y, std::size_t count, int C) {
    __shared__ T sums[kChannelSegment + kMaxChannels];
    const int segment = channel_segment(C);
    const auto all = block_stride(segment);
    for (int j : all) sums[j] = T(0);
    const std::size_t first = std::size_t(blockIdx.x) * kChannelSegments * segment;
    for (int s = 0; s < kChannelSegments && first + std::size_t(s) * segment < count; ++s) {
        const std::size_t at = blockIdx.y * count + first + std::size_t(s) * segment;
        const std::size_t left = count - first - std::size_t(s) * segment;
        const int last = left < std::size_t(all.last) ? int(left) : all.last;  // the same shares in a short segment
        T* d = dy + at;
        if (y) {
            const T* out = y + at;
            WARPVAE_SIMD()
            for (int j = all.first; j < last; j += all.step) {
                const T kept = out[j] > T(0) ? d[j] : T(0);
                d[j] = kept;
                sums[j] += kept;
            }
        } else {
            WARPVAE_SIMD()
            for (int j = all.first; j < last; j += all.step) sums[j] += d[j];
        }
    }
    __syncthreads();
    for (int c : block_stride(C)) {
        T total = T(0);
        for (int j = c; j < segment; j += C) total += sums[j];
        partials[(std::size_t(blockIdx.y) * gridDim.x + blockIdx.x) * C + c] = total;
    }
}

/// db[r, c] = the sum of `blocks` partial sums, in their order.
template <class T>
__global__ void channel_sum_kernel(T* db, const T* partials, std::size_t P, int blocks, int C) {
    for (int c : block_stride(C)) {
        T total = T(0);
        for (int i = 0; i < blocks; ++i) total += partials[(std::size_t(blockIdx.y) * blocks + i) * C + c];
        db[blockIdx.y * P + c] = total;
    }
}

}  // namespace warpvae

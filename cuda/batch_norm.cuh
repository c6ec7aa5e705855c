// Batch normalisation of a convolution's output, channels last (Ioffe and Szegedy 2015): x [M, C] with M = images *
// height * width pixels and few channels C.
//
//   h = (x - mean) / sqrt(variance + epsilon)          mean and variance of a channel over all pixels
//   y = activation(scale h + shift)
//   dshift = sum dy,   dscale = sum dy h,   dx = scale / sqrt(variance + epsilon) (dy - dshift / M - h dscale / M)
//
// with dy the gradient before the activation. Evaluation takes running averages in place of the batch's. Memory is
// taken in segments as in channel_bias.cuh: number j of any segment belongs to channel j mod C.
//
// Contract: block any, C at most kMaxChannels; shared memory as declared; deterministic: a block sums kChannelSegments
// segments in double, and the blocks' sums are added in their order; a replica's bits depend on nothing beside it.
// Bytes per number: 4 for the statistics, 8 forward, 20 to 24 backward.
#pragma once
#include "cuda/channel_bias.cuh"
#include "cuda/math.cuh"
#include "cuda/ops/batch_norm.h"

namespace warpvae {

template <class T>
__device__ inline T inverse_deviation(T variance) {
    return T(1) / sqrt_(variance + T(kNormEpsilon));
}

/// body(at, j, count) for each segment of this block: it begins at number `at` of the replica, has `count` numbers.
template <class Body>
__device__ inline void for_channel_segments(std::size_t count, int C, Body body) {
    const int segment = channel_segment(C);
    const std::size_t first = std::size_t(blockIdx.x) * kChannelSegments * segment;
    for (int s = 0; s < kChannelSegments && first + std::size_t(s) * segment < count; ++s) {
        const std::size_t at = first + std::size_t(s) * segment, left = count - at;
        body(at, left < std::size_t(segment) ? int(left) : segment);
    }
}

/// Two sums of each channel that a block adds up, number by number of a segment, and leaves for the others.
struct ChannelSums {
    double *first, *second;  ///< shared, [segment]
    __device__ void begin(int C) const {
        for (int j : block_stride(channel_segment(C))) first[j] = second[j] = 0;
    }
    /// parts [R, gridDim.x, 2, C].
    __device__ void leave(double* parts, int C) const {
        __syncthreads();
        double* const mine = parts + (std::size_t(blockIdx.y) * gridDim.x + blockIdx.x) * 2 * C;
        for (int c : block_stride(C)) {
            double a = 0, b = 0;
            for (int j = c; j < channel_segment(C); j += C) a += first[j], b += second[j];
            mine[c] = a, mine[C + c] = b;
        }
    }
};

/// parts [R, gridDim.x, 2, C] = each block's sums of x and of x^2.
template <class T>
__global__ void batch_norm_sums_kernel(double* parts, const T* x, std::size_t count, int C) {
    __shared__ double first[kChannelSegment + kMaxChannels], second[kChannelSegment + kMaxChannels];
    const ChannelSums sums{first, second};
    sums.begin(C);
    const auto all = block_stride(channel_segment(C));
    for_channel_segments(count, C, [&](std::size_t at, int length) {
        const T* const numbers = x + blockIdx.y * count + at;
        const int last = length < all.last ? length : all.last;  // the same shares in a short segment
        WARPVAE_SIMD()
        for (int j = all.first; j < last; j += all.step) {
            const double value = double(numbers[j]);
            first[j] += value;
            second[j] += value * value;
        }
    });
    sums.leave(parts, C);
}

/// The blocks' sums in their order, of one channel.
struct TwoSums {
    double first = 0, second = 0;
    __device__ TwoSums(const double* parts, int blocks, int c, int C) {
        const double* const mine = parts + std::size_t(blockIdx.y) * blocks * 2 * C + c;
        for (int i = 0; i < blocks; ++i)
            first += mine[std::size_t(i) * 2 * C], second += mine[std::size_t(i) * 2 * C + C];
    }
};

/// One block per replica: statistics [R, 2, C].
template <class T>
__global__ void batch_norm_statistics_kernel(T* statistics, const double* parts, int blocks, std::size_t M, int C) {
    T* const mean = statistics + std::size_t(blockIdx.y) * 2 * C;
    for (int c : block_stride(C)) {
        const TwoSums sums(parts, blocks, c, C);
        const double n = M ? double(M) : 1, centre = sums.first / n, variance = sums.second / n - centre * centre;
        mean[c] = T(centre);
        mean[C + c] = T(variance < 0 ? 0 : variance);  // NaN stays NaN
    }
}

template <class T>
__global__ void batch_norm_forward_kernel(T* y, const T* x, NormStatistics<T> statistics, NormParameters<T> parameters,
                                          bool relu, std::size_t count, int C) {
    __shared__ T slope[kChannelSegment + kMaxChannels], centre[kChannelSegment + kMaxChannels],
        shift[kChannelSegment + kMaxChannels];
    const std::size_t r = blockIdx.y;
    for (int j : block_stride(channel_segment(C))) {
        const int c = j % C;
        slope[j] =
            parameters.scale[r * parameters.P + c] * inverse_deviation(statistics.variance[r * statistics.stride + c]);
        centre[j] = statistics.mean[r * statistics.stride + c];
        shift[j] = parameters.shift[r * parameters.P + c];
    }
    __syncthreads();
    for_channel_segments(count, C, [&](std::size_t at, int length) {
        const T* const from = x + r * count + at;
        T* const to = y + r * count + at;
        const auto own = block_stride(length);
        WARPVAE_SIMD()
        for (int j = own.first; j < own.last; j += own.step) {
            const T value = slope[j] * (from[j] - centre[j]) + shift[j];
            to[j] = relu && value < T(0) ? T(0) : value;  // NaN stays NaN
        }
    });
}

/// dy where y is above 0, in place, and each block's sums of it and of dy h: parts [R, gridDim.x, 2, C]. y null: dy.
template <class T>
__global__ void batch_norm_gradient_sums_kernel(T* dy, double* parts, const T* x, const T* y,
                                                NormStatistics<T> statistics, std::size_t count, int C) {
    __shared__ double first[kChannelSegment + kMaxChannels], second[kChannelSegment + kMaxChannels];
    __shared__ T centre[kChannelSegment + kMaxChannels], inverse[kChannelSegment + kMaxChannels];
    const std::size_t r = blockIdx.y;
    const ChannelSums sums{first, second};
    sums.begin(C);
    const auto all = block_stride(channel_segment(C));
    for (int j : all) {
        centre[j] = statistics.mean[r * statistics.stride + j % C];
        inverse[j] = inverse_deviation(statistics.variance[r * statistics.stride + j % C]);
    }
    for_channel_segments(count, C, [&](std::size_t at, int length) {
        T* const d = dy + r * count + at;
        const T *const in = x + r * count + at, *const out = y ? y + r * count + at : nullptr;
        const int last = length < all.last ? length : all.last;
        WARPVAE_SIMD()
        for (int j = all.first; j < last; j += all.step) {
            const T kept = !out || out[j] > T(0) ? d[j] : T(0);
            d[j] = kept;
            first[j] += double(kept);
            second[j] += double(kept * (inverse[j] * (in[j] - centre[j])));
        }
    });
    sums.leave(parts, C);
}

/// One block per replica: dshift and dscale at stride P, and totals [R, 2, C] of both.
template <class T>
__global__ void batch_norm_parameters_kernel(T* dscale, T* dshift, std::size_t P, double* totals, const double* parts,
                                             int blocks, int C) {
    double* const mine = totals + std::size_t(blockIdx.y) * 2 * C;
    for (int c : block_stride(C)) {
        const TwoSums sums(parts, blocks, c, C);
        mine[c] = sums.first, mine[C + c] = sums.second;
        dshift[blockIdx.y * P + c] = T(sums.first);
        dscale[blockIdx.y * P + c] = T(sums.second);
    }
}

/// dx in the place of dy.
template <class T>
__global__ void batch_norm_backward_kernel(T* dy, const T* x, NormStatistics<T> statistics, const T* scale,
                                           std::size_t P, const double* totals, std::size_t count, int C) {
    __shared__ T centre[kChannelSegment + kMaxChannels], inverse[kChannelSegment + kMaxChannels],
        slope[kChannelSegment + kMaxChannels], mean[kChannelSegment + kMaxChannels],
        along[kChannelSegment + kMaxChannels];
    const std::size_t r = blockIdx.y;
    const double pixels = double(count / C);
    for (int j : block_stride(channel_segment(C))) {
        const int c = j % C;
        centre[j] = statistics.mean[r * statistics.stride + c];
        inverse[j] = inverse_deviation(statistics.variance[r * statistics.stride + c]);
        slope[j] = scale[r * P + c] * inverse[j];
        mean[j] = T(totals[r * 2 * C + c] / pixels);
        along[j] = T(totals[r * 2 * C + C + c] / pixels);
    }
    __syncthreads();
    for_channel_segments(count, C, [&](std::size_t at, int length) {
        T* const d = dy + r * count + at;
        const T* const in = x + r * count + at;
        const auto own = block_stride(length);
        WARPVAE_SIMD()
        for (int j = own.first; j < own.last; j += own.step)
            d[j] = slope[j] * (d[j] - mean[j] - inverse[j] * (in[j] - centre[j]) * along[j]);
    });
}

/// One block per replica.
template <class T, class Step>
__global__ void batch_norm_update_kernel(RunningStatistics<T> running, Step* next, const T* statistics,
                                         const Step* step, std::size_t M, int C) {
    const std::size_t r = blockIdx.y;
    const Step after = (step ? *step : 0) + 1;
    const bool is_again = next[r] == after;
    const T momentum = T(kNormMomentum), unbiased = M > 1 ? T(double(M) / double(M - 1)) : T(1);
    for (int c : block_stride(2 * C)) {
        const bool is_variance = c >= C;
        T* const average = (is_variance ? running.variance + c - C : running.mean + c) + r * running.P;
        T* const before = running.before + r * 2 * C + c;
        if (!is_again) *before = *average;
        const T seen = statistics[r * 2 * C + c] * (is_variance ? unbiased : T(1));
        *average = *before + momentum * (seen - *before);
    }
    __syncthreads();  // all have read `next`
    if (threadIdx.x == 0) next[r] = after;
}

}  // namespace warpvae

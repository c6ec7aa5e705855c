// Sampling images on a warped grid (Jaderberg et al. 2015), fused with the grid. Every warp here is linear in its
// coefficients, so a pixel's coordinates cost a few multiply-adds, and the grid is never stored.
//
//   (x, y)(p) = A B(:, p)            affine: K = 3, B = (x', y', 1);  thin-plate spline: K = g^2, B from the spline
//   out(p)    = sum_ij w_i(y) w_j(x) image[row + i, column + j]          four neighbours, axis_taps in bilinear.cuh
//
// Coordinates and weights are computed once for all channels. An image that fits comes into shared memory by
// asynchronous copies, all of it at once: its neighbours are then found there, and not line by line in a cache.
//
//   out [N, C, out_H, out_W]; images [N, C, H, W], sides at most 2^22; grid [N, out_H, out_W, 2]; u [N, stride]
//
// Contract: one block per image, block any; where `staged`, shared memory for the image. Deterministic.
// Bytes: reads the image and writes out (8 per pixel). On sm_90a the kernels for floats take 26 to 48 registers.
// The backward: grid_sample_backward.cuh.
#pragma once
#include "cuda/affine_grid.cuh"
#include "cuda/bilinear.cuh"
#include "cuda/device/async_copy.cuh"
#include "cuda/device/dependent_kernel.cuh"
#include "cuda/device/reduce.cuh"
#include "cuda/device/shared.cuh"
#include "cuda/ops/warp.h"

namespace warpvae {

/// Of an H100's 228 KB of shared memory, what a block may ask for if three others are to run beside it; the kernels'
/// own arrays and 1 KB a block go off.
inline constexpr std::size_t kQuarterOfShared = 52 * 1024;
inline constexpr int kCoefficients = 2 * kMaxControlPoints;
#ifdef __CUDACC__
inline constexpr int kPixelTile = 1;  // output pixels that a thread takes at a time
#else
inline constexpr int kPixelTile = 16;  // a vector register of them
#endif

/// Calls body(first pixel, std::integral_constant count): whole tiles, then single pixels, shared by the block.
template <class Body>
__device__ inline void for_tiles(int first, int last, Body body) {
    const int tiles = (last - first) / kPixelTile;
    for (int tile : block_stride(tiles)) body(first + tile * kPixelTile, std::integral_constant<int, kPixelTile>());
    if (kPixelTile > 1)
        for (int i : block_stride(last - first - tiles * kPixelTile))
            body(first + tiles * kPixelTile + i, std::integral_constant<int, 1>());
}

/// One axis of the images: from a grid's -1..1 to pixels, place * scale + offset.
template <class T>
struct PixelAxis {
    T scale, offset;
    int size;
    __device__ PixelAxis(int size_, bool align_corners)
        : scale(T(align_corners ? size_ - 1 : size_) / T(2)), offset(T(size_ - 1) / T(2)), size(size_) {}
};
template <class T>
struct PixelAxes {
    PixelAxis<T> across, down;
    T slope_from;      // axis_taps
    int right, below;  // from a pixel to its neighbours, in memory; 0 where there is none
    __device__ PixelAxes(const SampleShape& shape, const SampleOptions& options)
        : across(shape.W, options.align_corners),
          down(shape.H, options.align_corners),
          slope_from(options.identity_safe ? T(0) : T(1e-37)),
          right(shape.W > 1 ? 1 : 0),
          below(shape.H > 1 ? shape.W : 0) {}
};

// Where the grid comes from. Both kinds give coordinates in pixels.

/// Given, place by place.
template <class T>
struct GivenGrid {
    const T* grid;

    struct Coefficients {
        std::size_t n;
    };
    __device__ void write_coefficients(T*, std::size_t, const PixelAxes<T>&) const {}
    __device__ Coefficients coefficients(const T*, std::size_t n) const { return {n}; }
    /// Of pixels first .. first + count - 1.
    template <int count>
    __device__ void coordinates(T* x, T* y, const Coefficients& A, const PixelAxes<T>& axes, int first,
                                int pixels) const {
        const T* at = grid + 2 * (A.n * pixels + first);
        WARPVAE_SIMD()
        for (int i = 0; i < count; ++i) {
            x[i] = at[2 * i] * axes.across.scale + axes.across.offset;
            y[i] = at[2 * i + 1] * axes.down.scale + axes.down.offset;
        }
    }
};

/// Linear in the coefficients that u gives; kK = K where it is known at compile time, else 0. The third row of an
/// affine basis is all 1 and is not read.
template <class T, int kK>
struct LinearGrid {
    Warp<T> warp;
    const T* u;

    __device__ int size() const { return kK ? kK : warp.K; }
    __device__ int rows_read() const { return kK == 3 ? 2 : size(); }
    /// A in pixels: an affine one in registers.
    struct Coefficients {
        const T* shared;
        T ax[3], ay[3];
    };
    /// A [2, K] of image n into shared memory. For whole blocks, which follow with a barrier.
    __device__ void write_coefficients(T* A, std::size_t n, const PixelAxes<T>& axes) const {
        const T* mine = u + n * warp.stride;
        const int K = size();
        if (warp.form != WarpForm::kControlPoints) {
            if (threadIdx.x == 0) {
                affine_coefficients(A, mine, warp.form);
                for (int k = 0; k < 3; ++k) A[k] *= axes.across.scale, A[3 + k] *= axes.down.scale;
            }
        } else {
            int g = 2;
            while (g * g < K) ++g;
            for (int k : block_stride(K)) {
                A[k] = (T(2 * (k % g)) / T(g - 1) - T(1) + mine[k]) * axes.across.scale;
                A[K + k] = (T(2 * (k / g)) / T(g - 1) - T(1) + mine[K + k]) * axes.down.scale;
            }
        }
    }
    __device__ Coefficients coefficients(const T* A, std::size_t) const {
        if (kK == 3) return {A, {A[0], A[1], A[2]}, {A[3], A[4], A[5]}};
        return {A, {}, {}};
    }
    __device__ const T* basis_row(int k, int pixels) const { return warp.basis + std::size_t(k) * pixels; }
    template <int count>
    __device__ void coordinates(T* x, T* y, const Coefficients& A, const PixelAxes<T>& axes, int first,
                                int pixels) const {
        const int K = size();
        for (int i = 0; i < count; ++i) {
            x[i] = axes.across.offset + (kK == 3 ? A.ax[2] : T(0));
            y[i] = axes.down.offset + (kK == 3 ? A.ay[2] : T(0));
        }
#pragma unroll
        for (int k = 0; k < rows_read(); ++k) {
            const T ax = kK == 3 ? A.ax[k] : A.shared[k], ay = kK == 3 ? A.ay[k] : A.shared[K + k];
            const T* b = basis_row(k, pixels) + first;
            WARPVAE_SIMD()
            for (int i = 0; i < count; ++i) x[i] += ax * b[i], y[i] += ay * b[i];
        }
    }
};

/// a x + b y, rounded in one way wherever it is compiled.
template <class T>
__device__ __forceinline__ T weighted(T a, T x, T b, T y) {
    return detail::multiply_add(b, y, a * x);
}

/// Where `count` coordinates fall: the upper left pixel of each one's four, the weights of columns and rows, and where
/// asked for those weights' derivatives.
template <class T, int count>
struct PixelTaps {
    int at[count];
    T left[count], right[count], top[count], bottom[count];
    T left_slope[count], right_slope[count], top_slope[count], bottom_slope[count];
};
template <Padding padding, bool slopes, class T, int count>
__device__ __forceinline__ void find_taps(PixelTaps<T, count>& taps, const T (&x)[count], const T (&y)[count],
                                          const PixelAxes<T>& axes) {
    WARPVAE_SIMD()
    for (int i = 0; i < count; ++i) {
        const AxisTaps<T> column = axis_taps<padding>(x[i], axes.across.size, axes.slope_from);
        const AxisTaps<T> row = axis_taps<padding>(y[i], axes.down.size, axes.slope_from);
        taps.at[i] = row.first * axes.across.size + column.first;
        taps.left[i] = column.weight0, taps.right[i] = column.weight1;
        taps.top[i] = row.weight0, taps.bottom[i] = row.weight1;
        if (slopes) {
            taps.left_slope[i] = column.slope0, taps.right_slope[i] = column.slope1;
            taps.top_slope[i] = row.slope0, taps.bottom_slope[i] = row.slope1;
        }
    }
}

/// Copies `count` floats into the block's shared memory. The caller waits, then follows with a barrier.
__device__ inline void begin_copy(AsyncCopies& copies, float* to, const float* from, int count) {
    const auto is_aligned = [](const float* at) { return reinterpret_cast<std::uintptr_t>(at) % 16 == 0; };
    const int wide = is_aligned(from) && is_aligned(to) ? count / 4 : 0;
    for (int i : block_stride(wide)) copies.begin<16>(to + 4 * i, from + 4 * i, true);
    for (int i : block_stride(count - 4 * wide)) copies.begin<4>(to + 4 * wide + i, from + 4 * wide + i, true);
    copies.end_group();
}

/// What becomes of `count` sampled pixels at `at`: they are stored.
template <class T>
struct PixelOutput {
    T* out;
    template <int count>
    __device__ void take(const T (&value)[count], std::size_t at, T&) const {
        WARPVAE_SIMD()
        for (int i = 0; i < count; ++i) out[at + i] = value[i];
    }
    __device__ void finish(std::size_t, T) const {}
};

/// The block's image, sampled. staged: by way of `memory`, shared memory for an image of floats.
template <Padding padding, bool staged, class T, class Grid, class Pixels>
__device__ inline void sample_image(const Pixels& sampled, const T* images, const Grid& grid, const SampleShape& shape,
                                    const SampleOptions& options, T* memory) {
    alignas(16) __shared__ T shared_A[kCoefficients];
    const std::size_t n = blockIdx.x;
    const PixelAxes<T> axes(shape, options);
    const int in_pixels = shape.H * shape.W, pixels = shape.out_H * shape.out_W;
    const int right = axes.right, below = axes.below, both = right + below;
    const T* image = images + n * shape.C * in_pixels;
    if constexpr (staged) {
        AsyncCopies copies;
        begin_copy(copies, memory, image, shape.C * in_pixels);
        grid.write_coefficients(shared_A, n, axes);
        copies.wait<0>();
        image = memory;
    } else {
        grid.write_coefficients(shared_A, n, axes);
    }
    __syncthreads();
    const auto A = grid.coefficients(shared_A, n);
    T sum = T(0);
    for_tiles(0, pixels, [&](int first, auto tile) {
        constexpr int count = decltype(tile)::value;
        T x[count], y[count], value[count];
        PixelTaps<T, count> taps;
        grid.template coordinates<count>(x, y, A, axes, first, pixels);
        find_taps<padding, false>(taps, x, y, axes);
#pragma unroll 1  // there is mostly one
        for (int c = 0; c < shape.C; ++c) {
            const T* channel = image + std::size_t(c) * in_pixels;
            WARPVAE_SIMD()
            for (int i = 0; i < count; ++i) {
                const int at = taps.at[i];
                value[i] = weighted(
                    taps.top[i], weighted(taps.left[i], channel[at], taps.right[i], channel[at + right]),
                    taps.bottom[i], weighted(taps.left[i], channel[at + below], taps.right[i], channel[at + both]));
            }
            sampled.take(value, (n * shape.C + c) * pixels + first, sum);
        }
    });
    sampled.finish(n, sum);
}

/// staged: floats only; the launch gives shared memory for an image.
template <class T, class Grid, Padding padding, bool staged>
__global__ void grid_sample_forward_kernel(T* out, const T* images, Grid grid, SampleShape shape,
                                           SampleOptions options) {
    wait_for_previous_launch();
    sample_image<padding, staged>(PixelOutput<T>{out}, images, grid, shape, options, dynamic_shared<T>());
}

}  // namespace warpvae

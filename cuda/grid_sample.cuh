// Sampling images on a warped grid (Jaderberg et al. 2015), fused with the grid. Every warp here is linear in its
// coefficients, so a pixel's coordinates cost a few multiply-adds, and the grid is never stored.
//
//   (x, y)(p) = A B(:, p)            affine: K = 3, B = (x', y', 1);  thin-plate spline: K = g^2, B from the spline
//   out(p)    = sum_i w_i(x, y) image[at_i(x, y)]                        four neighbours, bilinear.cuh
//   dimage[q] = sum over p, i with at_i(p) = q of w_i dout(p)            a scatter
//   dA        = sum_p (dL/dx, dL/dy)(p) B(:, p)^T,   dL/dx(p) = dout(p) sum_i (dw_i/dx) image[at_i]
//
// The scatter adds 64-bit integers (cuda/device/fixed_point.cuh) in shared memory. Their scale is a power of two that
// each image gets from its own largest gradient. So neither the order of threads nor the rest of the batch can change a
// bit.
//
//   out, dout [N, C, out_H, out_W]; images, dimages [N, C, H, W]; grid, dgrid [N, out_H, out_W, 2]; u, du [N, stride]
//
// Contract: one block per image, block any; 8 bytes of shared memory per pixel of a channel, and 2 numbers for each of
// 1024 staged output pixels. An image of more than kBandPixels pixels is cut into bands with a block for each: every
// block goes over all of the output and adds up what falls on its own band. Deterministic.
// Bytes: forward reads the image and writes out (8 per pixel), backward reads dout and image and writes dimages (12).
// On sm_90a the float kernels of affine warps take 46 and 61 registers.
#pragma once
#include "cuda/affine_grid.cuh"
#include "cuda/bilinear.cuh"
#include "cuda/device/dependent_kernel.cuh"
#include "cuda/device/fixed_point.cuh"
#include "cuda/device/reduce.cuh"
#include "cuda/device/shared.cuh"
#include "cuda/ops/warp.h"

namespace warpvae {

inline constexpr int kBandPixels = 8192;    // of a channel's gradient in one block's shared memory
inline constexpr int kStagedPixels = 1024;  // of dL/d(x, y), between computing and reducing them
inline constexpr int kCoefficients = 2 * kMaxControlPoints;
#ifdef __CUDACC__
inline constexpr int kPixelTile = 1;  // output pixels that a thread takes at a time
#else
inline constexpr int kPixelTile = 16;  // a vector register of them
#endif

/// Blocks of the backward: bands (y) of each image (x), one where only the grid's gradient is wanted.
constexpr int grid_sample_bands(const SampleShape& shape, bool dimages) {
    return dimages ? (shape.H * shape.W + kBandPixels - 1) / kBandPixels : 1;
}
/// Dynamic shared memory of the backward; dcoefficients: the gradient of a LinearGrid is wanted.
template <class T>
constexpr std::size_t grid_sample_bytes(const SampleShape& shape, bool dimages, bool dcoefficients) {
    const int pixels = shape.H * shape.W;
    return (dimages ? (pixels < kBandPixels ? pixels : kBandPixels) * sizeof(long long) : 0) +
           (dcoefficients ? 2 * kStagedPixels * sizeof(T) : 0);
}

/// Calls body(first pixel, std::integral_constant count): whole tiles, then single pixels, shared by the block.
template <class Body>
__device__ inline void for_tiles(int first, int last, Body body) {
    const int tiles = (last - first) / kPixelTile;
    for (int tile : block_stride(tiles)) body(first + tile * kPixelTile, std::integral_constant<int, kPixelTile>());
    if (kPixelTile > 1)
        for (int i : block_stride(last - first - tiles * kPixelTile))
            body(first + tiles * kPixelTile + i, std::integral_constant<int, 1>());
}

/// Where the grid comes from: given, pixel by pixel.
template <class T>
struct GivenGrid {
    static constexpr bool kGiven = true;
    const T* grid;

    __device__ int coefficient_count() const { return 0; }
    __device__ void coefficients(T*, std::size_t) const {}
    __device__ const T* basis_row(int, int) const { return nullptr; }
    __device__ void gradient(T*, const T*, std::size_t, bool) const {}  // written pixel by pixel
    /// Of image n, the coordinates of pixels first .. first + count - 1.
    template <int count>
    __device__ void coordinates(T* x, T* y, const T*, std::size_t n, int first, int pixels) const {
        const T* at = grid + 2 * (n * pixels + first);
        WARPVAE_SIMD()
        for (int i = 0; i < count; ++i) x[i] = at[2 * i], y[i] = at[2 * i + 1];
    }
};

/// Or linear in the coefficients that u gives; kK = K where it is known at compile time, else 0.
template <class T, int kK>
struct LinearGrid {
    static constexpr bool kGiven = false;
    Warp<T> warp;
    const T* u;

    __device__ int size() const { return kK ? kK : warp.K; }
    __device__ int coefficient_count() const { return 2 * size(); }
    /// A [2, K] of image n into shared memory; the caller follows with a barrier.
    __device__ void coefficients(T* A, std::size_t n) const {
        const T* mine = u + n * warp.stride;
        if (warp.form != WarpForm::kControlPoints) {
            if (threadIdx.x == 0) affine_coefficients(A, mine, warp.form);
            return;
        }
        const int K = size();
        int g = 2;
        while (g * g < K) ++g;
        for (int k : block_stride(K)) {
            A[k] = T(2 * (k % g)) / T(g - 1) - T(1) + mine[k];
            A[K + k] = T(2 * (k / g)) / T(g - 1) - T(1) + mine[K + k];
        }
    }
    __device__ const T* basis_row(int k, int pixels) const { return warp.basis + std::size_t(k) * pixels; }
    /// du of image n from dA, after a barrier.
    __device__ void gradient(T* du, const T* dA, std::size_t n, bool add) const {
        T* mine = du + n * warp.stride;
        if (warp.form == WarpForm::kControlPoints) {
            for (int k : block_stride(2 * size())) mine[k] = add ? mine[k] + dA[k] : dA[k];
        } else if (threadIdx.x == 0) {
            T gradient[6] = {};
            affine_coefficients_backward(gradient, dA, u + n * warp.stride, warp.form);
            const int numbers = warp_parameters(warp.form, 3);
#pragma unroll  // an index known only at run time would put the gradient into local memory
            for (int k = 0; k < 6; ++k)
                if (k < numbers) mine[k] = add ? mine[k] + gradient[k] : gradient[k];
        }
    }
    template <int count>
    __device__ void coordinates(T* x, T* y, const T* A, std::size_t, int first, int pixels) const {
        const T* B = warp.basis + first;
        const int K = size();
        for (int i = 0; i < count; ++i) x[i] = T(0), y[i] = T(0);
#pragma unroll
        for (int k = 0; k < K; ++k) {
            const T ax = A[k], ay = A[K + k];
            const T* b = B + std::size_t(k) * pixels;
            WARPVAE_SIMD()
            for (int i = 0; i < count; ++i) x[i] += ax * b[i], y[i] += ay * b[i];
        }
    }
};

/// From a grid's -1..1 to pixels: place * scale + offset.
template <class T>
struct PixelAxis {
    T scale, offset;
    __device__ PixelAxis(int size, bool align_corners)
        : scale(T(align_corners ? size - 1 : size) / T(2)), offset(T(size - 1) / T(2)) {}
};

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

/// The block's image, sampled.
template <Padding padding, class T, class Grid, class Pixels>
__device__ inline void sample_image(const Pixels& sampled, const T* images, const Grid& grid, const SampleShape& shape,
                                    const SampleOptions& options) {
    __shared__ T A[kCoefficients];
    const std::size_t n = blockIdx.x;
    const int H = shape.H, W = shape.W, pixels = shape.out_H * shape.out_W;
    const PixelAxis<T> across(W, options.align_corners), down(H, options.align_corners);
    const T edge = options.identity_safe ? T(1) : T(0);
    T sum = T(0);
    grid.coefficients(A, n);
    __syncthreads();
    for_tiles(0, pixels, [&](int first, auto tile) {
        constexpr int count = decltype(tile)::value;
        T x[count], y[count], value[count];
        grid.template coordinates<count>(x, y, A, n, first, pixels);
        for (int c = 0; c < shape.C; ++c) {
            const std::size_t channel = n * shape.C + c;
            const T* image = images + channel * H * W;
            WARPVAE_SIMD()
            for (int i = 0; i < count; ++i) {
                const BilinearTaps<T> taps = bilinear_taps<T, padding>(H, W, x[i] * across.scale + across.offset,
                                                                       y[i] * down.scale + down.offset, edge);
                value[i] = taps.weight[0] * image[taps.at[0]] + taps.weight[1] * image[taps.at[1]] +
                           taps.weight[2] * image[taps.at[2]] + taps.weight[3] * image[taps.at[3]];
            }
            sampled.take(value, channel * pixels + first, sum);
        }
    });
    sampled.finish(n, sum);
}

template <class T, class Grid, Padding padding>
__global__ void grid_sample_forward_kernel(T* out, const T* images, Grid grid, SampleShape shape,
                                           SampleOptions options) {
    wait_for_previous_launch();
    sample_image<padding>(PixelOutput<T>{out}, images, grid, shape, options);
}

struct NoFunction {
    template <class T>
    static __device__ T backward(T dy, T) {
        return dy;
    }
};

/// The gradients of the block's image. dgradient is dgrid (GivenGrid) or du (LinearGrid); either output may be null.
/// dimages goes on through F: NoFunction, or an activation whose output the images are (activation.cuh).
template <Padding padding, class F, class T, class Grid>
__device__ inline void scatter_gradient(T* dimages, T* dgradient, bool add, const T* dout, const T* images,
                                        const Grid& grid, const SampleShape& shape, const SampleOptions& options) {
    __shared__ T A[kCoefficients], dA[kCoefficients];
    __shared__ FixedPoint fixed;  // scale 0: the channel's gradient is not finite
    __shared__ unsigned broken;   // something that is not finite came in
    const std::size_t n = blockIdx.x;
    const int H = shape.H, W = shape.W, pixels = shape.out_H * shape.out_W, in_pixels = H * W;
    const PixelAxis<T> across(W, options.align_corners), down(H, options.align_corners);
    const T edge = options.identity_safe ? T(1) : T(0);
    const bool alone = blockDim.x == 1;
    // This block's band of the image, and whether it is the one that adds up the grid's gradient.
    const int band = int(blockIdx.y) * kBandPixels;
    const int band_pixels = in_pixels - band < kBandPixels ? in_pixels - band : kBandPixels;
    const bool takes_grid = dgradient && blockIdx.y == 0;
    long long* sums = dynamic_shared<long long>();
    T* staged_x = reinterpret_cast<T*>(sums + (dimages ? (in_pixels < kBandPixels ? in_pixels : kBandPixels) : 0));
    T* staged_y = staged_x + kStagedPixels;

    grid.coefficients(A, n);
    for (int k : block_stride(grid.coefficient_count())) dA[k] = T(0);
    for (int c = 0; c < shape.C; ++c) {
        const std::size_t channel = n * shape.C + c;
        const T* image = images + channel * in_pixels;
        const T* gradient = dout + channel * pixels;
        if (dimages) {
            T largest = T(0), poison = T(0);
            const auto mine = block_stride(pixels);
            WARPVAE_SIMD(reduction(max : largest) reduction(+ : poison))
            for (int i = mine.first; i < mine.last; i += mine.step) {
                const T size = gradient[i] < T(0) ? -gradient[i] : gradient[i];
                largest = size > largest ? size : largest;
                poison += gradient[i] - gradient[i];  // 0, or NaN
            }
            largest = block_max(largest + poison);
            if (threadIdx.x == 0) {
                broken = !is_finite(largest);
                fixed = is_finite(largest) ? FixedPoint::of(double(largest), double(pixels)) : FixedPoint{0., 0.};
            }
            for (int i : block_stride(band_pixels)) sums[i] = 0;
        }
        __syncthreads();
        for (int chunk = 0; chunk < pixels; chunk += kStagedPixels) {
            const int chunk_end = chunk + kStagedPixels < pixels ? chunk + kStagedPixels : pixels;
            for_tiles(chunk, chunk_end, [&](int first, auto tile) {
                constexpr int count = decltype(tile)::value;
                T x[count], y[count], dx[count], dy[count];
                T share[4][count];
                int at[4][count];
                grid.template coordinates<count>(x, y, A, n, first, pixels);
                WARPVAE_SIMD()
                for (int i = 0; i < count; ++i) {
                    const BilinearTaps<T> taps = bilinear_taps<T, padding>(H, W, x[i] * across.scale + across.offset,
                                                                           y[i] * down.scale + down.offset, edge);
                    const T g = gradient[first + i];
                    const T v0 = image[taps.at[0]], v1 = image[taps.at[1]], v2 = image[taps.at[2]],
                            v3 = image[taps.at[3]];
                    dx[i] = across.scale * g * (taps.dx[0] * v0 + taps.dx[1] * v1 + taps.dx[2] * v2 + taps.dx[3] * v3);
                    dy[i] = down.scale * g * (taps.dy[0] * v0 + taps.dy[1] * v1 + taps.dy[2] * v2 + taps.dy[3] * v3);
                    at[0][i] = taps.at[0], at[1][i] = taps.at[1], at[2][i] = taps.at[2], at[3][i] = taps.at[3];
                    share[0][i] = g * taps.weight[0], share[1][i] = g * taps.weight[1];
                    share[2][i] = g * taps.weight[2], share[3][i] = g * taps.weight[3];
                }
                if (takes_grid && Grid::kGiven) {
                    T* to = dgradient + 2 * (n * pixels + first);
                    for (int i = 0; i < count; ++i) {
                        to[2 * i] = c ? to[2 * i] + dx[i] : dx[i];
                        to[2 * i + 1] = c ? to[2 * i + 1] + dy[i] : dy[i];
                    }
                } else if (takes_grid) {
                    for (int i = 0; i < count; ++i)
                        staged_x[first - chunk + i] = dx[i], staged_y[first - chunk + i] = dy[i];
                }
                const FixedPoint scale = fixed;
                if (!dimages || scale.scale == 0.) return;
                int bad = 0;  // the gradients are finite here: only coordinates can spoil a sum
                WARPVAE_SIMD(reduction(| : bad))
                for (int i = 0; i < count; ++i) bad |= (x[i] - x[i]) + (y[i] - y[i]) != T(0);
                if (bad) {
                    atomicOr(&broken, 1u);
                    return;
                }
                long long terms[4][count];
                for (int j = 0; j < 4; ++j) {
                    WARPVAE_SIMD()
                    for (int i = 0; i < count; ++i) terms[j][i] = scale.of_value(double(share[j][i]));
                }
                for (int i = 0; i < count; ++i)
                    for (int j = 0; j < 4; ++j) {
                        const int place = at[j][i] - band;
                        if (unsigned(place) < unsigned(band_pixels)) fixed_add(sums + place, terms[j][i], alone);
                    }
            });
            if (takes_grid && !Grid::kGiven) {  // dA += staged gradients times B^T, a warp for each column of A
                __syncthreads();
                const int K = grid.coefficient_count() / 2;
                for (int k = warp_index(); k < K; k += warps_per_block()) {
                    const T* B = grid.basis_row(k, pixels) + chunk;
                    T sum_x = T(0), sum_y = T(0);
                    const auto staged = warp_stride(chunk_end - chunk);
                    WARPVAE_SIMD(reduction(+ : sum_x, sum_y))
                    for (int i = staged.first; i < staged.last; i += staged.step)
                        sum_x += staged_x[i] * B[i], sum_y += staged_y[i] * B[i];
                    sum_x = warp_sum(sum_x), sum_y = warp_sum(sum_y);
                    if (lane_index() == 0) dA[k] += sum_x, dA[K + k] += sum_y;
                }
            }
            __syncthreads();
        }
        if (dimages) {
            T* to = dimages + channel * in_pixels + band;
            const bool is_broken = broken;
            for (int i : block_stride(band_pixels))
                to[i] = is_broken ? T(NAN) : F::backward(T(fixed.value(sums[i])), image[band + i]);
            __syncthreads();
        }
    }
    let_next_launch_begin();
    if (takes_grid) grid.gradient(dgradient, dA, n, add);
}

template <class T, class Grid, Padding padding>
__global__ void grid_sample_backward_kernel(T* dimages, T* dgradient, bool add, const T* dout, const T* images,
                                            Grid grid, SampleShape shape, SampleOptions options) {
    wait_for_previous_launch();
    scatter_gradient<padding, NoFunction>(dimages, dgradient, add, dout, images, grid, shape, options);
}

}  // namespace warpvae

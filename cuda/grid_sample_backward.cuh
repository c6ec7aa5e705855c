// The gradients of grid_sample.cuh.
//
//   dimage[q] = sum over p with q among its four pixels of w_i(y) w_j(x) dout(p)            a scatter
//   dA        = sum_p (dL/dx, dL/dy)(p) B(:, p)^T,   dL/dx(p) = dout(p) sum_ij w_i(y) w_j'(x) image[row + i, col + j]
//
// The scatter adds whole numbers in shared memory (cuda/device/fixed_point.cuh), whose unit each channel gets from its
// own largest gradient. So neither the order of threads nor the rest of the batch can change a bit. Floats of up to
// kLimbPixels output pixels are added in two limbs of 32 bits: eight atomic additions a pixel, each one instruction.
// (A gather over the inverse map would need none. But near the identity a pixel has nine candidates of some fourteen
// instructions each, where eight additions and their conversions are some fifty; where the edge is repeated, an edge
// pixel gathers from all that lies beyond it, and its whole warp waits; and a spline has no inverse.)
//
//   dout [N, C, out_H, out_W]; images, dimages [N, C, H, W]; dgrid [N, out_H, out_W, 2]; u, du [N, stride]
//
// Contract: one block per image, block any; shared memory as BackwardPlan says. It takes as many channels at once as
// leave room for four blocks on a multiprocessor, and computes coordinates once for them. An image of more than
// kBandPixels pixels is cut into bands with a block for each: every block goes over all of the output and adds up what
// falls on its own band. Deterministic; du depends on the size of the block.
// Bytes: reads dout and image and writes dimages (12 per pixel).
// On sm_90a the kernels for floats in limbs take 40 to 48 registers (given grids), 56 to 63 (affine), 80 (3 x 3).
#pragma once
#include "cuda/device/fixed_point.cuh"
#include "cuda/device/warp_sums.cuh"
#include "cuda/grid_sample.cuh"

namespace warpvae {

inline constexpr int kBandPixels = 8192;    // of a channel's gradient in one block's shared memory
inline constexpr int kLimbPixels = 8192;    // of the output, for sums in limbs
inline constexpr int kStagedPixels = 1024;  // of dL/d(x, y), where the number of coefficients is not known
inline constexpr int kChannelsAtOnce = 4;

/// What a block of the backward does at once, and where its shared memory begins: sums (8 bytes a pixel), copied images
/// (4), staged dL/d(x, y).
struct BackwardPlan {
    int bands = 1;  // blockIdx.y; 1 where only the grid's gradient is wanted
    int band_pixels = 0;
    int channels = 1;  // at once
    std::size_t images_at = 0, gradients_at = 0, bytes = 0;
};
/// `staged`: images are copied into shared memory; element: bytes of a number; budget: of several channels at once.
constexpr BackwardPlan backward_plan(const SampleShape& shape, bool dimages, bool staged, bool stages_gradients,
                                     std::size_t element, std::size_t budget = kQuarterOfShared) {
    BackwardPlan plan;
    const int in_pixels = shape.H * shape.W;
    if (dimages) {
        plan.bands = (in_pixels + kBandPixels - 1) / kBandPixels;
        plan.band_pixels = plan.bands > 1 ? kBandPixels : in_pixels;
    }
    const std::size_t sums = sizeof(long long) * std::size_t(plan.band_pixels),
                      image = staged ? element * std::size_t(in_pixels) : 0;
    while (plan.channels < shape.C && plan.channels < kChannelsAtOnce &&
           std::size_t(plan.channels + 1) * (sums + image) <= budget)
        ++plan.channels;
    plan.images_at = (plan.channels * sums + 15) / 16 * 16;
    plan.gradients_at = plan.images_at + (plan.channels * image + 15) / 16 * 16;
    plan.bytes = plan.gradients_at + (stages_gradients ? 2 * element * kStagedPixels : 0);
    return plan;
}

// What becomes of dL/dx and dL/dy, in pixels, of each output pixel: the gradient of where its coordinates came from.
// take() is called for all pixels of a chunk, in the block's own order, end_chunk() after each chunk, finish() at the
// end; the last two for whole blocks.

template <class T, class Grid>
class GridGradient;

/// Of a given grid: written place by place.
template <class T>
class GridGradient<T, GivenGrid<T>> {
  public:
    static constexpr bool kChunks = false;
    __device__ GridGradient(const GivenGrid<T>&, T* dgrid, std::size_t n, const PixelAxes<T>& axes, int pixels, void*)
        : to_(dgrid ? dgrid + 2 * n * pixels : nullptr), scale_x_(axes.across.scale), scale_y_(axes.down.scale) {}
    template <int count>
    __device__ void take(const T (&dx)[count], const T (&dy)[count], int first, int, bool first_channel) {
        T* to = to_ + 2 * std::size_t(first);
        for (int i = 0; i < count; ++i) {
            to[2 * i] = (first_channel ? T(0) : to[2 * i]) + scale_x_ * dx[i];
            to[2 * i + 1] = (first_channel ? T(0) : to[2 * i + 1]) + scale_y_ * dy[i];
        }
    }
    __device__ void end_chunk(int, int) {}
    __device__ void finish(bool) {}

  private:
    T* to_;
    T scale_x_, scale_y_;
};

/// du of image n from dA [2, K] in shared memory, by a block that has met since.
template <class T, int kK>
__device__ inline void coefficient_gradient(const LinearGrid<T, kK>& grid, T* du, const T* dA, std::size_t n,
                                            bool add) {
    T* to = du + n * grid.warp.stride;
    if (grid.warp.form == WarpForm::kControlPoints) {
        for (int k : block_stride(2 * grid.size())) to[k] = add ? to[k] + dA[k] : dA[k];
    } else if (threadIdx.x == 0) {
        T gradient[6] = {};
        affine_coefficients_backward(gradient, dA, grid.u + n * grid.warp.stride, grid.warp.form);
        const int numbers = warp_parameters(grid.warp.form, 3);
#pragma unroll  // an index known only at run time would put the gradient into local memory
        for (int k = 0; k < 6; ++k)
            if (k < numbers) to[k] = add ? to[k] + gradient[k] : gradient[k];
    }
}

/// Of K coefficients for each axis: every thread adds up its own pixels' products with the basis.
template <class T, int kK>
class GridGradient<T, LinearGrid<T, kK>> {
  public:
    static constexpr bool kChunks = false;
    __device__ GridGradient(const LinearGrid<T, kK>& grid, T* du, std::size_t n, const PixelAxes<T>& axes, int pixels,
                            void*)
        : grid_(grid), du_(du), n_(n), scale_x_(axes.across.scale), scale_y_(axes.down.scale), pixels_(pixels) {}
    template <int count>
    __device__ void take(const T (&dx)[count], const T (&dy)[count], int first, int, bool) {
#pragma unroll
        for (int k = 0; k < kK; ++k) {
            const bool ones = kK == 3 && k == 2;
            const T* b = ones ? nullptr : grid_.basis_row(k, pixels_) + first;
            WARPVAE_SIMD()
            for (int i = 0; i < count; ++i) {
                sums_x_[k][i] += ones ? dx[i] : dx[i] * b[i];
                sums_y_[k][i] += ones ? dy[i] : dy[i] * b[i];
            }
        }
    }
    __device__ void end_chunk(int, int) {}
    __device__ void finish(bool add) {
        __shared__ T of_warps[32][2 * kK], dA[2 * kK];
        T mine[2 * kK] = {};
#pragma unroll
        for (int k = 0; k < kK; ++k)
            for (int i = 0; i < kPixelTile; ++i) mine[k] += sums_x_[k][i], mine[kK + k] += sums_y_[k][i];
        warp_sums<2 * kK>(mine, of_warps[warp_index()]);
        __syncthreads();
        for (int k : block_stride(2 * kK)) {
            T sum = T(0);
            for (int w = 0; w < warps_per_block(); ++w) sum += of_warps[w][k];
            dA[k] = sum * (k < kK ? scale_x_ : scale_y_);
        }
        __syncthreads();
        coefficient_gradient(grid_, du_, dA, n_, add);
    }

  private:
    const LinearGrid<T, kK>& grid_;
    T* du_;
    std::size_t n_;
    T scale_x_, scale_y_;
    int pixels_;
    T sums_x_[kK][kPixelTile] = {}, sums_y_[kK][kPixelTile] = {};
};

/// Of any number of coefficients: a chunk of pixels is staged in shared memory; then a warp takes a column of A.
template <class T>
class GridGradient<T, LinearGrid<T, 0>> {
  public:
    static constexpr bool kChunks = true;
    __device__ GridGradient(const LinearGrid<T, 0>& grid, T* du, std::size_t n, const PixelAxes<T>& axes, int pixels,
                            void* staged)
        : grid_(grid),
          du_(du),
          n_(n),
          scale_x_(axes.across.scale),
          scale_y_(axes.down.scale),
          pixels_(pixels),
          staged_x_(static_cast<T*>(staged)),
          staged_y_(staged_x_ + kStagedPixels) {
        T* dA = coefficients();
        for (int k : block_stride(2 * grid.size())) dA[k] = T(0);
    }
    template <int count>
    __device__ void take(const T (&dx)[count], const T (&dy)[count], int first, int chunk, bool) {
        for (int i = 0; i < count; ++i) staged_x_[first - chunk + i] = dx[i], staged_y_[first - chunk + i] = dy[i];
    }
    __device__ void end_chunk(int chunk, int end) {
        T* dA = coefficients();
        const int K = grid_.size();
        __syncthreads();
        for (int k = warp_index(); k < K; k += warps_per_block()) {
            const T* B = grid_.basis_row(k, pixels_) + chunk;
            T sum_x = T(0), sum_y = T(0);
            const auto staged = warp_stride(end - chunk);
            WARPVAE_SIMD(reduction(+ : sum_x, sum_y))
            for (int i = staged.first; i < staged.last; i += staged.step)
                sum_x += staged_x_[i] * B[i], sum_y += staged_y_[i] * B[i];
            sum_x = warp_sum(sum_x), sum_y = warp_sum(sum_y);
            if (lane_index() == 0) dA[k] += sum_x * scale_x_, dA[K + k] += sum_y * scale_y_;
        }
        __syncthreads();
    }
    __device__ void finish(bool add) { coefficient_gradient(grid_, du_, coefficients(), n_, add); }

  private:
    static __device__ T* coefficients() {
        __shared__ T dA[kCoefficients];
        return dA;
    }
    const LinearGrid<T, 0>& grid_;
    T* du_;
    std::size_t n_;
    T scale_x_, scale_y_;
    int pixels_;
    T *staged_x_, *staged_y_;
};

/// The unit of a channel's sums, from its largest gradient; a scale of 0 where that is not finite. For whole blocks.
template <class Fixed, class T>
__device__ inline void find_unit(Fixed* unit, const T* gradient, int pixels) {
    T largest = T(0), poison = T(0);
    const auto mine = block_stride(pixels);
    WARPVAE_SIMD(reduction(max : largest) reduction(+ : poison))
    for (int i = mine.first; i < mine.last; i += mine.step) {
        const T size = gradient[i] < T(0) ? -gradient[i] : gradient[i];
        largest = size > largest ? size : largest;
        poison += gradient[i] - gradient[i];  // 0, or NaN
    }
    largest = block_max(largest + poison);
    if (threadIdx.x == 0) *unit = is_finite(largest) ? Fixed::of(largest, pixels) : Fixed{};
}

/// The channels of an image that are taken at once, and the band of its pixels whose gradients are summed.
template <class T, class Fixed>
struct ChannelGroup {
    const T *gradient, *image;  // of the first channel
    int pixels, in_pixels;      // of a channel
    int channels;
    long long* sums;
    const Fixed* units;
    int band, band_pixels;
};

/// dL/dx and dL/dy, in pixels, of `count` output pixels over a group's channels: kChannels, or 0 if not known here.
template <int kChannels, class T, class Fixed, int count>
__device__ __forceinline__ void place_gradient(T (&dx)[count], T (&dy)[count], const PixelTaps<T, count>& taps,
                                               const ChannelGroup<T, Fixed>& group, int first,
                                               const PixelAxes<T>& axes) {
    const int right = axes.right, below = axes.below, both = right + below;
    const T *g = group.gradient + first, *v = group.image;
    T sum[4][count] = {};  // over channels, of the gradient times each of the four pixels
#pragma unroll 1
    for (int c = 0; c < (kChannels ? kChannels : group.channels); ++c) {
        WARPVAE_SIMD()
        for (int i = 0; i < count; ++i) {
            const int at = taps.at[i];
            sum[0][i] += g[i] * v[at], sum[1][i] += g[i] * v[at + right];
            sum[2][i] += g[i] * v[at + below], sum[3][i] += g[i] * v[at + both];
        }
        g += group.pixels, v += group.in_pixels;
    }
    WARPVAE_SIMD()
    for (int i = 0; i < count; ++i) {
        dx[i] = weighted(taps.top[i], weighted(taps.left_slope[i], sum[0][i], taps.right_slope[i], sum[1][i]),
                         taps.bottom[i], weighted(taps.left_slope[i], sum[2][i], taps.right_slope[i], sum[3][i]));
        dy[i] = weighted(taps.top_slope[i], weighted(taps.left[i], sum[0][i], taps.right[i], sum[1][i]),
                         taps.bottom_slope[i], weighted(taps.left[i], sum[2][i], taps.right[i], sum[3][i]));
    }
}

/// Adds the gradients g of `count` output pixels to a channel's sums, which are of all its pixels if `whole`, or else
/// of pixels band .. band + band_pixels - 1.
template <bool whole, class Fixed, class T, int count>
__device__ __forceinline__ void scatter(long long* sums, const Fixed& unit, const T* g, const PixelTaps<T, count>& taps,
                                        int band, int band_pixels, const PixelAxes<T>& axes) {
    T share[4][count];
    WARPVAE_SIMD()
    for (int i = 0; i < count; ++i) {
        const T upper = g[i] * taps.top[i], lower = g[i] * taps.bottom[i];
        share[0][i] = upper * taps.left[i], share[1][i] = upper * taps.right[i];
        share[2][i] = lower * taps.left[i], share[3][i] = lower * taps.right[i];
    }
    if (whole) band = 0;
    const int to[4] = {-band, axes.right - band, axes.below - band, axes.below + axes.right - band};
    if (block_is_one_thread()) {
        long long terms[4][count];
        for (int j = 0; j < 4; ++j) {
            WARPVAE_SIMD()
            for (int i = 0; i < count; ++i) terms[j][i] = unit.of_value(share[j][i]);
        }
        for (int i = 0; i < count; ++i)
            for (int j = 0; j < 4; ++j) {
                const int place = taps.at[i] + to[j];
                if (whole || unsigned(place) < unsigned(band_pixels)) sums[place] += terms[j][i];
            }
    } else {
        for (int i = 0; i < count; ++i)
            for (int j = 0; j < 4; ++j) {
                const int place = taps.at[i] + to[j];
                if (whole || unsigned(place) < unsigned(band_pixels))
                    fixed_add(unit, sums, band_pixels, place, share[j][i]);
            }
    }
}

/// True where a coordinate was not finite.
template <class T, int count>
__device__ inline bool any_broken(const PixelTaps<T, count>& taps) {
    int broken = 0;
    WARPVAE_SIMD(reduction(| : broken))
    for (int i = 0; i < count; ++i) {
        const T poison = taps.left[i] + taps.top[i];
        broken |= poison != poison;
    }
    return broken != 0;
}

struct NoFunction {
    template <class T>
    static __device__ T backward(T dy, T) {
        return dy;
    }
};

/// What the backward fills: dgradient is dgrid (GivenGrid) or du (LinearGrid); either may be null. `add`: du += .
template <class T>
struct SampleGradients {
    T *dimages, *dgradient;
    bool add;
};

/// Goes over all output pixels: adds them to a group's sums, if it has any, and gives dL/d(x, y) to grid_gradient if
/// `takes_grid`. False where a coordinate was not finite: the sums are then worth nothing.
template <Padding padding, bool whole, int kChannels, class T, class Fixed, class Grid>
__device__ __forceinline__ bool go_over_pixels(const ChannelGroup<T, Fixed>& group,
                                               GridGradient<T, Grid>& grid_gradient, bool takes_grid,
                                               bool first_channels, const Grid& grid,
                                               const typename Grid::Coefficients& A, const PixelAxes<T>& axes) {
    constexpr bool kChunks = GridGradient<T, Grid>::kChunks;
    const int pixels = group.pixels;
    Fixed first_unit{};
    if (group.sums) first_unit = group.units[0];
    bool broken = false;
    for (int chunk = 0; chunk < pixels; chunk += kChunks ? kStagedPixels : pixels) {
        const int end = kChunks && chunk + kStagedPixels < pixels ? chunk + kStagedPixels : pixels;
        for_tiles(chunk, end, [&](int first, auto tile) {
            constexpr int count = decltype(tile)::value;
            T x[count], y[count];
            PixelTaps<T, count> taps;
            grid.template coordinates<count>(x, y, A, axes, first, pixels);
            find_taps<padding, true>(taps, x, y, axes);
            if (takes_grid) {
                T dx[count], dy[count];
                place_gradient<kChannels>(dx, dy, taps, group, first, axes);
                grid_gradient.take(dx, dy, first, chunk, first_channels);
            }
            if (!group.sums) return;
            if (any_broken(taps)) {
                broken = true;
                return;
            }
            const T* g = group.gradient + first;
            long long* sums = group.sums;
#pragma unroll 1
            for (int c = 0; c < (kChannels ? kChannels : group.channels); ++c) {
                const Fixed unit = kChannels == 1 ? first_unit : group.units[c];
                if (unit.scale != 0) scatter<whole>(sums, unit, g, taps, group.band, group.band_pixels, axes);
                g += pixels, sums += group.band_pixels;
            }
        });
        if (takes_grid) grid_gradient.end_chunk(chunk, end);
    }
    return !broken;
}

/// The gradients of the block's image. dimages goes on through F: NoFunction, or an activation whose output the images
/// are (activation.cuh). staged: images are copied into shared memory; there is one band.
template <Padding padding, bool staged, class Fixed, class F, class T, class Grid>
__device__ inline void image_backward(const SampleGradients<T>& to, const T* dout, const T* images, const Grid& grid,
                                      const SampleShape& shape, const SampleOptions& options,
                                      const BackwardPlan& plan) {
    alignas(16) __shared__ T shared_A[kCoefficients];
    __shared__ Fixed units[kChannelsAtOnce];
    __shared__ unsigned broken;
    const std::size_t n = blockIdx.x;
    const PixelAxes<T> axes(shape, options);
    unsigned char* const memory = dynamic_shared<unsigned char>();
    ChannelGroup<T, Fixed> group;
    group.pixels = shape.out_H * shape.out_W, group.in_pixels = shape.H * shape.W;
    group.units = units;
    group.sums = to.dimages ? reinterpret_cast<long long*>(memory) : nullptr;
    group.band = int(blockIdx.y) * plan.band_pixels;
    group.band_pixels =
        group.in_pixels - group.band < plan.band_pixels ? group.in_pixels - group.band : plan.band_pixels;
    const bool takes_grid = to.dgradient && blockIdx.y == 0;  // the first band's block adds up the grid's gradient
    GridGradient<T, Grid> grid_gradient(grid, to.dgradient, n, axes, group.pixels, memory + plan.gradients_at);
    grid.write_coefficients(shared_A, n, axes);
#pragma unroll 1
    for (int c0 = 0; c0 < shape.C; c0 += plan.channels) {
        const std::size_t channel = n * shape.C + c0;
        group.channels = shape.C - c0 < plan.channels ? shape.C - c0 : plan.channels;
        group.gradient = dout + channel * group.pixels;
        group.image = images + channel * group.in_pixels;
        [[maybe_unused]] AsyncCopies copies;
        if constexpr (staged) {
            T* copy = reinterpret_cast<T*>(memory + plan.images_at);
            begin_copy(copies, copy, group.image, group.channels * group.in_pixels);
            group.image = copy;
        }
        if (to.dimages) {
            if (threadIdx.x == 0) broken = 0;
            for (int i : block_stride(group.channels * group.band_pixels)) group.sums[i] = 0;
#pragma unroll 1
            for (int c = 0; c < group.channels; ++c)
                find_unit(units + c, group.gradient + std::size_t(c) * group.pixels, group.pixels);
        }
        if constexpr (staged) copies.wait<0>();
        __syncthreads();
        const auto A = grid.coefficients(shared_A, n);
        const bool good =
            group.channels == 1
                ? go_over_pixels<padding, staged, 1>(group, grid_gradient, takes_grid, c0 == 0, grid, A, axes)
                : go_over_pixels<padding, staged, 0>(group, grid_gradient, takes_grid, c0 == 0, grid, A, axes);
        if (to.dimages && !good) atomicOr(&broken, 1u);
        __syncthreads();
        if (to.dimages) {
#pragma unroll 1
            for (int c = 0; c < group.channels; ++c) {
                const Fixed unit = units[c];
                const bool is_broken = broken || unit.scale == 0;
                const long long* sums = group.sums + std::size_t(c) * group.band_pixels;
                const T* y = group.image + std::size_t(c) * group.in_pixels + group.band;
                T* dimage = to.dimages + (channel + c) * group.in_pixels + group.band;
                for (int i : block_stride(group.band_pixels))
                    dimage[i] = is_broken ? T(NAN) : F::backward(T(fixed_sum(unit, sums, group.band_pixels, i)), y[i]);
            }
            __syncthreads();
        }
    }
    let_next_launch_begin();
    if (takes_grid) grid_gradient.finish(to.add);
}

template <class T, class Grid, Padding padding, bool staged, class Fixed>
__global__ void grid_sample_backward_kernel(SampleGradients<T> to, const T* dout, const T* images, Grid grid,
                                            SampleShape shape, SampleOptions options, BackwardPlan plan) {
    wait_for_previous_launch();
    image_backward<padding, staged, Fixed, NoFunction>(to, dout, images, grid, shape, options, plan);
}

}  // namespace warpvae

// Reading an image between its pixels: the sampler behind every geometric change of an image in this project.
//
// Coordinates are in pixels: x = 0 is the centre of the first column and x = W-1 that of the last; y counts rows in the
// same way. That is `align_corners=True` of PyTorch's grid_sample, whose g in [-1, 1] is x = (g + 1) / 2 * (W - 1).
//
//   image    one channel [H, W], row-major: a pointer to floats, doubles or bytes, or anything indexed like one
//   T        what is computed in: float or double; values come back in the image's own units, unrounded
//   padding  kZeros: pixels outside are 0, so an image fades to 0 over the pixel beyond its edge
//            kBorder: pixels outside repeat the edge; only the *indices* are clipped, as Lasagne's transformers do
//
// A coordinate that is a whole number reads that pixel exactly. A NaN coordinate reads 0 (kZeros) or the first column
// or row (kBorder); no coordinate, however large, reads outside the image.
#pragma once
#include <cmath>

#include "cuda/device/loops.cuh"
#include "cuda/ops/warp.h"

namespace warpvae {

namespace detail {

__device__ inline float floor_(float x) { return floorf(x); }
__device__ inline double floor_(double x) { return floor(x); }
__device__ inline float rint_(float x) { return rintf(x); }
__device__ inline double rint_(double x) { return rint(x); }

/// Pixel (column, row), which may lie outside the image.
template <class T, Padding padding, class Image>
__device__ inline T pixel_at(Image image, int H, int W, int column, int row) {
    if (padding == Padding::kBorder) {
        column = column < 0 ? 0 : (column > W - 1 ? W - 1 : column);
        row = row < 0 ? 0 : (row > H - 1 ? H - 1 : row);
        return T(image[row * W + column]);
    }
    const bool inside = column >= 0 && column < W && row >= 0 && row < H;
    return inside ? T(image[row * W + column]) : T(0);
}

/// x kept where an int can hold it. From -1 outwards on the left and from `size` on the right nothing changes any more.
template <class T>
__device__ inline T near_image(T x, int size) {
    return x >= T(-1) ? (x <= T(size) ? x : T(size)) : T(-1);
}

/// The four pixels round (x, y), v<row><column>, and how far (x, y) lies between them.
template <class T>
struct BilinearCell {
    T v00, v01, v10, v11;
    T fx, fy;
};
template <class T, Padding padding, class Image>
__device__ inline BilinearCell<T> bilinear_cell(Image image, int H, int W, T x, T y) {
    x = near_image(x, W);
    y = near_image(y, H);
    const T left = floor_(x), top = floor_(y);
    const int column = static_cast<int>(left), row = static_cast<int>(top);
    return {pixel_at<T, padding>(image, H, W, column, row),
            pixel_at<T, padding>(image, H, W, column + 1, row),
            pixel_at<T, padding>(image, H, W, column, row + 1),
            pixel_at<T, padding>(image, H, W, column + 1, row + 1),
            x - left,
            y - top};
}

/// a at t = 0, exactly.
template <class T>
__device__ inline T interpolate(T a, T b, T t) {
    return a + t * (b - a);
}

}  // namespace detail

/// The image's value at (x, y), interpolated between the four pixels round it.
template <class T, Padding padding = Padding::kZeros, class Image>
__device__ inline T sample_bilinear(Image image, int H, int W, T x, T y) {
    const detail::BilinearCell<T> cell = detail::bilinear_cell<T, padding>(image, H, W, x, y);
    return detail::interpolate(detail::interpolate(cell.v00, cell.v01, cell.fx),
                               detail::interpolate(cell.v10, cell.v11, cell.fx), cell.fy);
}

/// The same value, and its derivatives with respect to x and y.
///
/// Between pixels they are PyTorch's. On a whole coordinate, where the surface has a kink, they are those of the cell
/// to the right and below; so with kBorder the derivative is 0 outside the image and at exactly W-1, and one-sided at
/// exactly 0, where PyTorch has 0.
template <class T>
struct SampleWithGradient {
    T value, dx, dy;
};
template <class T, Padding padding = Padding::kZeros, class Pixel>
__device__ inline SampleWithGradient<T> sample_bilinear_with_gradient(const Pixel* image, int H, int W, T x, T y) {
    const detail::BilinearCell<T> cell = detail::bilinear_cell<T, padding>(image, H, W, x, y);
    const T top = detail::interpolate(cell.v00, cell.v01, cell.fx);
    const T bottom = detail::interpolate(cell.v10, cell.v11, cell.fx);
    // Beyond the outermost cell the image is flat; near_image has moved such a point onto that cell's edge.
    const bool flat_x = !(x >= T(-1) && x < T(W)), flat_y = !(y >= T(-1) && y < T(H));
    return {detail::interpolate(top, bottom, cell.fy),
            flat_x ? T(0) : detail::interpolate(cell.v01 - cell.v00, cell.v11 - cell.v10, cell.fy),
            flat_y ? T(0) : bottom - top};
}

namespace detail {

template <class T>
__device__ __forceinline__ T clamp_(T x, T low, T high) {  // NaN: low
#ifdef __CUDA_ARCH__
    return min(max(x, low), high);
#else
    return x > low ? (x < high ? x : high) : low;
#endif
}

/// floor(x); and that kept within 0 .. `most`, also as an integer. x from -1 to 2^22.
template <class T>
struct Floor {
    T whole, kept;
    int index;
};
__device__ __forceinline__ Floor<double> floor_within(double x, double most) {
    const double whole = floor_(x), kept = clamp_(whole, 0., most);
    return {whole, kept, static_cast<int>(kept)};
}
__device__ __forceinline__ Floor<float> floor_within(float x, float most) {
#ifdef __CUDA_ARCH__
    // A sum from 2^23 to 2^24 has no bits below 1: rounded down, x + 1.5 * 2^23 is the floor, and its last bits are the
    // integer. Three additions, where two conversions would take four times as long.
    constexpr float kShift = 12582912.f;
    const float shifted = __fadd_rd(x, kShift), kept = clamp_(shifted, kShift, kShift + most);
    return {shifted - kShift, kept - kShift, __float_as_int(kept) - 0x4b400000};
#else
    const float whole = floor_(x), kept = clamp_(whole, 0.f, most);
    return {whole, kept, static_cast<int>(kept)};
#endif
}

}  // namespace detail

/// Along one axis of `size` pixels, at most 2^22: the pixels round x are `first` and the next one (of one pixel alone:
/// it, twice). Their weights, and the weights' derivatives with respect to x. Pixels outside have weight 0.
/// Branch-free, so that loops over it vectorise. A coordinate that is not finite makes weight0 NaN, so that a warp that
/// diverged shows. kBorder: x has an influence from slope_from (0, or the smallest number above) to the last pixel.
template <class T>
struct AxisTaps {
    int first;
    T weight0, weight1, slope0, slope1;
};
template <Padding padding, class T>
__device__ __forceinline__ AxisTaps<T> axis_taps(T x, int size, T slope_from) {
    const T most = T(size > 1 ? size - 2 : 0), poison = x * T(0);
    if (padding == Padding::kBorder) {
        const T last = T(size - 1), inside = detail::clamp_(x, T(0), last);
        const auto cell = detail::floor_within(inside, most);
        const T f = inside - cell.kept + poison;
        const T slope = x >= slope_from && x < last ? T(1) : T(0);
        return {cell.index, T(1) - f, f, -slope, slope};
    }
    const T near = detail::clamp_(x, T(-1), T(size));
    const auto cell = detail::floor_within(near, most);
    // From -1: the image begins within this cell. 0: both pixels are in the image. 1: it ends within. 2: beyond.
    const T from_first = cell.whole - cell.kept, f = near - cell.whole;
    const T second = size > 1 ? T(1) : T(0), slope = x >= T(-1) ? T(1) : T(0);
    const bool both = from_first == T(0), begins = from_first == T(-1), ends = from_first == T(1);
    return {cell.index, (both ? T(1) - f : (begins ? f : T(0))) + poison,
            second * (both ? f : (ends ? T(1) - f : T(0))), both ? -slope : (begins ? slope : T(0)),
            second * (both ? slope : (ends ? -slope : T(0)))};
}

/// The pixel nearest to (x, y); half-way goes to the even index, as in PyTorch. Its derivative is 0 everywhere.
template <class T, Padding padding = Padding::kZeros, class Pixel>
__device__ inline T sample_nearest(const Pixel* image, int H, int W, T x, T y) {
    const int column = static_cast<int>(detail::rint_(detail::near_image(x, W)));
    const int row = static_cast<int>(detail::rint_(detail::near_image(y, H)));
    return detail::pixel_at<T, padding>(image, H, W, column, row);
}

}  // namespace warpvae

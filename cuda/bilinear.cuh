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

/// The four pixels round (x, y) as offsets into a channel and weights, and the weights' derivatives: order 00, 01, 10,
/// 11 (row, column). Branch-free, so that loops over it vectorise. With kZeros a pixel outside the image has an offset
/// inside it, and weight 0. A coordinate that is not finite makes every weight NaN, so that a warp that diverged shows.
template <class T>
struct BilinearTaps {
    int at[4];
    T weight[4], dx[4], dy[4];
};
template <class T, Padding padding>
__device__ inline BilinearTaps<T> bilinear_taps(int H, int W, T x, T y, T edge) {
    const T near_x = detail::near_image(x, W), near_y = detail::near_image(y, H);
    const T left = detail::floor_(near_x), top = detail::floor_(near_y);
    const T fx = near_x - left + (x - x), fy = near_y - top + (y - y);
    const int c0 = static_cast<int>(left), r0 = static_cast<int>(top);
    const auto within = [](int i, int size) { return i < 0 ? 0 : (i > size - 1 ? size - 1 : i); };
    const int column0 = within(c0, W), column1 = within(c0 + 1, W);
    const int row0 = within(r0, H) * W, row1 = within(r0 + 1, H) * W;
    T gx = T(1), gy = T(1);  // derivatives of the coordinates that are used; 0 outside, where those are constant
    T inside_c0 = T(1), inside_c1 = T(1), inside_r0 = T(1), inside_r1 = T(1);
    if (padding == Padding::kZeros) {
        inside_c0 = column0 == c0 ? T(1) : T(0), inside_c1 = column1 == c0 + 1 ? T(1) : T(0);
        inside_r0 = row0 == r0 * W ? T(1) : T(0), inside_r1 = row1 == (r0 + 1) * W ? T(1) : T(0);
        gx = x >= T(-1) && x < T(W) ? T(1) : T(0), gy = y >= T(-1) && y < T(H) ? T(1) : T(0);
    } else {  // further out the four neighbours are one pixel: the derivatives are 0 by themselves
        gx = x > T(0) ? T(1) : edge, gy = y > T(0) ? T(1) : edge;
    }
    const T l = (T(1) - fx) * inside_c0, r = fx * inside_c1, t = (T(1) - fy) * inside_r0, b = fy * inside_r1;
    const T dl = -gx * inside_c0, dr = gx * inside_c1, dt = -gy * inside_r0, db = gy * inside_r1;
    return {{row0 + column0, row0 + column1, row1 + column0, row1 + column1},
            {t * l, t * r, b * l, b * r},
            {t * dl, t * dr, b * dl, b * dr},
            {dt * l, dt * r, db * l, db * r}};
}

/// The pixel nearest to (x, y); half-way goes to the even index, as in PyTorch. Its derivative is 0 everywhere.
template <class T, Padding padding = Padding::kZeros, class Pixel>
__device__ inline T sample_nearest(const Pixel* image, int H, int W, T x, T y) {
    const int column = static_cast<int>(detail::rint_(detail::near_image(x, W)));
    const int row = static_cast<int>(detail::rint_(detail::near_image(y, H)));
    return detail::pixel_at<T, padding>(image, H, W, column, row);
}

}  // namespace warpvae

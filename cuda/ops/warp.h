// Warps of images, and what spoils and compares them. Letters and conventions: cuda/ops.h.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "cuda/device/device.h"

namespace warpvae {

// --- images: affine_warp.cuh (on bilinear.cuh) -----------------------------------------------------------------------

enum class Interpolation { kNearest, kBilinear };
/// What an image is outside: 0, or its edge repeated.
enum class Padding { kZeros, kBorder };
/// An affine map of *output* pixel offsets from the centre to *input* pixel offsets from the centre (x right, y down):
///   x' = a x + b y + tx,  y' = c x + d y + ty.
struct AffineMap {
    float a = 1, b = 0, tx = 0, c = 0, d = 1, ty = 0;
};
/// Warps byte images [N, H, W], image n by maps[n], about the pixel centre ((W-1)/2, (H-1)/2), zeros outside; bilinear
/// values are rounded to the nearest byte.
Status affine_warp(std::uint8_t* out, const std::uint8_t* in, const AffineMap* maps, Interpolation interpolation,
                   std::size_t N, int H, int W, Stream stream);

// --- spatial transformers: grid_sample.cuh, warp_loss.cuh, affine_grid.cuh, thin_plate_spline.cpp --------------------

/// Coordinates run from -1 to 1 over the image, x right and y down. With align_corners these are the centres of the
/// first and last pixel, without it their outer edges.
struct SampleOptions {
    Padding padding = Padding::kBorder;
    bool align_corners = true;
    /// With kBorder, what the derivative is at a coordinate that lies exactly on the first row or column. True: that of
    /// the cell inside, as in Lasagne, so that a warp can leave the identity. False: 0, as in PyTorch. On the last row
    /// or column both have 0.
    bool identity_safe = true;
};
/// Images [N, C, H, W] become [N, C, out_H, out_W]; all from 1 but N. H and W at most 2^22.
struct SampleShape {
    int C = 1, H = 28, W = 28, out_H = 28, out_W = 28;
};
/// out[n, c, i, j] = image n's channel c at grid[n, i, j] = (x, y), bilinear. Torch's grid_sample in all four modes.
///   out [N, C, out_H, out_W]; images [N, C, H, W]; grid [N, out_H, out_W, 2]. A coordinate that is not finite gives
///   NaN.
template <class T>
Status grid_sample_forward(T* out, const T* images, const T* grid, std::size_t N, const SampleShape& shape,
                           const SampleOptions& options, Stream stream);
/// dimages and dgrid from dout, either null if not wanted. Bit-identical whatever the order of threads and the batch
/// around an image; a gradient that is not finite makes its channel's dimages NaN. Each share of a gradient is rounded
/// to a part of its channel's largest: floats of 28 x 28 outputs to 2^-41 (fixed_point.cuh, FixedLimbs; at most 8,192
/// outputs and 8,192 pixels), others to 2^-60 times the number of outputs.
template <class T>
Status grid_sample_backward(T* dimages, T* dgrid, const T* dout, const T* images, const T* grid, std::size_t N,
                            const SampleShape& shape, const SampleOptions& options, Stream stream);

/// What the numbers u of a warp mean. Each makes the coefficients A [2, K] of a grid that is linear in them,
/// (x, y)(pixel) = A B(:, pixel), with a basis B [K, out_H * out_W] that is the same for all images.
enum class WarpForm {
    kAffine,         ///< u = A, 6 numbers: x = u0 x' + u1 y' + u2, y = u3 x' + u4 y' + u5 (affine_basis)
    kPose,           ///< u = (psi, log Sx, log Sy, Tx, Ty): A = [Sx cos, -Sx sin, Sx Tx; Sy sin, Sy cos, Sy Ty]
    kInverseAffine,  ///< the map that undoes kAffine; |determinant| is kept from 1e-4 upwards
    kInversePose,    ///< the map that undoes kPose
    kControlPoints,  ///< u = offsets of g x g control points, all x then all y (thin_plate_spline_basis)
};
template <class T>
struct Warp {
    WarpForm form = WarpForm::kAffine;
    const T* basis = nullptr;  ///< device [K, out_H * out_W]
    int K = 3;                 ///< 3, or g * g
    int stride = 6;            ///< numbers from one image's u to the next
};
/// How many numbers u a warp has.
constexpr int warp_parameters(WarpForm form, int K) {
    return form == WarpForm::kControlPoints ? 2 * K : form == WarpForm::kPose || form == WarpForm::kInversePose ? 5 : 6;
}
inline constexpr int kMaxControlPoints = 64;  ///< g from 2 to 8
/// [3, H * W]: x', y' and 1 at each pixel; 0 along an axis of one pixel.
std::vector<double> affine_basis(int H, int W, bool align_corners = true);
/// [g * g, H * W]: what each control point's place adds to the grid (Bookstein 1989; Lasagne's TPSTransformerLayer).
/// Columns sum to 1. Control points stand on linspace(-1, 1, g)^2, rows first. Throws std::invalid_argument unless g is
/// from 2 to 8.
std::vector<double> thin_plate_spline_basis(int g, int H, int W, bool align_corners = true);
/// [2, g * g, H * W]: the derivatives of that basis along x', then along y', in closed form. With them and the places
/// of the control points, a spline's Jacobian at a pixel is linear in u as its grid is.
std::vector<double> thin_plate_spline_slopes(int g, int H, int W, bool align_corners = true);

/// As grid_sample with the grid of u [N, stride], which is never stored.
template <class T>
Status warp_forward(T* out, const T* images, const T* u, const Warp<T>& warp, std::size_t N, const SampleShape& shape,
                    const SampleOptions& options, Stream stream);
/// dimages and du from dout, either null if not wanted; `add`: du += instead of du =.
template <class T>
Status warp_backward(T* dimages, T* du, bool add, const T* dout, const T* images, const T* u, const Warp<T>& warp,
                     std::size_t N, const SampleShape& shape, const SampleOptions& options, Stream stream);
/// What warp_sigmoid_bernoulli fills: all of it.
template <class T>
struct WarpLoss {
    T* nll;         ///< [N]
    T *out, *dout;  ///< [N, C, out_H, out_W]: the warped images and their gradient
    T* dlogits;     ///< [N, C, H, W]
    T* du;          ///< [N, stride]
};
/// A decoder's images y = sigmoid(l), warped, with the likelihood of what comes out, and the gradients: out as
/// warp_forward, nll and dout as bernoulli_from_probabilities of it (against target [N, C, out_H, out_W]), du and dy as
/// warp_backward, dlogits as sigmoid_backward. One launch, or four where an image has more than 8,192 pixels.
template <class T>
Status warp_sigmoid_bernoulli(const WarpLoss<T>& to, const T* images, const T* u, const Warp<T>& warp, const T* target,
                              T scale, std::size_t N, const SampleShape& shape, const SampleOptions& options,
                              Stream stream);

// --- the order of channels: channel_order.cuh ------------------------------------------------------------------------

/// Images [N, P, C] of P pixels as planes [N, C, P], which the warps above take, and back. C from 1.
template <class T>
Status channels_first(T* out, const T* in, std::size_t N, int P, int C, Stream stream);
template <class T>
Status channels_last(T* out, const T* in, std::size_t N, int P, int C, Stream stream);

// --- images spoilt, and how close to the clean ones: degrade.cuh, psnr.cuh -------------------------------------------

enum class DegradationKind : std::uint32_t { kSaltAndPepper, kGaussian, kOcclusion };
struct Degradation {
    DegradationKind kind = DegradationKind::kGaussian;
    /// Salt and pepper: the probability of each pixel to become 0 or 1, all channels of it. Gaussian: the deviation, of
    /// each channel by itself, the result clamped to [0, 1]. Occlusion: the side of a square of 0, in shares of the
    /// image's smaller side. 0 changes nothing.
    float amount = 0;
};
/// y = x spoilt, both [R, N, H, W, C] in [0, 1], H, W and C from 1, in place allowed. Row n is image `first_row + n`:
/// its noise depends on seeds[r], the kind and that number alone. An amount that is negative, not finite or (Gaussian
/// apart) above 1 is refused.
template <class T>
Status degrade(T* y, const T* x, Degradation noise, const std::uint64_t* seeds, std::size_t first_row, int R, int N,
               int H, int W, Stream stream, int C = 1);
/// The same of the minibatch of step *step, a number on the device: each step and row has noise of its own.
template <class T>
Status degrade_minibatch(T* y, const T* x, Degradation noise, const std::uint64_t* seeds, const std::uint64_t* step,
                         int R, int N, int H, int W, Stream stream, int C = 1);
/// out [R, N] = peak signal-to-noise ratios in dB of x against target [R, N, D], D from 1; 58.9 at most: psnr.cuh.
template <class T>
Status psnr(T* out, const T* x, const T* target, int R, int N, int D, Stream stream);

}  // namespace warpvae

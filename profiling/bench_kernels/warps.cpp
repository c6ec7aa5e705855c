// Warps of 28 x 28 images (bench_warp has other sizes), and what spoils and compares images.
#include "profiling/bench_kernels/rows.h"

namespace warpvae {
namespace {

constexpr SampleShape kShape{1, 28, 28, 28, 28};

/// Images, their warped ones, and the numbers of a warp near the identity.
struct Warped {
    float *images, *out, *dimages, *dout, *u, *du;
    Warp<float> warp;
    Warped(Arrays& a, WarpForm form)
        : images(a.floats(N * D)), out(a.floats(N * D)), dimages(a.floats(N * D)), dout(a.floats(N * D)) {
        const bool is_spline = form == WarpForm::kControlPoints;
        const std::vector<double> basis = is_spline ? thin_plate_spline_basis(3, 28, 28) : affine_basis(28, 28);
        warp = {form, a.shared(std::vector<float>(basis.begin(), basis.end())), is_spline ? 9 : 3, is_spline ? 18 : 6};
        u = is_spline ? a.floats(N * 18, -0.2f, 0.2f) : a.shared([&] {
            std::vector<float> turned;
            for (int n = 0; n < a.R * N; ++n) turned.insert(turned.end(), {0.9f, 0.2f, 0.1f, -0.2f, 1.1f, -0.1f});
            return turned;
        }());
        du = a.floats(N * warp.stride);
    }
};
/// The grid's sums over its basis, two coordinates of each pixel.
constexpr double grid_operations(int K) { return kPixels * 2 * 2 * K; }

Row forward(const std::string& name, WarpForm form, int K) {
    return {"warp_forward (" + name + ")", 8 * kPixels, grid_operations(K), [form](Arrays& a) {
                const Warped w(a, form);
                return [=, n = std::size_t(a.R) * N] {
                    return warp_forward(w.out, w.images, w.u, w.warp, n, kShape, {}, nullptr);
                };
            }};
}
Row backward(const std::string& name, WarpForm form, int K) {
    return {"warp_backward (" + name + ", image and parameters)", 12 * kPixels, 2 * grid_operations(K),
            [form](Arrays& a) {
                const Warped w(a, form);
                return [=, n = std::size_t(a.R) * N] {
                    return warp_backward(w.dimages, w.du, false, w.dout, w.images, w.u, w.warp, n, kShape, {}, nullptr);
                };
            }};
}
Row likelihood(const std::string& name, WarpForm form, int K) {
    return {"warp_sigmoid_bernoulli (" + name + ")", 20 * kPixels, 2 * grid_operations(K), [form](Arrays& a) {
                const Warped w(a, form);
                float *nll = a.floats(N), *target = a.floats(N * D);
                return [=, n = std::size_t(a.R) * N] {
                    return warp_sigmoid_bernoulli<float>({nll, w.out, w.dout, w.dimages, w.du}, w.images, w.u, w.warp,
                                                         target, 0.01f, n, kShape, {}, nullptr);
                };
            }};
}

}  // namespace

std::vector<Row> warp_rows() {
    return {
        {"affine_warp (28 x 28 bytes, bilinear)", 2 * kPixels + N * double(sizeof(AffineMap)), 0,
         [](Arrays& a) {
             std::uint8_t *out = a.zeros<std::uint8_t>(N * D), *in = a.zeros<std::uint8_t>(N * D);
             const AffineMap* maps = a.each(std::vector<AffineMap>(N, AffineMap{0.9f, 0.2f, 1, -0.2f, 1.1f, -1}));
             return [=, n = std::size_t(a.R) * N] {
                 return affine_warp(out, in, maps, Interpolation::kBilinear, n, 28, 28, nullptr);
             };
         }},
        {"grid_sample_forward (28 x 28)", 16 * kPixels, 0,
         [](Arrays& a) {
             float *out = a.floats(N * D), *images = a.floats(N * D), *grid = a.floats(N * D * 2, -1, 1);
             return [=, n = std::size_t(a.R) * N] {
                 return grid_sample_forward(out, images, grid, n, kShape, {}, nullptr);
             };
         }},
        {"grid_sample_backward (28 x 28, image and grid)", 28 * kPixels, 0,
         [](Arrays& a) {
             float *dimages = a.floats(N * D), *dgrid = a.floats(N * D * 2), *dout = a.floats(N * D),
                   *images = a.floats(N * D), *grid = a.floats(N * D * 2, -1, 1);
             return [=, n = std::size_t(a.R) * N] {
                 return grid_sample_backward(dimages, dgrid, dout, images, grid, n, kShape, {}, nullptr);
             };
         }},
        forward("affine", WarpForm::kAffine, 3),
        forward("spline of 3 x 3", WarpForm::kControlPoints, 9),
        backward("affine", WarpForm::kAffine, 3),
        backward("spline of 3 x 3", WarpForm::kControlPoints, 9),
        likelihood("affine", WarpForm::kAffine, 3),
        likelihood("spline of 3 x 3", WarpForm::kControlPoints, 9),
        {"degrade (Gaussian, 28 x 28)", 8 * kPixels, 0,
         [](Arrays& a) {
             float *y = a.floats(N * D), *x = a.floats(N * D);
             return [=, seeds = a.seeds(), R = a.R] {
                 return degrade(y, x, {DegradationKind::kGaussian, 0.1f}, seeds, 0, R, N, 28, 28, nullptr);
             };
         }},
        {"degrade_minibatch (salt and pepper, 28 x 28)", 8 * kPixels, 0,
         [](Arrays& a) {
             float *y = a.floats(N * D), *x = a.floats(N * D);
             return [=, seeds = a.seeds(), step = a.step(), R = a.R] {
                 return degrade_minibatch(y, x, {DegradationKind::kSaltAndPepper, 0.1f}, seeds, step, R, N, 28, 28,
                                          nullptr);
             };
         }},
        {"psnr (784)", 4 * (2 * kPixels + N), 0,
         [](Arrays& a) {
             float *out = a.floats(N), *x = a.floats(N * D), *target = a.floats(N * D, 0, 1);
             return [=, R = a.R] { return psnr(out, x, target, R, N, D, nullptr); };
         }},
    };
}

}  // namespace warpvae

// What the tests of warps share: forms, shapes and modes of sampling, and a warp with its basis on the device.
#pragma once
#include <utility>

#include "cuda/device/buffer.h"
#include "cuda/ops/warp.h"
#include "tests/support/device_test.h"

namespace warpvae::test {

using Numbers = std::vector<double>;

inline std::string mode_name(const SampleOptions& o) {
    return std::string(o.padding == Padding::kZeros ? "zeros" : "border") + (o.align_corners ? ".corners" : ".edges");
}
inline std::vector<SampleOptions> all_modes() {
    return {{Padding::kZeros, true, true},
            {Padding::kZeros, false, true},
            {Padding::kBorder, true, true},
            {Padding::kBorder, false, true}};
}
inline std::size_t images_size(std::size_t N, const SampleShape& s) { return N * s.C * s.H * s.W; }
inline std::size_t out_size(std::size_t N, const SampleShape& s) { return N * s.C * s.out_H * s.out_W; }
inline std::size_t grid_size(std::size_t N, const SampleShape& s) { return N * s.out_H * s.out_W * 2; }

template <class T>
std::vector<T> cast(const Numbers& in) {
    return std::vector<T>(in.begin(), in.end());
}

/// Of images and of what the grid is made of.
template <class T>
struct Gradients {
    std::vector<T> dimages, dparameters;
};
/// A warp with its basis on the device.
template <class T>
struct WarpUnderTest {
    WarpUnderTest(WarpForm form, int g, const SampleShape& s, bool align_corners)
        : basis(cast<T>(form == WarpForm::kControlPoints ? thin_plate_spline_basis(g, s.out_H, s.out_W, align_corners)
                                                         : affine_basis(s.out_H, s.out_W, align_corners))) {
        warp.form = form;
        warp.K = form == WarpForm::kControlPoints ? g * g : 3;
        warp.stride = warp_parameters(form, warp.K);
        warp.basis = basis.data();
    }
    std::vector<T> forward(const std::vector<T>& images, const std::vector<T>& u, std::size_t N, const SampleShape& s,
                           const SampleOptions& o) const {
        GuardedBuffer<T> in(images), numbers(u), out(out_size(N, s));
        check(warp_forward<T>(out.data(), in.data(), numbers.data(), warp, N, s, o, nullptr));
        return out.download();
    }
    Gradients<T> backward(const std::vector<T>& dout, const std::vector<T>& images, const std::vector<T>& u,
                          std::size_t N, const SampleShape& s, const SampleOptions& o) const {
        GuardedBuffer<T> g(dout), in(images), numbers(u), dimages(images.size()), du(u.size());
        check(warp_backward<T>(dimages.data(), du.data(), false, g.data(), in.data(), numbers.data(), warp, N, s, o,
                               nullptr));
        return {dimages.download(), du.download()};
    }
    DeviceBuffer<T> basis;
    Warp<T> warp;
};

inline std::vector<double> identity_of(WarpForm form, int g = 3) {
    if (form == WarpForm::kControlPoints) return Numbers(2 * g * g, 0.);
    if (form == WarpForm::kPose || form == WarpForm::kInversePose) return Numbers(5, 0.);
    return {1, 0, 0, 0, 1, 0};
}
inline const std::vector<std::pair<WarpForm, int>> kForms = {
    {WarpForm::kAffine, 0},        {WarpForm::kPose, 0},          {WarpForm::kInverseAffine, 0},
    {WarpForm::kInversePose, 0},   {WarpForm::kControlPoints, 2}, {WarpForm::kControlPoints, 3},
    {WarpForm::kControlPoints, 5}, {WarpForm::kControlPoints, 8}};

inline const std::vector<SampleShape> kShapes = {{1, 28, 28, 28, 28}, {1, 1, 1, 1, 1},   {2, 1, 7, 3, 1},
                                                 {3, 5, 3, 7, 11},    {1, 13, 17, 5, 7}, {2, 4, 4, 33, 2}};

/// The numbers of N warps near the identity.
template <class T>
std::vector<T> near_identity(Random& random, WarpForm form, int g, std::size_t N) {
    std::vector<T> u;
    for (std::size_t n = 0; n < N; ++n)
        for (double x : identity_of(form, g)) u.push_back(T(x + random.uniform(-0.2, 0.2)));
    return u;
}

}  // namespace warpvae::test

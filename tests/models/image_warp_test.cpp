// Warps of images in colour: of each channel what the warp makes of it as a grey image, by one pose for all.
#include "models/image_warp.h"

#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;

constexpr int H = 6, W = 5, C = 3, P = H * W, N = 4;

/// Channel c of images [N, P, C].
std::vector<double> channel(const std::vector<double>& images, int c) {
    std::vector<double> plane;
    for (std::size_t i = std::size_t(c); i < images.size(); i += C) plane.push_back(images[i]);
    return plane;
}

struct Warped {
    std::vector<double> out, dimages, du;
};
Warped warped(int channels, const std::vector<double>& images, const std::vector<double>& u,
              const std::vector<double>& dout) {
    const DeviceBuffer<double> basis(affine_basis(H, W)), in(images), pose(u), d(dout);
    const Warp<double> warp{WarpForm::kAffine, basis.data()};
    ImageWarp<double> of({channels, H, W, H, W}, N);
    GuardedBuffer<double> out(images.size()), dimages(images.size()), du(u.size());
    check(of.forward(out.data(), in.data(), pose.data(), warp, N, nullptr));
    check(of.backward(dimages.data(), du.data(), false, d.data(), in.data(), pose.data(), warp, N, nullptr));
    check(of.backward(nullptr, du.data(), true, d.data(), in.data(), pose.data(), warp, N, nullptr));  // twice in all
    return {out.download(), dimages.download(), du.download()};
}

TEST(ImageWarp, ChannelsAreWarpedAlike) {
    Random random(3);
    const auto images = random.uniforms<double>(N * P * C), dout = random.normals<double>(N * P * C);
    std::vector<double> u = random.uniforms<double>(N * 6, -0.3, 0.3);
    for (std::size_t i = 0; i < u.size(); ++i) u[i] += i % 6 == 0 || i % 6 == 4;
    const Warped all = warped(C, images, u, dout);
    std::vector<double> du(u.size()), allowed(u.size(), 0);
    for (int c = 0; c < C; ++c) {
        const Warped grey = warped(1, channel(images, c), u, channel(dout, c));
        expect_identical(channel(all.out, c), grey.out, "the warped channel");
        expect_identical(channel(all.dimages, c), grey.dimages, "its gradient");
        for (std::size_t i = 0; i < du.size(); ++i) {
            du[i] += grey.du[i];
            allowed[i] += 4 * P * kRounding<double> * P;  // a sum over pixels of products of some ones, in any order
        }
    }
    expect_close(all.du, du, allowed, "the pose's gradient is the channels' sum");
}

TEST(ImageWarp, GoesWithTheBernoulliOfGreyImagesAlone) {
    ImageWarp<double> colour({C, H, W, H, W}, N), grey({1, H, W, H, W}, N);
    EXPECT_TRUE(grey.is_grey());
    EXPECT_FALSE(colour.is_grey());
    EXPECT_FALSE(colour.sigmoid_bernoulli({}, nullptr, nullptr, {}, nullptr, 1, 0, nullptr).ok());
}

}  // namespace
}  // namespace warpvae

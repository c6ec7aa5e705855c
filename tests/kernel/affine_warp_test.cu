// affine_warp and the samplers of bilinear.cuh: exact where they must be, against a double-precision reference else.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "cuda/affine_warp.cuh"
#include "cuda/device/buffer.h"
#include "cuda/device/launch.cuh"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes random_images(std::size_t N, int H, int W, std::uint64_t seed) {
    return test::Random(seed).integers<std::uint8_t>(N * std::size_t(H) * std::size_t(W), 0, 255);
}

Bytes warp(const Bytes& in, const std::vector<AffineMap>& maps, Interpolation interpolation, int H, int W) {
    test::GuardedBuffer<std::uint8_t> images(in), out(in.size());
    DeviceBuffer<AffineMap> device_maps(maps);
    check(affine_warp(out.data(), images.data(), device_maps.data(), interpolation, maps.size(), H, W, nullptr));
    return out.download();
}

double reference_pixel(const std::uint8_t* image, int H, int W, int row, int column) {
    return row >= 0 && row < H && column >= 0 && column < W ? image[row * W + column] : 0;
}
/// The sum over the four neighbours of weight times pixel, as in any textbook.
double reference_bilinear(const std::uint8_t* image, int H, int W, double x, double y) {
    double sum = 0;
    for (int row = int(std::floor(y)); row <= int(std::floor(y)) + 1; ++row) {
        for (int column = int(std::floor(x)); column <= int(std::floor(x)) + 1; ++column) {
            sum += (1 - std::abs(x - column)) * (1 - std::abs(y - row)) * reference_pixel(image, H, W, row, column);
        }
    }
    return sum;
}

AffineMap rotation(double degrees, double scale = 1) {
    const double angle = degrees * M_PI / 180;
    AffineMap map;
    map.a = map.d = float(std::cos(angle) / scale);
    map.b = float(-std::sin(angle) / scale);
    map.c = float(std::sin(angle) / scale);
    return map;
}

TEST(AffineWarp, IdentityMovesEveryByteUnchanged) {
    for (const auto& [H, W] : {std::pair{1, 1}, {1, 7}, {5, 3}, {28, 28}, {31, 17}}) {
        for (const std::size_t N : {std::size_t(0), std::size_t(1), std::size_t(3)}) {
            const Bytes in = random_images(N, H, W, 1);
            const std::vector<AffineMap> maps(N);
            EXPECT_EQ(warp(in, maps, Interpolation::kBilinear, H, W), in) << H << "x" << W;
            EXPECT_EQ(warp(in, maps, Interpolation::kNearest, H, W), in) << H << "x" << W;
        }
    }
}

TEST(AffineWarp, QuarterTurnsAreExact) {
    const int n = 9;
    const Bytes in = random_images(2, n, n, 2);
    AffineMap quarter;  // out(x, y) = in(-y, x)
    quarter.a = 0, quarter.b = -1, quarter.c = 1, quarter.d = 0;
    for (const auto interpolation : {Interpolation::kBilinear, Interpolation::kNearest}) {
        Bytes image = warp(in, {quarter, quarter}, interpolation, n, n);
        for (int row = 0; row < n; ++row) {
            for (int column = 0; column < n; ++column) {
                ASSERT_EQ(image[std::size_t(row * n + column)], in[std::size_t(column * n + (n - 1 - row))]);
            }
        }
        for (int turn = 1; turn < 4; ++turn) image = warp(image, {quarter, quarter}, interpolation, n, n);
        EXPECT_EQ(image, in) << "four quarter turns";
    }
}

TEST(AffineWarp, WholePixelShiftsFillWithZeros) {
    const int H = 4, W = 6;
    const Bytes in = random_images(1, H, W, 3);
    AffineMap shift;  // out(x, y) = in(x - 2, y + 1): the image moves right by 2 and up by 1
    shift.tx = -2, shift.ty = 1;
    for (const auto interpolation : {Interpolation::kBilinear, Interpolation::kNearest}) {
        const Bytes out = warp(in, {shift}, interpolation, H, W);
        for (int row = 0; row < H; ++row) {
            for (int column = 0; column < W; ++column) {
                EXPECT_EQ(out[std::size_t(row * W + column)], reference_pixel(in.data(), H, W, row + 1, column - 2));
            }
        }
    }
}

TEST(AffineWarp, MatchesTheReferenceForAnyMap) {
    const int H = 28, W = 23, N = 6;
    const Bytes in = random_images(N, H, W, 4);
    test::Random random(5);
    std::vector<AffineMap> maps(N);
    for (auto& map : maps) {
        float* const numbers[] = {&map.a, &map.b, &map.c, &map.d};
        for (float* number : numbers) *number = float(random.uniform(-1.5, 1.5));
        map.tx = float(random.uniform(-6, 6)), map.ty = float(random.uniform(-6, 6));
    }
    const Bytes out = warp(in, maps, Interpolation::kBilinear, H, W);
    // A coordinate is four rounded operations on numbers below 64: it is within 4 * 64 * 2^-24 of the exact one, and
    // the image's slope is at most 255 per pixel along each axis. Rounding to a byte adds one half.
    const double tolerance = 0.5 + 2 * 255 * 4 * 64 * std::ldexp(1.0, -24) + 255 * 4 * std::ldexp(1.0, -24);
    double worst = 0;
    for (int n = 0; n < N; ++n) {
        const AffineMap& map = maps[std::size_t(n)];
        for (int i = 0; i < H * W; ++i) {
            const double x = i % W - (W - 1) / 2.0, y = i / W - (H - 1) / 2.0;
            const double from_x = double(map.a) * x + double(map.b) * y + double(map.tx) + (W - 1) / 2.0;
            const double from_y = double(map.c) * x + double(map.d) * y + double(map.ty) + (H - 1) / 2.0;
            const double expected = reference_bilinear(in.data() + n * H * W, H, W, from_x, from_y);
            worst = std::max(worst, std::abs(expected - out[std::size_t(n * H * W + i)]));
        }
    }
    EXPECT_LE(worst, tolerance);
    std::printf("share of the allowed error used: %.3f\n", worst / tolerance);
}

TEST(AffineWarp, AnyBlockSizeGivesTheSameBytes) {
    const int H = 28, W = 28;
    const Bytes in = random_images(2, H, W, 6);
    const std::vector<AffineMap> maps{rotation(20), rotation(-13, 1.1)};
    const Bytes expected = warp(in, maps, Interpolation::kBilinear, H, W);
    test::at_all_block_sizes([&] { EXPECT_EQ(warp(in, maps, Interpolation::kBilinear, H, W), expected); });
}

TEST(AffineWarp, RefusesSizesThatNoKernelCanTake) {
    EXPECT_FALSE(affine_warp(nullptr, nullptr, nullptr, Interpolation::kNearest, 1, -1, 28, nullptr).ok());
    EXPECT_FALSE(affine_warp(nullptr, nullptr, nullptr, Interpolation::kNearest, 1, 1 << 20, 1 << 20, nullptr).ok());
    EXPECT_TRUE(affine_warp(nullptr, nullptr, nullptr, Interpolation::kNearest, 5, 0, 28, nullptr).ok());
}

// --- the device functions --------------------------------------------------------------------------------------------

template <class T>
struct Sampled {
    T zeros, border, nearest, nearest_border;
    SampleWithGradient<T> zeros_gradient, border_gradient;
};
template <class T>
__global__ void sample_kernel(Sampled<T>* out, const T* image, const T* x, const T* y, int n, int H, int W) {
    for (int i : grid_stride(n)) {
        out[i] = {sample_bilinear<T>(image, H, W, x[i], y[i]),
                  sample_bilinear<T, Padding::kBorder>(image, H, W, x[i], y[i]),
                  sample_nearest<T>(image, H, W, x[i], y[i]),
                  sample_nearest<T, Padding::kBorder>(image, H, W, x[i], y[i]),
                  sample_bilinear_with_gradient<T>(image, H, W, x[i], y[i]),
                  sample_bilinear_with_gradient<T, Padding::kBorder>(image, H, W, x[i], y[i])};
    }
}
template <class T>
std::vector<Sampled<T>> sample(const std::vector<T>& image, int H, int W, const std::vector<T>& x,
                               const std::vector<T>& y) {
    DeviceBuffer<T> device_image(image), device_x(x), device_y(y);
    DeviceBuffer<Sampled<T>> out(x.size());
    check(launch(sample_kernel<T>, for_elements(x.size()), nullptr, out.data(), device_image.data(), device_x.data(),
                 device_y.data(), int(x.size()), H, W));
    return out.download();
}

// A 3 by 4 image and coordinates whose values are worked out by hand.
const std::vector<double> kImage{1, 2, 4, 8, 16, 32, 64, 128, 3, 5, 7, 9};

TEST(GridSample, ValuesByHand) {
    //                             centre  between   left edge  past it  far   corner  half-way ties
    const std::vector<double> x{1, 0.5, -0.25, -1.5, 1e30, 3.5, 0.5, 1.5}, y{1, 0.25, 1, 1, -1e30, 2.5, 0, 0};
    const auto out = sample(kImage, 3, 4, x, y);
    EXPECT_EQ(out[0].zeros, 32);
    EXPECT_EQ(out[1].zeros, 0.75 * 1.5 + 0.25 * 24);
    EXPECT_EQ(out[2].zeros, 0.75 * 16);
    EXPECT_EQ(out[2].border, 16);
    EXPECT_EQ(out[2].nearest, 16);
    EXPECT_EQ(out[3].zeros, 0);
    EXPECT_EQ(out[3].border, 16);
    EXPECT_EQ(out[3].nearest, 0);
    EXPECT_EQ(out[3].nearest_border, 16);
    EXPECT_EQ(out[4].zeros, 0);
    EXPECT_EQ(out[4].border, 8);
    EXPECT_EQ(out[5].zeros, 0.25 * 9);
    EXPECT_EQ(out[5].border, 9);
    EXPECT_EQ(out[6].nearest, 1) << "half-way between 0 and 1 goes to the even 0";
    EXPECT_EQ(out[7].nearest, 4) << "half-way between 1 and 2 goes to the even 2";
}

TEST(GridSample, NoCoordinateReadsOutsideTheImage) {
    const double nan = NAN, infinity = INFINITY;
    const auto out =
        sample(kImage, 3, 4, {nan, infinity, -infinity, 1, 2e9, -2e9}, {1, nan, infinity, -infinity, 2, 2});
    for (const auto& sampled : out) {
        EXPECT_EQ(sampled.zeros, 0);
        EXPECT_EQ(sampled.nearest, 0);
        EXPECT_TRUE(std::isfinite(sampled.border));
        EXPECT_TRUE(std::isfinite(sampled.border_gradient.dx));
        EXPECT_EQ(sampled.zeros_gradient.value, 0);
    }
}

TEST(GridSample, DerivativesAreFiniteDifferences) {
    test::Random random(7);
    std::vector<double> x, y;
    const double step = 1e-6;
    while (x.size() < 5 * 200) {
        const double cx = random.uniform(-1.9, 4.9), cy = random.uniform(-1.9, 4.9);
        // Keep the whole stencil within one cell: the surface has kinks on the grid lines.
        if (std::abs(cx - std::round(cx)) < 2 * step || std::abs(cy - std::round(cy)) < 2 * step) continue;
        for (const auto& [dx, dy] : {std::pair{0., 0.}, {step, 0.}, {-step, 0.}, {0., step}, {0., -step}}) {
            x.push_back(cx + dx);
            y.push_back(cy + dy);
        }
    }
    const auto out = sample(kImage, 3, 4, x, y);
    // The surface is bilinear in a cell: central differences are exact but for rounding, 128 * 2^-52 / step.
    const double tolerance = 4 * 128 * std::ldexp(1.0, -52) / step;
    for (std::size_t i = 0; i < out.size(); i += 5) {
        const auto &zeros = out[i].zeros_gradient, &border = out[i].border_gradient;
        EXPECT_EQ(zeros.value, out[i].zeros);
        EXPECT_EQ(border.value, out[i].border);
        EXPECT_NEAR(zeros.dx, (out[i + 1].zeros - out[i + 2].zeros) / (2 * step), tolerance) << x[i] << " " << y[i];
        EXPECT_NEAR(zeros.dy, (out[i + 3].zeros - out[i + 4].zeros) / (2 * step), tolerance) << x[i] << " " << y[i];
        EXPECT_NEAR(border.dx, (out[i + 1].border - out[i + 2].border) / (2 * step), tolerance) << x[i] << " " << y[i];
        EXPECT_NEAR(border.dy, (out[i + 3].border - out[i + 4].border) / (2 * step), tolerance) << x[i] << " " << y[i];
    }
}

TEST(GridSample, DerivativesOnTheEdgesAreTheCellToTheRight) {
    const auto out = sample(kImage, 3, 4, {0., 3., -1., 4.}, {1., 1., 1., 1.});
    EXPECT_EQ(out[0].border_gradient.dx, 16) << "one-sided at exactly 0";
    EXPECT_EQ(out[1].border_gradient.dx, 0) << "at exactly W-1";
    EXPECT_EQ(out[1].zeros_gradient.dx, -128);
    EXPECT_EQ(out[2].zeros_gradient.dx, 16);
    EXPECT_EQ(out[3].zeros_gradient.dx, 0);
}

// torch.nn.functional.grid_sample(..., align_corners=True) in double on kImage, at the coordinates below turned into
// its
// [-1, 1] by 2 x / (W - 1) - 1: values and gradients of both paddings.
TEST(GridSample, AgreesWithPyTorch) {
    const std::vector<double> x{0.3, 1.7, 2.9, -0.4, 3.6, 1.25}, y{0.6, 1.1, -0.7, 2.2, 1.5, 2.8};
    const double golden[6][6] = {
        {13, 10, 19.5, 13, 10, 19.5}, {49.6, 29, -48, 49.6, 29, -48},      {2.28, 1.2, 7.6, 7.6, 4, 0},
        {1.44, 2.4, -1.8, 3, 0, 0},   {27.4, -68.5, -47.6, 68.5, 0, -119}, {1.1, 0.4, -5.5, 5.5, 2, 0},
    };
    const auto out = sample(kImage, 3, 4, x, y);
    for (std::size_t i = 0; i < x.size(); ++i) {
        const auto &zeros = out[i].zeros_gradient, &border = out[i].border_gradient;
        const double ours[6] = {zeros.value, zeros.dx, zeros.dy, border.value, border.dx, border.dy};
        for (int k = 0; k < 6; ++k)
            EXPECT_NEAR(ours[k], golden[i][k], 1e-12 * 128) << "point " << i << ", number " << k;
    }
}

TEST(GridSample, FloatAndBytesAgreeWithDouble) {
    std::vector<float> image(kImage.begin(), kImage.end());
    const auto single = sample<float>(image, 3, 4, {0.5f, 2.25f, -0.75f}, {0.25f, 1.5f, 2.5f});
    const auto twice = sample<double>(kImage, 3, 4, {0.5, 2.25, -0.75}, {0.25, 1.5, 2.5});
    for (std::size_t i = 0; i < single.size(); ++i) {
        // Coordinates and pixels are small dyadic numbers: both are exact.
        EXPECT_EQ(double(single[i].zeros), twice[i].zeros);
        EXPECT_EQ(double(single[i].border_gradient.dy), twice[i].border_gradient.dy);
    }
}

}  // namespace
}  // namespace warpvae

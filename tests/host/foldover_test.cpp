// Where warps fold images: the identity nowhere, a mirrored image everywhere, and a fold made by hand where small cells
// of its grid turn over.
#include "host/evaluate/foldover.h"

#include <gtest/gtest.h>

#include <array>
#include <stdexcept>

namespace warpvae {
namespace {

constexpr int kPoints = 3, kNumbers = 2 * kPoints * kPoints;
const Pose kSpline = {kNumbers, WarpForm::kControlPoints, 0};

/// Offsets that move the control points where the map (x, y) -> (a x + b y, c x + d y) does.
std::vector<float> spline_of(double a, double b, double c, double d) {
    std::vector<float> u(kNumbers);
    for (int k = 0; k < kPoints * kPoints; ++k) {
        const double x = k % kPoints - 1, y = k / kPoints - 1;
        u[std::size_t(k)] = float(a * x + b * y - x);
        u[std::size_t(k + kPoints * kPoints)] = float(c * x + d * y - y);
    }
    return u;
}
/// The middle control point goes past the one to its right.
std::vector<float> folded() {
    std::vector<float> u(kNumbers, 0.f);
    u[4] = 1.5f;
    return u;
}

/// The share of small cells of a warp's grid whose corners go round the other way.
double turned_cells(const std::vector<float>& u, int side) {
    const std::vector<double> basis = thin_plate_spline_basis(kPoints, side, side);
    const std::size_t pixels = std::size_t(side) * std::size_t(side);
    std::vector<double> x(pixels), y(pixels);
    for (std::size_t p = 0; p < pixels; ++p)
        for (std::size_t k = 0; k < 9; ++k) {
            x[p] += (double(k % 3) - 1 + double(u[k])) * basis[k * pixels + p];
            y[p] += (double(k / 3) - 1 + double(u[9 + k])) * basis[k * pixels + p];
        }
    int turned = 0;
    for (int row = 0; row + 1 < side; ++row)
        for (int column = 0; column + 1 < side; ++column) {
            const int a = row * side + column, b = a + 1, c = a + side, d = c + 1;
            turned += (x[d] - x[a]) * (y[c] - y[b]) - (x[c] - x[b]) * (y[d] - y[a]) <= 0;  // its diagonals
        }
    return double(turned) / ((side - 1) * (side - 1));
}

TEST(Foldover, AnAffineSplineHasItsDeterminantEverywhere) {
    for (const auto& [a, b, c, d] :
         {std::array{1., 0., 0., 1.}, {1.2, 0.3, -0.2, 0.9}, {-1., 0., 0., 1.}, {0., 1., 1., 0.}}) {
        WarpDeterminants determinants(WarpForm::kControlPoints, kPoints, 9, 14);
        const std::vector<float> u = spline_of(a, b, c, d);
        for (const double found : determinants(u.data())) EXPECT_NEAR(found, a * d - b * c, 1e-6);
    }
}

TEST(Foldover, TheIdentityFoldsNothingAndAMirrorAll) {
    std::vector<float> both = spline_of(1, 0, 0, 1);
    const Foldover none = measure_foldover(both, kSpline, kPoints, 28, 28);
    EXPECT_EQ(none.pixels, 0);
    EXPECT_EQ(none.images, 0);
    EXPECT_NEAR(none.least_determinant, 1, 1e-9);
    const std::vector<float> mirror = spline_of(-1, 0, 0, 1);
    const Foldover all = measure_foldover(mirror, kSpline, kPoints, 28, 28);
    EXPECT_EQ(all.pixels, 1);
    EXPECT_EQ(all.images, 1);
    EXPECT_NEAR(all.least_determinant, -1, 1e-6);
    both.insert(both.end(), mirror.begin(), mirror.end());
    const Foldover half = measure_foldover(both, kSpline, kPoints, 28, 28);
    EXPECT_EQ(half.pixels, 0.5);
    EXPECT_EQ(half.images, 0.5);
}

TEST(Foldover, AFoldByHandIsWhereCellsTurnOver) {
    const int side = 201;
    const std::vector<float> u = folded();
    const double expected = turned_cells(u, side);
    ASSERT_GT(expected, 0.05);
    ASSERT_LT(expected, 0.95);
    const Foldover found = measure_foldover(u, kSpline, kPoints, side, side);
    // Pixels and cells differ along the fold, a few times as long as a side.
    EXPECT_NEAR(found.pixels, expected, 8. / side);
    EXPECT_EQ(found.images, 1);
    EXPECT_LT(found.least_determinant, 0);
    EXPECT_NEAR(measure_foldover(u, kSpline, kPoints, 28, 28).pixels, expected, 8. / 28) << "the same fold, coarser";
}

TEST(Foldover, OfTwoWarpsTheLastOneCounts) {
    std::vector<float> two = folded();
    const std::vector<float> identity = spline_of(1, 0, 0, 1);
    two.insert(two.end(), identity.begin(), identity.end());
    EXPECT_EQ(measure_foldover(two, {2 * kNumbers, WarpForm::kControlPoints, kNumbers}, kPoints, 28, 28).pixels, 0);
    EXPECT_GT(measure_foldover(two, {2 * kNumbers, WarpForm::kControlPoints, 0}, kPoints, 28, 28).pixels, 0);
}

TEST(Foldover, AnAffineWarpIsMirroredOrNot) {
    const Pose affine = {6, WarpForm::kAffine, 0}, inverse = {6, WarpForm::kInverseAffine, 0};
    const std::vector<float> poses = {1, 0, 0.2f, 0, 1, 0, -2, 0, 0, 0, 1, 0};  // a shift, a mirror
    const Foldover found = measure_foldover(poses, affine, kPoints, 28, 28);
    EXPECT_EQ(found.pixels, 0.5);
    EXPECT_EQ(found.images, 0.5);
    EXPECT_NEAR(found.least_determinant, -2, 1e-6);
    EXPECT_NEAR(measure_foldover(poses, inverse, kPoints, 28, 28).least_determinant, -0.5, 1e-6);
    const std::vector<float> turned = {3, 0.1f, -0.2f, 0, 0};
    EXPECT_EQ(measure_foldover(turned, {5, WarpForm::kPose, 0}, kPoints, 28, 28).pixels, 0)
        << "scales are exponentials";
    EXPECT_EQ(measure_foldover({}, affine, kPoints, 28, 28).pixels, 0);
    EXPECT_THROW(measure_foldover(folded(), kSpline, 9, 28, 28), std::invalid_argument);
}

}  // namespace
}  // namespace warpvae

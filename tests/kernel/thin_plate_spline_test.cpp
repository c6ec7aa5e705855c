// The bases of warps: what their columns add up to, and where they put control points and single pixels.
#include "cuda/ops/warp.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using Numbers = std::vector<double>;

TEST(ThinPlateSpline, BasisColumnsSumToOneAndControlPointsGoWhereTheyAreTold) {
    for (int g = 2; g <= 8; ++g) {
        const int side = 4 * (g - 1) + 1, pixels = side * side;  // a pixel on every control point
        const Numbers basis = thin_plate_spline_basis(g, side, side);
        ASSERT_EQ(basis.size(), std::size_t(g * g * pixels));
        for (int p = 0; p < pixels; ++p) {
            double sum = 0;
            for (int k = 0; k < g * g; ++k) sum += basis[std::size_t(k) * pixels + p];
            ASSERT_NEAR(sum, 1, 1e-11) << g;
        }
        for (int k = 0; k < g * g; ++k)
            for (int j = 0; j < g * g; ++j)
                ASSERT_NEAR(basis[std::size_t(k) * pixels + (j / g * 4) * side + j % g * 4], k == j, 1e-11) << g;
    }
    for (const int g : {-1, 0, 1, 9}) EXPECT_THROW(thin_plate_spline_basis(g, 28, 28), std::invalid_argument);
}

TEST(ThinPlateSpline, SlopesAreThoseOfTheBasis) {
    const int side = 81;
    const double h = 2. / (side - 1);
    for (const int g : {2, 3, 5}) {
        const std::size_t pixels = std::size_t(side) * side, n = std::size_t(g) * g;
        const Numbers basis = thin_plate_spline_basis(g, side, side), slopes = thin_plate_spline_slopes(g, side, side);
        ASSERT_EQ(slopes.size(), 2 * n * pixels);
        // The third derivative of U grows as 1 / r, so a difference quotient of step h is off by some h at most.
        for (std::size_t k = 0; k < n; ++k)
            for (int row = 1; row + 1 < side; ++row)
                for (int column = 1; column + 1 < side; ++column) {
                    const std::size_t at = k * pixels + std::size_t(row) * side + column;
                    const double along_x = (basis[at + 1] - basis[at - 1]) / (2 * h),
                                 along_y = (basis[at + side] - basis[at - side]) / (2 * h);
                    ASSERT_NEAR(slopes[at], along_x, 2 * h) << g << ", " << k << " at " << row << ", " << column;
                    ASSERT_NEAR(slopes[n * pixels + at], along_y, 2 * h);
                }
        // Control points that go where an affine map sends them make that map everywhere: its slopes are its matrix.
        for (std::size_t p = 0; p < pixels; ++p) {
            double sums[3][2] = {};  // of the constant, of x and of y
            for (std::size_t k = 0; k < n; ++k)
                for (std::size_t along = 0; along < 2; ++along) {
                    const double slope = slopes[(along * n + k) * pixels + p];
                    sums[0][along] += slope;
                    sums[1][along] += slope * (2. * double(k % std::size_t(g)) / (g - 1) - 1);
                    sums[2][along] += slope * (2. * double(k / std::size_t(g)) / (g - 1) - 1);
                }
            for (int of = 0; of < 3; ++of)
                for (int along = 0; along < 2; ++along) ASSERT_NEAR(sums[of][along], of == along + 1, 1e-11);
        }
    }
    EXPECT_THROW(thin_plate_spline_slopes(9, 28, 28), std::invalid_argument);
}

TEST(AffineBasis, OnePixelIsInTheMiddle) {  // torch.nn.functional.affine_grid, of either align_corners
    for (const bool align_corners : {false, true}) {
        EXPECT_EQ(affine_basis(1, 1, align_corners), (Numbers{0, 0, 1}));
        const Numbers column = affine_basis(3, 1, align_corners), row = affine_basis(1, 3, align_corners);
        for (int i = 0; i < 3; ++i) EXPECT_EQ(column[i] + row[3 + i], 0) << i;
        // The middle of 3 x 3 control points is the fifth.
        const Numbers spline = thin_plate_spline_basis(3, 1, 1, align_corners);
        for (int k = 0; k < 9; ++k) EXPECT_NEAR(spline[k], k == 4, 1e-12);
    }
}

}  // namespace
}  // namespace warpvae

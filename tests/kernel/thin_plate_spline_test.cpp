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

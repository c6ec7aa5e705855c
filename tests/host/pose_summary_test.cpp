// What a set's poses have in common: of the warp that makes x', whichever of a model's two warps that is.
#include <gtest/gtest.h>

#include "host/evaluate/features.h"

namespace warpvae {
namespace {

TEST(PoseSummary, TheDeterminantIsOfTheWarpThatMakesTheImage) {
    const std::vector<float> twice = {2, 0, 0, 0, 1, 0}, pose = {0.3f, 0.5f, -0.1f, 0, 0};
    EXPECT_NEAR(summarise_poses(twice, {6, WarpForm::kAffine, 0}).mean_determinant, 2, 1e-6);
    EXPECT_NEAR(summarise_poses(twice, {6, WarpForm::kInverseAffine, 0}).mean_determinant, 0.5, 1e-6)
        << "a DT-VAE whose second warp undoes the first";
    EXPECT_NEAR(summarise_poses(pose, {5, WarpForm::kPose, 0}).mean_determinant, std::exp(0.4), 1e-6);
    EXPECT_NEAR(summarise_poses(pose, {5, WarpForm::kInversePose, 0}).mean_determinant, std::exp(-0.4), 1e-6);
    std::vector<float> both = twice;  // a first warp, and a second of its own
    both.insert(both.end(), {0.5f, 0, 0, 0, 0.5f, 0});
    EXPECT_NEAR(summarise_poses(both, {12, WarpForm::kAffine, 6}).mean_determinant, 0.25, 1e-6);
    EXPECT_EQ(summarise_poses(std::vector<float>(18), {18, WarpForm::kControlPoints, 0}).mean_determinant, 0);
}

TEST(PoseSummary, CorrelationsAreBetweenNumbersThatVary) {
    const std::vector<float> poses = {1, 2, 5, 2, 4, 5, 3, 6, 5};  // the second is twice the first, the third stays
    const PoseSummary summary = summarise_poses(poses, {3, WarpForm::kControlPoints, 0});
    EXPECT_NEAR(summary.largest_correlation, 1, 1e-9);
    EXPECT_NEAR(summary.mean_correlation, 1, 1e-9) << "one pair";
    EXPECT_NEAR(summary.deviation[1], std::sqrt(8. / 3), 1e-6);
}

}  // namespace
}  // namespace warpvae

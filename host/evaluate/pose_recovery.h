// How well a model's u tells the pose that a glyph was drawn in, and how much of the pose is left in z. The measure is
// R^2 of each number of the pose after the best linear map from u, or from the mean of z. The first half of the rows
// fits the map; the other half is scored (linear_fit.h). Only for `glyphs` is the true pose known.
//
// A map from u alone knows no digit's class: what each class calls upright has to agree for an R^2 near 1.
#pragma once
#include <array>
#include <optional>

#include "data/glyphs.h"
#include "host/evaluate/reconstruction.h"

namespace warpvae {

inline constexpr int kPoseNumbers = 8;
/// GlyphPose's members in their order; the last two are bends, which no affine u can undo.
inline constexpr std::array<const char*, kPoseNumbers> kPoseNames = {
    "rotation", "log_scale_x", "log_scale_y", "shear", "translate_x", "translate_y", "bend_x", "bend_y"};

struct LinearRecovery {
    std::array<double, kPoseNumbers> r2{};  ///< of the scored rows; NaN for a number that does not vary there
    std::vector<double> truth, predicted;   ///< [n - n/2, 8]: the scored rows, in their order
};
/// features [n, F] of glyphs with `poses` [n]. Throws Error for fewer than 2 rows or numbers that are not finite.
LinearRecovery recover_poses(const std::vector<float>& features, int F, const std::vector<GlyphPose>& poses);

struct PoseRecovery {
    std::optional<LinearRecovery> from_u;  ///< none without a pose
    LinearRecovery from_z;
};
PoseRecovery measure_pose_recovery(Autoencoder<float>& model, const GlyphSet& glyphs, int r);

}  // namespace warpvae

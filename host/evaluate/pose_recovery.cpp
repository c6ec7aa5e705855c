#include "host/evaluate/pose_recovery.h"

#include <algorithm>

#include "data/error.h"
#include "host/evaluate/linear_fit.h"

namespace warpvae {

LinearRecovery recover_poses(const std::vector<float>& features, int F, const std::vector<GlyphPose>& poses) {
    const std::size_t n = poses.size(), half = n / 2;
    if (n < 2 || features.size() != n * std::size_t(F))
        throw Error("pose recovery: " + std::to_string(features.size()) + " features of " + std::to_string(F) +
                    " a row do not fit " + std::to_string(n) + " poses, two or more");
    std::vector<double> targets;
    for (const GlyphPose& p : poses)
        targets.insert(targets.end(), {p.rotation, p.log_scale_x, p.log_scale_y, p.shear, p.translate_x, p.translate_y,
                                       p.bend_x, p.bend_y});
    const auto features_half = features.begin() + std::ptrdiff_t(half) * F;
    const auto targets_half = targets.begin() + std::ptrdiff_t(half) * kPoseNumbers;
    const LinearFit fit =
        fit_linear({features.begin(), features_half}, {targets.begin(), targets_half}, F, kPoseNumbers);
    LinearRecovery out;
    out.truth.assign(targets_half, targets.end());
    out.predicted = predict_linear(fit, {features_half, features.end()});
    const std::vector<double> r2 = r_squared(out.predicted, out.truth, kPoseNumbers);
    std::copy(r2.begin(), r2.end(), out.r2.begin());
    return out;
}

PoseRecovery measure_pose_recovery(Autoencoder<float>& model, const GlyphSet& glyphs, int r) {
    const Range range("pose_recovery");
    const ReplicaView view = view_replica(model, glyphs.set.images, r);
    PoseRecovery out;
    out.from_z = recover_poses(view.z, model.latents(), glyphs.poses);
    if (model.has_pose()) out.from_u = recover_poses(view.u, model.pose().numbers, glyphs.poses);
    return out;
}

}  // namespace warpvae

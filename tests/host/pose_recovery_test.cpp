// Pose recovery from features that hold a known share of the pose, and the whole path through a model: finite where a
// model was never trained, and the same bits for a replica alone and among others.
#include "host/evaluate/pose_recovery.h"

#include <gtest/gtest.h>

#include "cuda/device/launch_options.h"
#include "data/error.h"
#include "models/spatial_vae.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using test::Random;

/// [rotation .. bend_y] uniform in -1..1.
std::vector<GlyphPose> random_poses(std::size_t count, Random& random) {
    std::vector<GlyphPose> poses;
    for (std::size_t i = 0; i < count; ++i) {
        const auto p = random.uniforms<float>(kPoseNumbers, -1, 1);
        poses.push_back({p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7]});
    }
    return poses;
}

TEST(PoseRecovery, FindsTheSharePlantedInEachNumber) {
    Random random(1);
    constexpr std::size_t kRows = 20000;
    const std::vector<GlyphPose> poses = random_poses(kRows, random);
    std::vector<float> u;
    for (const GlyphPose& p : poses) {
        u.push_back(3 + 2 * p.rotation - p.shear);                             // with the next: both are known
        u.push_back(p.rotation + p.shear);                                     //
        u.push_back(p.log_scale_x + float(random.normal()) / std::sqrt(3.f));  // noise as strong: a half
        u.push_back(p.translate_x + p.translate_y);                            // each is the other's noise
        u.push_back(p.log_scale_y * p.log_scale_y);                            // no line through a parabola
        u.push_back(p.bend_x + float(random.normal()) / std::sqrt(27.f));      // signal nine times the noise
    }
    const LinearRecovery found = recover_poses(u, 6, poses);
    const double expected[kPoseNumbers] = {1, 0.5, 0, 1, 0.5, 0.5, 0.9, 0};
    // Deviation of R^2 over 10000 rows: some 2 sqrt(R^2) (1 - R^2) / 100 at most 0.008; four of them.
    for (int i = 0; i < kPoseNumbers; ++i) EXPECT_NEAR(found.r2[i], expected[i], 0.03) << kPoseNames[i];
    EXPECT_NEAR(found.r2[0], 1, 1e-9);
    EXPECT_NEAR(found.r2[3], 1, 1e-9);
}

TEST(PoseRecovery, ScoresTheSecondHalfOnly) {
    Random random(2);
    std::vector<GlyphPose> poses = random_poses(101, random);  // 50 rows fit, 51 are scored
    std::vector<float> u;
    for (const GlyphPose& p : poses) u.push_back(p.rotation);
    for (std::size_t i = 50; i < 101; ++i) u[i] = -u[i];  // what was learnt is wrong there
    const LinearRecovery found = recover_poses(u, 1, poses);
    ASSERT_EQ(found.truth.size(), 51u * kPoseNumbers);
    ASSERT_EQ(found.predicted.size(), 51u * kPoseNumbers);
    double squares = 0, sum = 0;
    for (std::size_t i = 0; i < 51; ++i) {
        EXPECT_EQ(found.truth[i * kPoseNumbers], poses[50 + i].rotation);
        EXPECT_EQ(found.truth[i * kPoseNumbers + 7], poses[50 + i].bend_y);
        EXPECT_NEAR(found.predicted[i * kPoseNumbers], -poses[50 + i].rotation, 1e-8);
        squares += poses[50 + i].rotation * poses[50 + i].rotation;
        sum += poses[50 + i].rotation;
    }
    EXPECT_NEAR(found.r2[0], 1 - 4 * squares / (squares - sum * sum / 51), 1e-6);
}

TEST(PoseRecovery, BadInputIsNamed) {
    Random random(3);
    const std::vector<GlyphPose> poses = random_poses(4, random);
    EXPECT_THROW(recover_poses({1, 2, 3}, 1, poses), Error);
    EXPECT_THROW(recover_poses({1}, 1, {poses[0]}), Error);
    EXPECT_THROW(recover_poses({1, 2, 3, NAN}, 1, poses), Error);
    // Poses that do not vary have no R^2.
    for (double r2 : recover_poses({1, 2, 3, 4}, 1, std::vector<GlyphPose>(4, poses[0])).r2)
        EXPECT_TRUE(std::isnan(r2));
}

// --- through a model -------------------------------------------------------------------------------------------------

SpatialVaeConfig small_config(SpatialKind kind, PoseKind pose) {
    SpatialVaeConfig config;
    config.kind = kind;
    config.pose = pose;
    config.hidden = {16};
    config.localisation = 8;
    config.latents = 3;
    if (kind == SpatialKind::kDoubleTransformer && pose == PoseKind::kSpline)
        config.second = SecondTransform::kIndependent;
    return config;
}

/// A model off its starting point, where u is the identity whatever the image.
std::unique_ptr<SpatialVae<float>> perturbed(const SpatialVaeConfig& config, const std::vector<std::uint64_t>& seeds,
                                             const Matmul& matmul) {
    auto model = std::make_unique<SpatialVae<float>>(config, int(seeds.size()), 16, matmul);
    model->parameters().initialise(seeds, nullptr);
    for (int r = 0; r < int(seeds.size()); ++r) {
        Random random(seeds[r]);
        std::vector<float> values = model->parameters().download(r);
        for (float& value : values) value += float(random.uniform(-0.03, 0.03));
        model->parameters().upload(r, values);
    }
    return model;
}

const std::pair<SpatialKind, PoseKind> kModels[] = {{SpatialKind::kVae, PoseKind::kAffine},
                                                    {SpatialKind::kTransformer, PoseKind::kAffine},
                                                    {SpatialKind::kTransformer, PoseKind::kPose5},
                                                    {SpatialKind::kTransformer, PoseKind::kSpline},
                                                    {SpatialKind::kDoubleTransformer, PoseKind::kAffine},
                                                    {SpatialKind::kDoubleTransformer, PoseKind::kSpline}};

TEST(PoseRecovery, OfAModelIsFiniteAndTheSameAloneAndAmongOthers) {
    const GlyphSet glyphs =
        make_glyphs(launch_options().cpu_blocks == CpuBlocks::kOneThread ? 150 : 50, 1, Part::kTest);
    const Matmul matmul;
    for (const auto& [kind, pose] : kModels) {
        const SpatialVaeConfig config = small_config(kind, pose);
        const auto three = perturbed(config, {4, 5, 6}, matmul), alone = perturbed(config, {5}, matmul);
        const PoseRecovery among = measure_pose_recovery(*three, glyphs, 1);
        const PoseRecovery single = measure_pose_recovery(*alone, glyphs, 0);
        EXPECT_EQ(among.from_u.has_value(), kind != SpatialKind::kVae);
        EXPECT_EQ(single.from_u.has_value(), kind != SpatialKind::kVae);
        for (int i = 0; i < kPoseNumbers; ++i) {
            EXPECT_TRUE(std::isfinite(among.from_z.r2[i])) << kPoseNames[i];
            if (!device_is_gpu()) {
                EXPECT_EQ(among.from_z.r2[i], single.from_z.r2[i]) << kPoseNames[i];
            }
            if (!among.from_u) continue;
            EXPECT_TRUE(std::isfinite(among.from_u->r2[i])) << kPoseNames[i];
            if (!device_is_gpu()) {
                EXPECT_EQ(among.from_u->r2[i], single.from_u->r2[i]) << kPoseNames[i];
            }
        }
    }
}

TEST(PoseRecovery, KnowsNothingFromAPoseThatNeverMoves) {
    const GlyphSet glyphs = make_glyphs(60, 1, Part::kTest);
    const Matmul matmul;
    SpatialVae<float> model(small_config(SpatialKind::kTransformer, PoseKind::kAffine), 1, 16, matmul);
    model.parameters().initialise({1}, nullptr);
    const PoseRecovery found = measure_pose_recovery(model, glyphs, 0);
    // u is constant, so the fitted mean is all there is: not above 0 on other rows.
    for (double r2 : found.from_u->r2) {
        EXPECT_LE(r2, 0);
        EXPECT_GT(r2, -1);
    }
}

}  // namespace
}  // namespace warpvae

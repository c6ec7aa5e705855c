// Latents of trained models: one signed convention for poses whatever the model's own, deviations as sigma whatever it
// keeps, files that are there whole or not at all.
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "data/affine_change.h"
#include "data/glyphs.h"
#include "data/npy_writer.h"
#include "host/experiment/experiment.h"
#include "host/latents/image_source.h"
#include "host/latents/latent_model.h"
#include "models/dense_vae.h"
#include "models/renyi_vae.h"
#include "models/spatial_vae.h"
#include "tests/support/temporary_folder.h"

namespace warpvae {
namespace {

template <class M>
using Plain = PlainLatentModel<OnDevice<M>>;

/// Sets one tensor of a model whose others are 0.
template <class M>
void set_only(M& model, const std::string& name, const std::vector<float>& values) {
    auto& parameters = model.parameters();
    std::vector<float> all(parameters.layout().size());
    for (const auto& tensor : parameters.layout().tensors())
        if (tensor.name == name) tensor.set(all, values);
    parameters.upload(0, all);
}

// --- poses -----------------------------------------------------------------------------------------------------------

/// A digit as every code decodes to it, and the same changed by data/affine_change.h. In colour its channels are the
/// digit, darker and darker.
struct Shown {
    ImageSet digit = make_glyphs(1, 3, Part::kTest).set;

    static float darker(std::uint8_t byte, int channel) { return float(byte) / 255 * (1 - 0.3f * float(channel)); }
    std::vector<float> changed(const AffineChange& change, int channels = 1) const {
        std::vector<float> out;
        for (const std::uint8_t byte : warp_images(digit, {affine_map(change)}, Interpolation::kBilinear))
            for (int c = 0; c < channels; ++c) out.push_back(darker(byte, c));
        return out;
    }
    std::unique_ptr<LatentModel> model(const SpatialVaeConfig& config) const {
        auto loaded = std::make_unique<OnDevice<SpatialVae<float>>>(config, 1, 8);
        std::vector<float> logits;
        for (const std::uint8_t byte : digit.images)
            for (int c = 0; c < config.channels; ++c) {
                const float level = std::clamp(darker(byte, c), 1e-4f, 1 - 1e-4f);
                logits.push_back(std::log(level / (1 - level)));
            }
        set_only(loaded->model, "decoder.2.bias", logits);
        return std::make_unique<Plain<SpatialVae<float>>>(std::move(loaded));
    }
};
SpatialVaeConfig spatial(SpatialKind kind, PoseKind pose) {
    SpatialVaeConfig config;
    config.kind = kind, config.pose = pose, config.hidden = {4}, config.latents = 2;
    if (pose == PoseKind::kSpline && kind == SpatialKind::kDoubleTransformer)
        config.second = SecondTransform::kIndependent;
    return config;
}

double worst(const std::vector<float>& a, const std::vector<float>& b) {
    double off = 0;
    for (std::size_t i = 0; i < a.size(); ++i) off = std::max(off, double(std::abs(a[i] - b[i])));
    return off;
}

/// The model's own numbers for a turn counter-clockwise, larger by e^`log_scale`, moved by (x, y) pixels, by hand.
std::vector<float> own_numbers(const SpatialVaeConfig& config, double turn, double log_scale, double x, double y) {
    const double c = std::cos(turn), s = std::sin(turn), k = std::exp(log_scale), tx = x / 13.5, ty = y / 13.5;
    // The map that shows is k [c s; -s c] p + t; y points down.
    const std::vector<double> shows = {k * c, k * s, tx, -k * s, k * c, ty};
    const std::vector<double> reads = {c / k, -s / k, (-c * tx + s * ty) / k, s / k, c / k, (-s * tx - c * ty) / k};
    const bool twice = config.kind == SpatialKind::kDoubleTransformer;
    if (config.pose == PoseKind::kAffine)
        return twice ? std::vector<float>(shows.begin(), shows.end()) : std::vector<float>(reads.begin(), reads.end());
    if (config.pose == PoseKind::kPose5) {  // S (R p + T)
        const double sign = twice ? -1 : 1;
        const std::vector<double>& map = twice ? shows : reads;
        const double scale = std::exp(-sign * log_scale);
        return {float(sign * turn), float(-sign * log_scale), float(-sign * log_scale), float(map[2] / scale),
                float(map[5] / scale)};
    }
    std::vector<float> u(18);
    for (int point = 0; point < 9; ++point) {
        const double px = point % 3 - 1, py = point / 3 - 1;
        u[std::size_t(point)] = float(reads[0] * px + reads[1] * py + reads[2] - px);
        u[std::size_t(9 + point)] = float(reads[3] * px + reads[4] * py + reads[5] - py);
    }
    if (twice) u.insert(u.begin(), 18, 0.3f);  // what the first warp does does not matter to what is shown
    return u;
}

TEST(LatentPose, APictureThatAppearsTurnedHasThatPoseInEveryModel) {
    const Shown shown;
    const double degrees = std::numbers::pi / 180;
    for (const SpatialKind kind : {SpatialKind::kTransformer, SpatialKind::kDoubleTransformer})
        for (const PoseKind pose : {PoseKind::kAffine, PoseKind::kPose5, PoseKind::kSpline}) {
            const SpatialVaeConfig config = spatial(kind, pose);
            const auto model = shown.model(config);
            const auto check_pose = [&](const AffineChange& change, double log_scale) {
                const double turn = change.rotation * degrees;
                Codes codes;
                codes.z.assign(2, 0);
                codes.u = own_numbers(config, turn, log_scale, change.translate_x, change.translate_y);
                const std::vector<float> seen = model->decode(codes), wanted = shown.changed(change);
                EXPECT_LT(worst(seen, wanted), 0.02) << "the picture is the digit so changed";
                const AffinePose read = model->pose_reader().read(codes.u.data());
                const AffinePose expected = {turn, log_scale, log_scale, 0, change.translate_x, change.translate_y};
                for (int i = 0; i < kAffinePoseNumbers; ++i) EXPECT_NEAR(read[i], expected[i], 1e-4) << kPoseDims[i];
            };
            SCOPED_TRACE(int(kind) * 10 + int(pose));
            check_pose({.rotation = 20}, 0);
            check_pose({.rotation = -20}, 0);
            check_pose({.translate_x = 2}, 0);
            check_pose({.translate_y = -1.5}, 0);
            check_pose({.scale_x = std::exp(0.2), .scale_y = std::exp(0.2), .rotation = 10, .translate_x = 1}, 0.2);
        }
}

TEST(LatentPose, APoseThatIsAskedForIsWhatAppears) {
    const Shown shown;
    const AffinePose poses[] = {{0.35, 0, 0, 0, 0, 0},
                                {0, 0.2, -0.1, 0, 0, 0},
                                {0, 0, 0, 0.3, 0, 0},
                                {0, 0, 0, 0, 2, -1},
                                {-0.2, 0.1, -0.15, 0.25, 1, 0.5}};
    for (const SpatialKind kind : {SpatialKind::kTransformer, SpatialKind::kDoubleTransformer})
        for (const PoseKind pose : {PoseKind::kAffine, PoseKind::kPose5, PoseKind::kSpline}) {
            for (int i = 0; i < 2 * int(std::size(poses)); ++i) {
                const AffinePose& asked = poses[i / 2];
                SpatialVaeConfig config = spatial(kind, pose);
                config.channels = i % 2 ? 3 : 1;
                const auto model = shown.model(config);
                SCOPED_TRACE(int(kind) * 100 + int(pose) * 10 + config.channels);
                const AffineChange change{.scale_x = std::exp(asked[1]),
                                          .scale_y = std::exp(asked[2]),
                                          .shear = asked[3],
                                          .rotation = asked[0] * 180 / std::numbers::pi,
                                          .translate_x = asked[4],
                                          .translate_y = asked[5]};
                Codes codes;
                codes.z.assign(2, 0);
                codes.poses = {asked};
                const std::vector<float> seen = model->decode(codes), wanted = shown.changed(change, config.channels);
                ASSERT_EQ(seen.size(), wanted.size());
                EXPECT_LT(worst(seen, wanted), 0.02);
            }
        }
}

TEST(LatentPose, ASplinesBendsStayAndAMirrorIsNoScale) {
    const Shown shown;
    const auto model = shown.model(spatial(SpatialKind::kTransformer, PoseKind::kSpline));
    const PoseReader reader = model->pose_reader();
    std::vector<float> u(18);
    for (std::size_t i = 0; i < u.size(); ++i) u[i] = 0.1f * float(int(i * 7 % 5) - 2);
    const AffinePose before = reader.read(u.data());
    std::vector<float> moved = u;
    const AffinePose asked = {0.3, 0.1, -0.1, 0.05, 1, -2};
    reader.bend_to(moved.data(), asked);
    const AffinePose after = reader.read(moved.data());
    for (int i = 0; i < kAffinePoseNumbers; ++i) EXPECT_NEAR(after[i], asked[i], 1e-5);
    reader.bend_to(moved.data(), before);
    EXPECT_LT(worst(moved, u), 1e-5);

    const PoseReader affine = shown.model(spatial(SpatialKind::kTransformer, PoseKind::kAffine))->pose_reader();
    const float mirror[] = {-1, 0, 0, 0, 1, 0};
    EXPECT_TRUE(std::isnan(affine.read(mirror)[2]));
}

// --- posteriors ------------------------------------------------------------------------------------------------------

/// Encodes and draws with heads that say (0.5, -1) and these spreads for every image.
void expect_deviations(LatentModel& model, const std::vector<float>& sigma) {
    const std::vector<std::uint8_t> images(3 * model.D(), 100);
    const EncodedImages read = model.encode(images);
    ASSERT_EQ(read.codes.z.size(), 6u);
    for (std::size_t i = 0; i < 6; ++i) {
        EXPECT_FLOAT_EQ(read.codes.z[i], i % 2 ? -1.f : 0.5f);
        EXPECT_NEAR(read.deviations[i], sigma[i % 2], 1e-5);
    }
    const int K = 1001;  // more than the model takes at once, and no multiple of four
    const DeviceImages on_device({&images}, {0}, int(model.D()));
    const std::vector<float> draws = model.draw(on_device, 0, 3, K, 7);
    ASSERT_EQ(draws.size(), std::size_t(3 * K * 2));
    for (std::size_t i = 0; i < 6; ++i) {
        double sum = 0, square = 0;
        for (int k = 0; k < K; ++k) {
            const double draw = (draws[(i / 2 * K + std::size_t(k)) * 2 + i % 2] - read.codes.z[i]) / sigma[i % 2];
            sum += draw, square += draw * draw;
        }
        EXPECT_LT(std::abs(sum) / std::sqrt(K), 4);
        EXPECT_LT(std::abs(square / K - 1) * std::sqrt(K / 2.), 4);
    }
    EXPECT_NE(draws[0], draws[2 * K]) << "each image has noise of its own";
    EXPECT_EQ(model.draw(on_device, 0, 3, K, 7), draws);
    EXPECT_NE(model.draw(on_device, 0, 3, K, 8), draws);
}

TEST(LatentPosteriors, DeviationsAreSigmaForEveryModel) {
    const float s = std::log(0.5f), t = std::log(2.f);
    {
        auto loaded = std::make_unique<OnDevice<DenseVae<float>>>(DenseVaeConfig{28, 28, 1, {4}, 2}, 1, 16);
        set_only(loaded->model, "heads.bias", {0.5f, -1, 2 * s, 2 * t});
        Plain<DenseVae<float>> model(std::move(loaded));
        expect_deviations(model, {0.5f, 2});
    }
    {
        auto loaded =
            std::make_unique<OnDevice<SpatialVae<float>>>(spatial(SpatialKind::kVae, PoseKind::kAffine), 1, 16);
        set_only(loaded->model, "heads.bias", {0.5f, -1, s, t});
        Plain<SpatialVae<float>> model(std::move(loaded));
        expect_deviations(model, {0.5f, 2});
    }
    {
        RenyiVaeConfig config;
        config.hidden = {4}, config.latents = 2, config.samples = 1, config.variance = VarianceHead::kExp;
        auto loaded = std::make_unique<OnDevice<RenyiVae<float>>>(config, std::vector<double>{1}, 16);
        set_only(loaded->model, "heads.bias", {0.5f, -1, 2 * s, 2 * t});
        Plain<RenyiVae<float>> model(std::move(loaded));
        expect_deviations(model, {0.5f, 2});
    }
}

// --- files -----------------------------------------------------------------------------------------------------------

TEST(LatentFiles, RowByRowIsTheSameFileAsAtOnce) {
    const test::TemporaryFolder folder;
    const std::vector<float> values = {1, 2, 3, 4, 5, 6};
    write_npy(folder / "whole.npy", {3, 2}, values);
    NpyWriter<float> writer(folder / "rows.npy", {3, 2});
    for (std::size_t row = 0; row < 3; ++row) writer.append(std::span(values).subspan(2 * row, 2));
    EXPECT_FALSE(std::filesystem::exists(folder / "rows.npy")) << "not before it is whole";
    writer.finish();
    EXPECT_EQ(read_file(folder / "rows.npy"), read_file(folder / "whole.npy"));
}

TEST(LatentFiles, WhatIsNotFinishedLeavesWhatWasThere) {
    const test::TemporaryFolder folder;
    write_file(folder / "x.npy", "before");
    {
        NpyWriter<float> writer(folder / "x.npy", {3});
        writer.append(std::vector<float>{1});
        EXPECT_THROW(writer.finish(), Error);
        EXPECT_THROW(writer.append(std::vector<float>(3)), Error);
    }
    EXPECT_EQ(read_file(folder / "x.npy"), "before");
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1) << "no temporary file is left";
}

TEST(LatentFiles, FieldsOfCsvAreQuotedWhereTheyMustBe) {
    EXPECT_EQ(csv_field("scan-3"), "scan-3");
    EXPECT_EQ(csv_field("a,b"), "\"a,b\"");
    EXPECT_EQ(csv_field("a \"b\""), "\"a \"\"b\"\"\"");
    EXPECT_EQ(csv_field("two\nlines"), "\"two\nlines\"");
}

}  // namespace
}  // namespace warpvae

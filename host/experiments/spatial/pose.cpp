#include "host/experiments/spatial/pose.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numbers>
#include <span>

#include "host/experiment/presentation.h"
#include "host/show/image_grid.h"
#include "host/show/plot.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

constexpr int kRows = 500;            // images in a launch
constexpr std::size_t kPictures = 8;  // images in a row of a sheet
constexpr std::size_t kDots = 1500;   // points of a panel: more hide one another

Row row_of(const SpatialReplica& replica, const char* key, const std::string& value) {
    const SpatialVaeConfig& c = replica.config;
    const std::string prior = name_of(c.prior) + (c.rank ? " " + std::to_string(c.rank) : "");
    Row row;
    row.keys = {{"model", title_of(replica.model)},
                {"latents", c.latents},
                {"prior", replica.has_pose() ? prior : "-"},
                {key, value}};
    return row;
}

std::string what_is(const SpatialReplica& replica) {
    const SpatialVaeConfig& c = replica.config;
    return std::string(title_of(replica.model)) + ", dim(z) = " + std::to_string(c.latents) +
           (c.prior == PosePrior::kNone ? "" : std::string(", prior ") + name_of(c.prior));
}

fs::path figure_path(const SpatialExperiment& experiment, const char* kind, const SpatialReplica& replica) {
    return experiment.out() / "figures" / (std::string(kind) + "-" + replica.group() + ".png");
}

/// How a panel shows a number of the pose.
struct PoseAxis {
    const char* title;
    int index;  ///< in kPoseNames
    double unit = 1;
};
constexpr double kDegrees = 180 / std::numbers::pi;
constexpr PoseAxis kPoseAxes[] = {
    {"rotation (degrees)", 0, kDegrees}, {"log scale, x", 1},       {"log scale, y", 2}, {"shear", 3},
    {"shift right (pixels)", 4},         {"shift down (pixels)", 5}};

/// What a sheet shows of equivariance_changes().
struct ShownChange {
    const char* caption;
    AffineChange change;
};
std::vector<ShownChange> shown_changes() {
    std::vector<ShownChange> shown(3);
    shown[0].caption = "g x: +20°";
    shown[0].change.rotation = 20;
    shown[1].caption = "g x: 0.9x";
    shown[1].change.scale_x = shown[1].change.scale_y = 0.9;
    shown[2].caption = "g x: +2, +2";
    shown[2].change.translate_x = shown[2].change.translate_y = 2;
    return shown;
}

}  // namespace

GlyphSet pose_test_glyphs(std::size_t count) { return make_glyphs(count, 1, Part::kTest); }

// --- tables ----------------------------------------------------------------------------------------------------------

Table pose_recovery_table(const SpatialExperiment& experiment, const std::vector<SpatialReplica>& replicas,
                          const GlyphSet& glyphs) {
    Table table =
        empty_table("Vivé", "Pose recovery: R² of the true pose after the best linear map", experiment.data().name, 3);
    for (const auto& group : by_group(replicas)) {
        std::array<std::vector<double>, kPoseNumbers> from_u, from_z;  // over replicas
        for (const SpatialReplica* replica : group) {
            LoadedSpatial loaded(experiment, *replica, kRows);
            const PoseRecovery found = measure_pose_recovery(loaded.model, glyphs, 0, loaded.matmul);
            for (std::size_t i = 0; i < kPoseNumbers; ++i) {
                if (found.from_u) from_u[i].push_back(found.from_u->r2[i]);
                from_z[i].push_back(found.from_z.r2[i]);
            }
        }
        const auto add = [&](const char* source, const std::array<std::vector<double>, kPoseNumbers>& values) {
            Row row = row_of(*group[0], "from", source);
            for (std::size_t i = 0; i < kPoseNumbers; ++i) row.cells.push_back(measured_cell(kPoseNames[i], values[i]));
            table.rows.push_back(row);
        };
        if (!from_u[0].empty()) add("u", from_u);
        add("z", from_z);
    }
    return table;
}

Table equivariance_table(const SpatialExperiment& experiment, const std::vector<SpatialReplica>& replicas,
                         const ImageSet& images) {
    Table table = empty_table("Vivé", "Equivariance: y' and x' of an image before and after a known change",
                              experiment.data().name, 3);
    const std::vector<KnownChange>& changes = equivariance_changes();
    std::vector<std::string> kinds;
    for (const KnownChange& change : changes)
        if (kinds.empty() || kinds.back() != change.kind) kinds.push_back(change.kind);
    kinds.push_back("all");
    for (const auto& group : by_group(replicas)) {
        std::vector<std::vector<EquivarianceScore>> scores;  // [replica][change]
        for (const SpatialReplica* replica : group) {
            LoadedSpatial loaded(experiment, *replica, kRows);
            scores.push_back(measure_equivariance(loaded.model, images, changes, 0, loaded.matmul));
        }
        for (const std::string& kind : kinds) {
            Row row = row_of(*group[0], "change", kind);
            const auto add = [&](const char* name, double EquivarianceScore::*score) {
                std::vector<double> values;  // each the mean over the changes of this kind
                for (const auto& of_replica : scores) {
                    double sum = 0, count = 0;
                    for (std::size_t i = 0; i < changes.size(); ++i)
                        if (kind == "all" || kind == changes[i].kind) sum += of_replica[i].*score, ++count;
                    values.push_back(sum / count);
                }
                if (!std::isnan(values[0])) row.cells.push_back(measured_cell(name, values));
            };
            add("reference_change", &EquivarianceScore::reference_change);
            add("output_psnr", &EquivarianceScore::output_psnr);
            add("unmoved_psnr", &EquivarianceScore::unmoved_psnr);
            add("pose_error", &EquivarianceScore::pose_error);
            add("pose_gain", &EquivarianceScore::pose_gain);
            table.rows.push_back(row);
        }
    }
    return table;
}

// --- pictures --------------------------------------------------------------------------------------------------------

std::optional<FigureFile> draw_pose_recovery(const SpatialExperiment& experiment, const SpatialReplica& replica,
                                             const GlyphSet& glyphs) {
    LoadedSpatial loaded(experiment, replica, kRows);
    const PoseRecovery found = measure_pose_recovery(loaded.model, glyphs, 0, loaded.matmul);
    const std::string source = found.from_u ? "u" : "z";
    const LinearRecovery& recovery = found.from_u ? *found.from_u : found.from_z;
    std::vector<Panel> panels;
    for (const PoseAxis& axis : kPoseAxes) {
        char title[80];
        std::snprintf(title, sizeof title, "%s: R² = %.2f", axis.title, recovery.r2[std::size_t(axis.index)]);
        Panel panel{title, "true", "from " + source, {}, {}, true};
        const std::size_t rows = std::min(kDots, recovery.truth.size() / kPoseNumbers);
        for (std::size_t i = 0; i < rows; ++i) {
            panel.at_x.push_back(axis.unit * recovery.truth[i * kPoseNumbers + std::size_t(axis.index)]);
            panel.at_y.push_back(axis.unit * recovery.predicted[i * kPoseNumbers + std::size_t(axis.index)]);
        }
        panels.push_back(std::move(panel));
    }
    Axes axes;
    axes.title = "Pose from " + source + ": " + what_is(replica);
    axes.width = 1300;
    axes.height = 880;
    const fs::path path = figure_path(experiment, "pose-recovery", replica);
    if (!scatter_panels(path, axes, panels, 3)) return {};
    return FigureFile{path, "The pose that glyphs were drawn in and what the best linear map makes of " + source +
                                " (" + what_is(replica) + "); on the line the pose is known."};
}

FigureFile draw_equivariance(const SpatialExperiment& experiment, const SpatialReplica& replica,
                             const ImageSet& images) {
    ImageSet few = images;
    few.truncate(kPictures);
    LoadedSpatial loaded(experiment, replica, kRows);
    const ReplicaView before = view_replica(loaded.model, few.images, 0, loaded.matmul);
    const std::vector<ShownChange> shown = shown_changes();
    ImageGridStyle style;
    style.invert = true;
    style.rows_in_group = 5;
    ImageGrid sheet(int(5 * shown.size()), int(few.count()), few.height, few.width, style);
    for (std::size_t s = 0; s < shown.size(); ++s) {
        const std::vector<std::uint8_t> changed =
            warp_images(few, {affine_map(shown[s].change)}, Interpolation::kBilinear);
        const ReplicaView after = view_replica(loaded.model, changed, 0, loaded.matmul);
        const int row = int(5 * s);
        const char* captions[] = {"x", shown[s].caption, "y'(x)", "y'(g x)", "x'(g x)"};
        for (int i = 0; i < 5; ++i) sheet.row_caption(row + i, captions[i]);
        sheet.fill(std::span<const std::uint8_t>(few.images), row);
        sheet.fill(std::span<const std::uint8_t>(changed), row + 1);
        sheet.fill(std::span<const float>(before.reference), row + 2);
        sheet.fill(std::span<const float>(after.reference), row + 3);
        sheet.fill(std::span<const float>(after.output), row + 4);
    }
    const fs::path path = figure_path(experiment, "equivariance", replica);
    sheet.write(path);
    return {path,
            "Images x, changed by a known g; what the model draws in reference pose before and after, y'(x) and "
            "y'(g x), and its reconstruction x'(g x) (" +
                what_is(replica) + ")."};
}

std::vector<FigureFile> draw_pose_figures(const SpatialExperiment& experiment,
                                          const std::vector<SpatialReplica>& replicas, const GlyphSet& glyphs) {
    std::vector<FigureFile> all;
    for (const auto& group : by_group(replicas)) {
        if (const auto figure = draw_pose_recovery(experiment, *group[0], glyphs)) all.push_back(*figure);
        all.push_back(draw_equivariance(experiment, *group[0], glyphs.set));
    }
    return all;
}

}  // namespace warpvae

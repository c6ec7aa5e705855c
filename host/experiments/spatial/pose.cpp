#include "host/experiments/spatial/results.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>

#include "host/evaluate/equivariance.h"
#include "host/experiment/presentation.h"
#include "host/show/format.h"

namespace warpvae {
namespace {

constexpr int kRows = 500;            // images in a launch
constexpr std::size_t kPictures = 8;  // images in a row of a sheet
constexpr std::size_t kDots = 1500;   // points of a panel: more hide one another

Row row_of(const SpatialReplica& replica, const char* key, const std::string& value) {
    const SpatialVaeConfig& c = replica.config;
    const std::string prior = name_of(c.prior) + (c.rank ? " " + std::to_string(c.rank) : "");
    return {{{"model", title_of(replica.model)},
             {"latents", c.latents},
             {"prior", replica.has_pose() ? prior : "-"},
             {key, value}},
            {}};
}

std::string what_is(const SpatialReplica& replica) {
    const SpatialVaeConfig& c = replica.config;
    return std::string(title_of(replica.model)) + ", dim(z) = " + std::to_string(c.latents) +
           (c.prior == PosePrior::kNone ? "" : std::string(", prior ") + name_of(c.prior));
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
const ShownChange kShownChanges[] = {{"g x: +20°", {.rotation = 20}},
                                     {"g x: 0.9x", {.scale_x = 0.9, .scale_y = 0.9}},
                                     {"g x: +2, +2", {.translate_x = 2, .translate_y = 2}}};

}  // namespace

bool has_known_poses(const std::string& set) { return set == "glyphs" || set == "glyphs-colour"; }
GlyphSet pose_test_glyphs(const std::string& set, std::size_t count) {
    return set == "glyphs-colour" ? make_colour_glyphs(count, 1, Part::kTest) : make_glyphs(count, 1, Part::kTest);
}

// --- tables ----------------------------------------------------------------------------------------------------------

Table pose_recovery_table(const SpatialExperiment& experiment, const std::vector<SpatialReplica>& replicas,
                          const GlyphSet& glyphs) {
    Table table =
        empty_table("Vivé", "Pose recovery: R² of the true pose after the best linear map", experiment.data().name, 3);
    for (const auto& group : by_group(replicas)) {
        std::vector<PoseRecovery> found;  // over replicas
        for (const SpatialReplica* replica : group) {
            LoadedSpatial loaded(experiment, *replica, kRows);
            found.push_back(measure_pose_recovery(loaded.model, glyphs, 0));
        }
        for (const bool from_u : {true, false}) {
            if (from_u && !found[0].from_u) continue;
            Row& row = table.rows.emplace_back(row_of(*group[0], "from", from_u ? "u" : "z"));
            for (std::size_t i = 0; i < kPoseNumbers; ++i)
                row.cells.push_back(cell_over(kPoseNames[i], found, [&](const PoseRecovery& of_replica) {
                    return (from_u ? *of_replica.from_u : of_replica.from_z).r2[i];
                }));
        }
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
            scores.push_back(measure_equivariance(loaded.model, images, changes, 0));
        }
        for (const std::string& kind : kinds) {
            Row& row = table.rows.emplace_back(row_of(*group[0], "change", kind));
            using S = EquivarianceScore;
            const std::pair<const char*, double S::*> columns[] = {{"reference_change", &S::reference_change},
                                                                   {"output_psnr", &S::output_psnr},
                                                                   {"unmoved_psnr", &S::unmoved_psnr},
                                                                   {"pose_error", &S::pose_error},
                                                                   {"pose_gain", &S::pose_gain}};
            for (const auto& [name, score] : columns) {
                const Cell cell = cell_over(name, scores, [&, score = score](const auto& of_replica) {
                    double sum = 0, count = 0;  // the mean over the changes of this kind
                    for (std::size_t i = 0; i < changes.size(); ++i)
                        if (kind == "all" || kind == changes[i].kind) sum += of_replica[i].*score, ++count;
                    return sum / count;
                });
                if (!std::isnan(cell.mean)) row.cells.push_back(cell);
            }
        }
    }
    return table;
}

// --- pictures --------------------------------------------------------------------------------------------------------

namespace {

void draw_recovery(Drawings& drawings, LoadedSpatial& loaded, const SpatialReplica& replica, const GlyphSet& glyphs) {
    const PoseRecovery found = measure_pose_recovery(loaded.model, glyphs, 0);
    const std::string source = found.from_u ? "u" : "z";
    const LinearRecovery& recovery = found.from_u ? *found.from_u : found.from_z;
    std::vector<Panel> panels;
    for (const PoseAxis& axis : kPoseAxes) {
        const std::string title = formatted("%s: R² = %.2f", axis.title, recovery.r2[std::size_t(axis.index)]);
        Panel panel{title, "true", "from " + source, {}, {}, true};
        const std::size_t rows = std::min(kDots, recovery.truth.size() / kPoseNumbers);
        for (std::size_t i = 0; i < rows; ++i) {
            panel.at_x.push_back(axis.unit * recovery.truth[i * kPoseNumbers + std::size_t(axis.index)]);
            panel.at_y.push_back(axis.unit * recovery.predicted[i * kPoseNumbers + std::size_t(axis.index)]);
        }
        panels.push_back(std::move(panel));
    }
    const Axes axes = {
        .title = "Pose from " + source + ": " + what_is(replica), .x = "", .y = "", .width = 1300, .height = 880};
    const std::string name = "pose-recovery-" + replica.group();
    if (scatter_panels(drawings.path(name), axes, panels, 3))
        drawings.add(name, "The pose that glyphs were drawn in and what the best linear map makes of " + source + " (" +
                               what_is(replica) + "); on the line the pose is known.");
}

void draw_equivariance(Drawings& drawings, LoadedSpatial& loaded, const SpatialReplica& replica, ImageSet few) {
    few.truncate(kPictures);
    const ReplicaView before = view_replica(loaded.model, few.images, 0);
    ImageGrid sheet(int(5 * std::size(kShownChanges)), int(few.count()), few.height, few.width,
                    {.channels = few.channels, .rows_in_group = 5, .invert = true});
    int row = 0;
    for (const auto& [caption, change] : kShownChanges) {
        const std::vector<std::uint8_t> changed = warp_images(few, {affine_map(change)}, Interpolation::kBilinear);
        const ReplicaView after = view_replica(loaded.model, changed, 0);
        const char* captions[] = {"x", caption, "y'(x)", "y'(g x)", "x'(g x)"};
        for (int i = 0; i < 5; ++i) sheet.row_caption(row + i, captions[i]);
        sheet.fill(std::span<const std::uint8_t>(few.images), row);
        sheet.fill(std::span<const std::uint8_t>(changed), row + 1);
        sheet.fill(std::span<const float>(before.reference), row + 2);
        sheet.fill(std::span<const float>(after.reference), row + 3);
        sheet.fill(std::span<const float>(after.output), row + 4);
        row += 5;
    }
    drawings.add_sheet("equivariance-" + replica.group(), sheet,
                       "Images x, changed by a known g; what the model draws in reference pose before and after, y'(x) "
                       "and y'(g x), and its reconstruction x'(g x) (" +
                           what_is(replica) + ").");
}

}  // namespace

std::vector<FigureFile> draw_pose_figures(const SpatialExperiment& experiment,
                                          const std::vector<SpatialReplica>& replicas, const GlyphSet& glyphs) {
    Drawings drawings(experiment);
    for (const SpatialReplica& replica : first_of_each(replicas)) {
        LoadedSpatial loaded(experiment, replica, kRows);
        draw_recovery(drawings, loaded, replica, glyphs);
        draw_equivariance(drawings, loaded, replica, glyphs.set);
    }
    return drawings.files;
}

}  // namespace warpvae

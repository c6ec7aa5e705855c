// What the trained models of a run know of a pose: tables and pictures of pose recovery (host/evaluate/pose_recovery.h)
// and equivariance (host/evaluate/equivariance.h). The paper has no such numbers.
#pragma once
#include <vector>

#include "host/evaluate/equivariance.h"
#include "host/evaluate/pose_recovery.h"
#include "host/experiments/spatial/spatial.h"
#include "host/show/figure_file.h"
#include "host/show/table.h"

namespace warpvae {

/// Glyphs that no model of a run on `glyphs` was trained on: where that set is made on the spot, its test images.
GlyphSet pose_test_glyphs(std::size_t count = 10000);

/// One row per model, dim(z), prior and source of the pose, "u" or "z": R^2 of each number of the pose, over trained
/// replicas. Restarts count as seeds do: choose before.
Table pose_recovery_table(const SpatialExperiment& experiment, const std::vector<SpatialReplica>& replicas,
                          const GlyphSet& glyphs);
/// One row per model, dim(z), prior and kind of change, and one of all changes: reference_change,
/// output_psnr, unmoved_psnr (dB), pose_error, pose_gain. A thousand images are plenty.
Table equivariance_table(const SpatialExperiment& experiment, const std::vector<SpatialReplica>& replicas,
                         const ImageSet& images);

/// True against predicted rotation, scales, shear and translation of one trained model, from u, or from z where there
/// is no u; none where there is no gnuplot.
std::optional<FigureFile> draw_pose_recovery(const SpatialExperiment& experiment, const SpatialReplica& replica,
                                             const GlyphSet& glyphs);
/// Some images x with three known changes g: x, g x, y'(x), y'(g x), x'(g x).
FigureFile draw_equivariance(const SpatialExperiment& experiment, const SpatialReplica& replica,
                             const ImageSet& images);
/// Both, of the first replica of every model, dim(z) and prior; written to figures/.
std::vector<FigureFile> draw_pose_figures(const SpatialExperiment& experiment,
                                          const std::vector<SpatialReplica>& replicas, const GlyphSet& glyphs);

}  // namespace warpvae

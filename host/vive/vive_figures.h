// The pictures of the `spatial` experiment, Figures 5 to 12 of the paper, drawn from models that a run has trained.
#pragma once
#include <vector>

#include "host/show/figure_file.h"
#include "host/vive/vive.h"

namespace warpvae {

/// The models that the figures need besides those of the table, one seed each:
///   Figure 5       dim(z) + dim(u) = 10, 20, 30, 50 for VAE, Affine-TVAE, TPS-TVAE and Affine-DTVAE (6, 7, 9 use some)
///   Figures 7, 8   dim(z) = 2
///   Figure 10      P1 to P4 at dim(z) = 14;   Figure 11  full priors of full and of small rank
std::vector<ViveReplica> figure_replicas(const ViveOptions& options);

/// What a sample's pose is: the identity (Figures 6 and 7), the average over the training set (text, V.i.1), drawn from
/// the prior (Figures 10 and 11).
enum class SamplePose { kIdentity, kAverage, kPrior };

/// A sheet of `rows` x `columns` samples of the prior. Throws UsageError where the model has no prior on u to draw
/// from.
void draw_samples(const std::filesystem::path& path, const ViveExperiment& experiment, const ViveReplica& replica,
                  SamplePose pose, int rows, int columns);

/// All figures whose models are trained, written to figures/. `table` replicas give Figure 5 more points and Figure 12
/// its minima.
std::vector<FigureFile> draw_vive_figures(const ViveExperiment& experiment, const std::vector<ViveReplica>& table,
                                          const std::vector<ViveReplica>& figures);

/// Test reconstruction error by epoch of every model of the run.
std::vector<FigureFile> draw_vive_learning_curves(const ViveOptions& options);

}  // namespace warpvae

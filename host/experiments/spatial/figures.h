// The pictures of the `spatial` experiment, Figures 5 to 12 of the paper, drawn from models that a run has trained.
#pragma once
#include <vector>

#include "host/experiments/spatial/spatial.h"
#include "host/show/figure_file.h"

namespace warpvae {

/// The models that the figures need besides those of the table, one seed each; with --quick fewer:
///   Figure 5       dim(z) + dim(u) = 10, 20, 30, 50 for VAE, Affine-TVAE, TPS-TVAE and Affine-DTVAE (6, 7, 9 use some)
///   Figures 7, 8   dim(z) = 2
///   Figure 10      P1 to P4 at dim(z) = 14;   Figure 11  full priors of full and of small rank
std::vector<SpatialReplica> figure_replicas(const SpatialExperiment& experiment);

/// A sheet of `side` x `side` samples of the prior. Throws UsageError where the model has no prior on u to draw from.
void draw_samples(const std::filesystem::path& path, const SpatialExperiment& experiment, const SpatialReplica& replica,
                  SamplePose pose, int side);

/// All figures whose models are trained, written to figures/. Evaluated ones among `replicas` give Figure 5 its points
/// and Figure 12 its minima. Then the test negative ELBO by epoch, a picture for each of the table's dim(z).
std::vector<FigureFile> draw_spatial_figures(const SpatialExperiment& experiment,
                                             const std::vector<SpatialReplica>& replicas);

}  // namespace warpvae

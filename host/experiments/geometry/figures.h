// Figures 1 to 5 of Peste et al. (2017), from trained and evaluated replicas, into OUT/figures.
#pragma once
#include <vector>

#include "host/experiments/geometry/interpolation.h"
#include "host/show/figure_file.h"

namespace warpvae {

/// Figure 1 (eigenvalues, one for each k), Figure 2 left (informative components) and right (bound and log p(x)),
/// Figure 3 (accuracy while training, one for each feature), Figure 4 (geodesics of the (mu, sigma) plane), Figure 5
/// (transitions between pairs of test images, by the first trained replica of the largest alpha below 1, or of 1).
/// What the replicas cannot show is left out.
std::vector<FigureFile> draw_geometry_figures(const GeometryExperiment& experiment,
                                              const std::vector<GeometryReplica>& replicas);

}  // namespace warpvae

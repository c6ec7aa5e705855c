// report.html of the `spatial` experiment.
#pragma once
#include <filesystem>
#include <vector>

#include "host/experiments/spatial/table.h"
#include "host/show/figure_file.h"

namespace warpvae {

/// Everything that a run has; empty tables and lists are left out of the report.
struct SpatialResults {
    std::vector<SpatialReplica> replicas;
    FixedScores fixed;
    Table table, models, likelihood, denoising, recovery, equivariance;
    std::vector<FigureFile> figures;
};

/// Writes report.html into the run's folder and returns its path.
std::filesystem::path write_spatial_report(const SpatialExperiment& experiment, const SpatialResults& run);

}  // namespace warpvae

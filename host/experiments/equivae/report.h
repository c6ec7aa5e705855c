// report.html of the `equivae` experiment.
#pragma once
#include <filesystem>
#include <vector>

#include "host/experiments/equivae/table.h"
#include "host/show/figure_file.h"

namespace warpvae {

/// Everything that a run has; empty tables and lists are left out.
struct EquivaeReport {
    std::vector<EquivaeReplica> replicas;
    Table supervised, semi, latents;
    std::vector<FigureFile> figures;
};

/// Writes report.html into the run's folder and returns its path.
std::filesystem::path write_equivae_report(const EquivaeExperiment& experiment, const EquivaeReport& run);

}  // namespace warpvae

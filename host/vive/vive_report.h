// report.html of the `spatial` experiment.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "host/show/figure_file.h"
#include "host/vive/vive_table.h"

namespace warpvae {

/// Everything that a run has; empty tables and lists are left out.
struct ViveReport {
    std::vector<ViveReplica> replicas;
    FixedScores fixed;
    Table table, models, likelihood, denoising, recovery, equivariance;
    std::vector<FigureFile> figures;
    std::vector<std::pair<std::string, std::string>> settings;
};

/// Writes report.html into the run's folder and returns its path.
std::filesystem::path write_vive_report(const ViveOptions& options, const DataSet& data, const ViveReport& run);

}  // namespace warpvae

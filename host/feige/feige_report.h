// report.html of the `equivae` experiment.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "host/feige/feige_table.h"
#include "host/show/figure_file.h"

namespace warpvae {

/// Everything that a run has; empty tables and lists are left out.
struct FeigeReport {
    std::vector<FeigeReplica> replicas;
    Table supervised, semi, latents;
    std::vector<FigureFile> figures;
    std::vector<std::pair<std::string, std::string>> settings;
};

/// Writes report.html into the run's folder and returns its path.
std::filesystem::path write_feige_report(const FeigeOptions& options, const DataSet& data, const FeigeReport& run);

}  // namespace warpvae

// report.html of the `invariance` experiment.
#pragma once
#include <filesystem>
#include <vector>

#include "host/experiments/invariance/table.h"
#include "host/show/figure_file.h"

namespace warpvae {

/// Writes report.html into the run's folder and returns its path.
std::filesystem::path write_invariance_report(const InvarianceExperiment& experiment,
                                              const std::vector<InvarianceReplica>& replicas, const Table& table,
                                              const std::vector<FigureFile>& figures);

}  // namespace warpvae

// report.html of the `invariance` experiment.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "host/mills/mills.h"
#include "host/mills/mills_figures.h"

namespace warpvae {

/// Which kind of feature fits the paper's table better: the mean distance of its cells, in accuracy.
struct PaperFit {
    double mean_distance = 0, largest_distance = 0;
    int within_tolerance = 0, cells = 0;
};
PaperFit paper_fit(const Table& table, FeatureKind kind);

/// Writes report.html into the run's folder and returns its path.
std::filesystem::path write_mills_report(const MillsOptions& options, const DataSet& data,
                                         const std::vector<MillsReplica>& replicas, const Table& table,
                                         const std::vector<FigureFile>& figures,
                                         const std::vector<std::pair<std::string, std::string>>& settings);

}  // namespace warpvae

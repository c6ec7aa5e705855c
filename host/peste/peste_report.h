// report.html of the geometry experiment: tables, claims, figures and settings on one page.
#pragma once
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "host/evaluate/claims.h"
#include "host/peste/peste.h"
#include "host/show/figure_file.h"
#include "host/show/table.h"

namespace warpvae {

struct PesteReport {
    std::vector<PesteReplica> replicas;
    Table components, separability;
    std::vector<Claim> claims;
    std::vector<FigureFile> figures;
    std::vector<std::pair<std::string, std::string>> settings;
};
/// Returns the page's path.
std::filesystem::path write_peste_report(const PesteOptions& options, const DataSet& data, const PesteReport& run);

}  // namespace warpvae

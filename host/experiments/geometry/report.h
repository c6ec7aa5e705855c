// report.html of the geometry experiment: tables, claims, figures and settings on one page.
#pragma once
#include <filesystem>
#include <vector>

#include "host/evaluate/claims.h"
#include "host/experiments/geometry/geometry.h"
#include "host/show/figure_file.h"
#include "host/show/table.h"

namespace warpvae {

struct GeometryReport {
    std::vector<GeometryReplica> replicas;
    Table components, separability;
    std::vector<Claim> claims;
    std::vector<FigureFile> figures;
};
/// Returns the page's path.
std::filesystem::path write_geometry_report(const GeometryExperiment& experiment, const GeometryReport& run);

}  // namespace warpvae

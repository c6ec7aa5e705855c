// Findings: what a run shows that its paper could not say. Each is a statement with its numbers over seeds, a verdict,
// and one picture; findings.json holds them, and `collect` puts those of all papers on one page.
#pragma once
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "host/evaluate/statement.h"
#include "host/show/report.h"

namespace warpvae {

struct Finding {
    Statement said;
    std::function<void(const std::filesystem::path&)> draw = {};  ///< its picture; none where there is nothing to draw
};
/// Draws the pictures as figures/finding-ID.png below the run's folder, where gnuplot is, writes findings.json, each of
/// `origin` (Experiment::statements_origin), and prints. Returns the statements, each with the place of its picture, if
/// it was drawn.
std::vector<Statement> show_findings(const std::filesystem::path& folder, const std::string& paper,
                                     const std::string& origin, const std::vector<Finding>& findings);
/// Each with its rule, its numbers and its picture.
void add_findings(Report& report, const std::filesystem::path& folder, const std::vector<Statement>& findings);

/// "paper 0.05, ours 0.058 ± 0.003 (n = 10). ", or nothing where there is no number.
std::string numbers_of(const Measured& measured);

}  // namespace warpvae

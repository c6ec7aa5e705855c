// What a run of `geometry` shows: tables of Peste et al. (2017) measured, the paper's statements N2 to N8 with their
// verdicts, Figures 1 to 5, and the page of it all.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "host/evaluate/statement.h"
#include "host/experiment/findings.h"
#include "host/experiments/geometry/interpolation.h"
#include "host/latents/latent_model.h"
#include "host/show/figure_file.h"
#include "host/show/table.h"

namespace warpvae {

// --- tables and claims: table.cpp ------------------------------------------------------------------------------------

/// Figures 1 and 2: a row for each k and alpha, over seeds: informative components, alignment, bound, log p(x), gap,
/// effective sample size.
Table geometry_components_table(const std::vector<GeometryReplica>& replicas, const GeometryOptions& options,
                                const std::string& dataset);
/// log p(x) alone: a row for each replica.
Table geometry_likelihood_table(const std::vector<GeometryReplica>& replicas, const std::string& dataset);
/// N3: a row for each k and alpha, over seeds: the measures of axes.h, each beside what random rotations of as many
/// latents give, and how far from that the least of those that decide has come (score, 1: axes).
Table geometry_axes_table(const std::vector<GeometryReplica>& replicas, const std::string& dataset);
/// Figure 3 at the end of training: a row for each k and alpha, test accuracy by feature and classifier.
Table geometry_separability_table(const std::vector<GeometryReplica>& replicas, const std::string& dataset);
/// The statements N2 to N8 (checklist), each with its numbers. N8 needs `transitions`.
std::vector<Statement> geometry_claims(const std::vector<GeometryReplica>& replicas,
                                       const std::optional<TransitionStatistics>& transitions);

// --- pictures: figures.cpp -------------------------------------------------------------------------------------------

/// Figure 1 (eigenvalues, one for each k), Figure 2 left (informative components) and right (bound and log p(x)),
/// Figure 3 (accuracy while training, one for each feature), Figure 4 (geodesics of the (mu, sigma) plane), Figure 5
/// (transitions between pairs of test images, by the first trained replica of the largest alpha below 1, or of 1).
/// What the replicas cannot show is left out. Written to figures/.
std::vector<FigureFile> draw_geometry_figures(const GeometryExperiment& experiment,
                                              const std::vector<GeometryReplica>& replicas);

/// What the commands on latents take of these trained replicas: latents.cpp.
std::vector<LatentSubject> geometry_latents(const GeometryExperiment& experiment,
                                            const std::vector<GeometryReplica>& replicas);

// --- the page: report.cpp --------------------------------------------------------------------------------------------

/// Everything that a run has; empty tables and lists are left out.
struct GeometryReport {
    std::vector<GeometryReplica> replicas;
    Table components, axes, separability;
    std::vector<Statement> claims, findings;
    std::optional<TransitionStatistics> transitions;
    std::vector<FigureFile> figures;
};
/// What the paper could not say (findings.cpp). S9: a published geodesic is not one. S10: largest loadings
/// beside those of random rotations.
std::vector<Finding> geometry_findings(const GeometryReport& run);
/// Writes report.html into the run's folder.
void write_geometry_report(const GeometryExperiment& experiment, const GeometryReport& run);

}  // namespace warpvae

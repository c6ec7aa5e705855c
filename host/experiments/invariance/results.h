// What a run of `invariance` shows: Table 2 of Mills (2024) and its claims, held against measured replicas, pictures,
// what fewer training images do, and the page of it all.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "host/evaluate/statement.h"
#include "host/experiment/findings.h"
#include "host/experiments/invariance/invariance.h"
#include "host/show/figure_file.h"
#include "host/show/table.h"

namespace warpvae {

// --- tables and claims: table.cpp ------------------------------------------------------------------------------------

/// A row of the paper's Table 2; null where it has none.
const TestAccuracies* invariance_table2(Variant train, int latents);
/// Table 2 beside the measured one: one row per feature kind, train set and N, then one per benchmark and train set.
Table invariance_table(const std::vector<InvarianceReplica>& replicas,
                       const std::vector<InvarianceBenchmark>& benchmarks, const std::string& dataset);
/// Latents in use by training set and N, by their means' variance (ElboSummary::active_units) and by their divergence
/// (latent_kl): what the paper suspects behind its N = 10.
Table active_units_table(const std::vector<InvarianceReplica>& replicas, const std::string& dataset);
/// C1 to C5 (checklist), the first four on this kind of feature.
std::vector<Statement> invariance_claims(const std::vector<InvarianceReplica>& replicas, FeatureKind features);
/// The claims on both kinds of feature, then every cell of the paper's Table 2 held against `table`, which
/// invariance_table() made.
std::vector<Statement> invariance_statements(const std::vector<InvarianceReplica>& replicas, const Table& table);

// --- what the paper could not say: findings.cpp ----------------------------------------------------------------------

/// S1: accuracy by N on samples and on means of the posterior. S2, on MNIST: what the reading of "1.1x" is worth.
std::vector<Finding> invariance_findings(const std::vector<InvarianceReplica>& replicas,
                                         const InvarianceOptions& options, const std::string& dataset);

// --- pictures: figures.cpp -------------------------------------------------------------------------------------------

/// Figure 1, the paper's numbers beside `table`'s where there is one, learning curves, and of the first seed's model of
/// each (training set, N) reconstructions, samples and walks: all that the run has the files for, written to figures/.
std::vector<FigureFile> draw_invariance_figures(const InvarianceExperiment& experiment, const Table* table);

// --- reduced training data, which Mills names as future work: reduced.cpp --------------------------------------------

/// All models trained on so many images, of every seed and training set.
struct ReducedSet {
    std::size_t images = 0;
    std::vector<InvarianceReplica> replicas;
    std::vector<InvarianceBenchmark> benchmarks;
};
/// The first `count` images of an order shuffled by the seed: fewer are always among the more.
ImageSet reduced_set(const ImageSet& set, std::size_t count, std::uint64_t seed);
/// Trains and evaluates the VAE of N = 20 (of the first of the latents if 20 is not there) and the benchmarks on each
/// of `counts`, at most all images. The largest is gone through --epochs times and a smaller one oftener, so
/// that all training is equally long: else the VAE of 1000 images would still be at its beginning, and the curve would
/// tell of steps. Every count is a run of its own in OUT/reduced/COUNT. Throws Interrupted.
std::vector<ReducedSet> train_reduced(const InvarianceExperiment& experiment, std::vector<std::size_t> counts);
/// One row per training set, kind of feature and number of training images; nothing of the paper's.
Table reduced_table(const std::vector<ReducedSet>& sets, const std::string& dataset);
/// The same of the numbers of images of the run's reduced.json, read from their results; nothing before it is written.
/// What was measured with other settings is measured anew, or refused.
std::optional<Table> reduced_table_of_run(const InvarianceExperiment& experiment);
/// Accuracy on the sets s and rt against the number of training images, one picture per training set and test set.
std::vector<FigureFile> draw_reduced(const InvarianceExperiment& experiment, const Table& table);

// --- the page: report.cpp --------------------------------------------------------------------------------------------

/// Writes report.html into the run's folder.
void write_invariance_report(const InvarianceExperiment& experiment, const std::vector<InvarianceReplica>& replicas,
                             const Table& table, const std::vector<Statement>& findings,
                             const std::vector<FigureFile>& figures);

}  // namespace warpvae

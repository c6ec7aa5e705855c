// The pictures of the `invariance` experiment, drawn from what a run left on disk.
#pragma once
#include <vector>

#include "host/experiments/invariance/table.h"
#include "host/show/figure_file.h"

namespace warpvae {

/// Figure 1 of the paper: digits of the test set (rows) under its four transformations (columns).
FigureFile draw_transformations(const InvarianceExperiment& experiment);
/// Training and test negative ELBO by epoch for every model of the run (mean and standard deviation over seeds).
std::vector<FigureFile> draw_learning_curves(const InvarianceExperiment& experiment);
/// Reconstructions, samples of the prior and walks along the most active latents, of the first seed's model for each
/// (training set, N) whose weights are in the run's folder.
std::vector<FigureFile> draw_decoded(const InvarianceExperiment& experiment);
/// Measured accuracies beside the paper's, one picture per kind of feature and training set.
std::vector<FigureFile> draw_comparison(const InvarianceExperiment& experiment, const Table& table);

/// All of the above that the run has the files for, written to figures/.
std::vector<FigureFile> draw_invariance_figures(const InvarianceExperiment& experiment, const Table* table);

}  // namespace warpvae

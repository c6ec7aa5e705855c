// The pictures of the `invariance` experiment, drawn from what a run left on disk.
#pragma once
#include <vector>

#include "host/experiments/invariance/table.h"
#include "host/show/figure_file.h"

namespace warpvae {

/// Figure 1, the paper's numbers beside `table`'s where there is one, learning curves, and of the first seed's model of
/// each (training set, N) reconstructions, samples and walks: all that the run has the files for, written to figures/.
std::vector<FigureFile> draw_invariance_figures(const InvarianceExperiment& experiment, const Table* table);

/// A sheet of `side` x `side` samples of a trained model's prior.
FigureFile draw_samples(const InvarianceExperiment& experiment, const InvarianceReplica& replica, int side);

}  // namespace warpvae

// The pictures of the `equivae` experiment, Figures 3 to 5 of the paper, drawn from models that a run has trained.
#pragma once
#include <vector>

#include "host/experiments/equivae/benchmark.h"
#include "host/show/figure_file.h"

namespace warpvae {

/// Rows of x [n, Z] as points in the plane, and how far neighbours there are neighbours in x (trustworthiness).
struct PlanePoints {
    std::vector<float> x, y;
    double trustworthiness = 1;
};
PlanePoints reduce(const Matmul& matmul, const std::vector<float>& rows, int Z, Reduction reduction,
                   std::uint64_t seed);

/// `steps` rows v from row a to row b, both among them.
std::vector<float> interpolate(const std::vector<float>& a, const std::vector<float>& b, int steps);
/// side x side points of the plane, row by row from the top left: x from x0 to x1, y from y1 down to y0.
std::vector<float> even_grid(int side, float x0, float x1, float y0, float y1);

/// Figures 3 and 4 of one model, and of a model with two latents Figure 5 instead, written to figures/. Shares of
/// samples with the right class stand in the captions, those of a judge where there is one.
std::vector<FigureFile> draw_model(const EquivaeExperiment& experiment, const EquivaeReplica& replica,
                                   Judge* judge = nullptr);
/// The bound and its two terms by epoch (Figure 3, right), from metrics.jsonl; none if there is no gnuplot.
std::vector<FigureFile> draw_learning_curves(const EquivaeExperiment& experiment, const EquivaeReplica& replica);
/// All of shown_replicas(), which must be trained.
std::vector<FigureFile> draw_equivae_figures(const EquivaeExperiment& experiment);

}  // namespace warpvae

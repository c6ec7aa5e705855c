// Reduced training data, which Mills names as future work: the VAE's latents beside the benchmarks, trained on ever
// fewer images.
#pragma once
#include <optional>
#include <vector>

#include "host/experiments/invariance/table.h"
#include "host/show/figure_file.h"

namespace warpvae {

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
/// The same of the numbers of images that the run has in OUT/reduced, read from their results; nothing if it has none.
/// What was measured with other settings is measured anew, or refused.
std::optional<Table> reduced_table_of_run(const InvarianceExperiment& experiment);
/// Accuracy on MNIST-s and MNIST-rt against the number of training images, one picture per training set and test set.
std::vector<FigureFile> draw_reduced(const InvarianceExperiment& experiment, const Table& table);

}  // namespace warpvae

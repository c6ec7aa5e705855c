// Figure 5 with all seeds: the reconstruction error by the size of the code, and where it is lowest.
#include <algorithm>

#include "host/experiment/presentation.h"
#include "host/experiments/spatial/results.h"
#include "host/mean.h"
#include "host/show/format.h"

namespace warpvae {
namespace {

// The paper reads "around 25" off a curve; whoever looks for a minimum has to look on both sides.
constexpr int kBestOfPaper = 25, kAround = 5, kBelow = 15, kAbove = 40;

/// Of one seed's VAEs: reconstruction error by dim(z).
using Sizes = std::map<int, double>;
bool looks_around(const Sizes& sizes) {
    return sizes.begin()->first <= kBelow && sizes.rbegin()->first >= kAbove &&
           std::ranges::any_of(sizes, [](const auto& s) { return std::abs(s.first - kBestOfPaper) <= kAround; });
}

}  // namespace

std::vector<SpatialReplica> dimension_replicas(const SpatialExperiment& experiment) {
    const SpatialOptions& options = experiment.of_paper();
    std::vector<SpatialReplica> all;
    for (const SpatialRow model : kFigure5Models) {
        if (std::ranges::find(options.rows, model) == options.rows.end()) continue;
        for (const int total : options.totals)
            for (int s = 0; s < experiment.options().seeds; ++s) {
                const int pose = experiment.replica(model, 1).pose_size();
                if (total <= pose) continue;
                all.push_back(experiment.replica(model, total - pose));
                all.back().seed += std::uint64_t(s);
            }
    }
    return all;
}

Table dimensions_table(const std::vector<SpatialReplica>& replicas, const std::string& dataset) {
    using R = const SpatialReplica*;
    Table table = empty_table("Vivé", "Figure 5: nats per test image by the size of the code, z and u", dataset, 2);
    for (const auto& members : by_group(replicas))
        table.rows.push_back({{{"model", title_of(*members[0])},
                               {"total", members[0]->config.latents + members[0]->pose_size()},
                               {"latents", members[0]->config.latents}},
                              {cell_over("reconstruction", members, [](R r) { return r->test_elbo.reconstruction; }),
                               cell_over("training set", members, [](R r) { return r->train_elbo.reconstruction; }),
                               cell_over("-ELBO", members, [](R r) { return r->test_elbo.negative_elbo; }),
                               cell_over("active units", members, [](R r) { return r->test_elbo.active_units; })}});
    return table;
}

Statement best_size(const std::vector<SpatialReplica>& replicas) {
    std::map<std::uint64_t, Sizes> of_seed;
    for (const SpatialReplica& r : best_restarts(replicas))
        if (r.model == SpatialRow::kVae && r.is_of_tables() && r.epochs)
            of_seed[r.seed][r.config.latents] = r.test_elbo.reconstruction;
    std::erase_if(of_seed, [](const auto& seed) { return !looks_around(seed.second); });
    std::vector<double> best, gained, lost;  // sizes; nats that they are below the smallest and the largest size
    for (const auto& [seed, sizes] : of_seed) {
        const auto lowest = std::ranges::min_element(sizes, {}, [](const auto& size) { return size.second; });
        best.push_back(lowest->first);
        gained.push_back(sizes.begin()->second - lowest->second);
        lost.push_back(sizes.rbegin()->second - lowest->second);
    }
    const auto good = std::ranges::count_if(best, [](double size) { return std::abs(size - kBestOfPaper) <= kAround; });
    Statement claim = judged(
        "V8", "the best number of latents of a VAE is around 25 (Figure 5)",
        formatted("The test set's reconstruction error is lowest at dim(z) = %.1f on average, %.2f nats below the "
                  "smallest size and %.2f below the largest.",
                  mean_of(best), mean_of(gained), mean_of(lost)),
        int(good), int(best.size()), {"dim(z) of the lowest reconstruction error", best, double(kBestOfPaper)});
    claim.rule =
        formatted("lowest from %d to %d in more than half of the seeds, of sizes from %d or less to %d or more",
                  kBestOfPaper - kAround, kBestOfPaper + kAround, kBelow, kAbove);
    if (!claim.tested) claim.reason = "Measured by the command dimensions, of VAEs of sizes on both sides of 25.";
    return claim;
}

}  // namespace warpvae

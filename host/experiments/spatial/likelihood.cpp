#include "host/experiments/spatial/likelihood.h"

#include <algorithm>

#include "host/experiment/presentation.h"
#include "host/show/progress.h"

namespace warpvae {
namespace {

LikelihoodSummary measure(const SpatialExperiment& experiment, const SpatialReplica& replica) {
    const ImageSet& test = experiment.data().test;
    const DeviceImages images({&test.images}, {0}, int(test.pixels()));
    // On the CPU device a chunk's activations stay in a core's cache; a GPU wants enough rows to fill it.
    LoadedSpatial loaded(experiment, replica, device_is_gpu() ? 8192 : 512);
    LikelihoodOptions options = experiment.of_paper().likelihood;
    options.seed = replica.drawn_seed();
    Progress progress({.label = "log p(x), " + replica.name(),
                       .total = std::int64_t(std::min(options.images, test.count())),
                       .unit = "images",
                       .quiet = experiment.options().quiet});
    return marginal_likelihood(loaded.model, images, loaded.matmul, options,
                               [&](std::size_t done) { progress.update(std::int64_t(done)); });
}

}  // namespace

Table likelihood_table(const SpatialExperiment& experiment, const std::vector<SpatialReplica>& replicas) {
    Table table = empty_table("Vivé", "Marginal likelihood and the gap of the bound, nats per test image",
                              experiment.data().name, 2);
    for (const auto& members : by_group(replicas)) {
        std::vector<LikelihoodSummary> measured;
        for (const SpatialReplica* replica : members) measured.push_back(measure(experiment, *replica));
        Row row;
        row.keys = {{"model", title_of(members[0]->model)},
                    {"latents", members[0]->config.latents},
                    {"prior", name_of(members[0]->config.prior)},
                    {"images", measured[0].images},
                    {"samples", measured[0].samples}};
        using S = LikelihoodSummary;
        row.cells = {cell_over("ELBO", measured, &S::elbo),
                     cell_over("log p, q", measured, &S::importance),
                     cell_over("log p, prior", measured, &S::naive),
                     cell_over("gap, q", measured, &S::gap),
                     cell_over("gap, prior", measured, &S::naive_gap),
                     cell_over("KL to prior", measured, &S::kl_to_prior),
                     cell_over("ESS, q", measured, &S::importance_size),
                     cell_over("ESS, prior", measured, &S::naive_size)};
        table.rows.push_back(row);
    }
    return table;
}

}  // namespace warpvae

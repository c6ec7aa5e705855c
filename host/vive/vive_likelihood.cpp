#include "host/vive/vive_likelihood.h"

#include <map>

#include "cuda/device/device.h"
#include "host/show/progress.h"
#include "host/training_run.h"

namespace warpvae {

std::vector<ViveLikelihood> measure_likelihoods(const ViveExperiment& experiment,
                                                const std::vector<ViveReplica>& replicas,
                                                const LikelihoodOptions& options) {
    const DataSet& data = experiment.data();
    const DeviceImages test({&data.test.images}, {0}, int(data.test.pixels()));
    std::vector<ViveLikelihood> out;
    for (const ViveReplica& replica : replicas) {
        if (!experiment.is_trained(replica)) continue;
        // On the CPU device a chunk's activations stay in a core's cache; a GPU wants enough rows to fill it.
        const auto loaded = experiment.load(replica, device_is_gpu() ? 8192 : 512);
        Progress progress({.label = "log p(x), " + replica.name(),
                           .total = std::int64_t(std::min(options.images, data.test.count())),
                           .unit = "images",
                           .quiet = experiment.options().quiet});
        LikelihoodOptions of_replica = options;
        of_replica.seed = replica.drawn_seed();
        out.push_back({replica, marginal_likelihood(loaded->model, test, loaded->matmul, of_replica,
                                                    [&](std::size_t done) { progress.update(std::int64_t(done)); })});
    }
    return out;
}

Table likelihood_table(const std::vector<ViveLikelihood>& measured, const std::string& dataset) {
    Table table;
    table.paper = "Vivé";
    table.table = "Marginal likelihood and the gap of the bound, nats per test image";
    table.dataset = dataset;
    table.device = device_name();
    table.decimals = 2;
    std::vector<std::string> order;
    std::map<std::string, std::vector<const ViveLikelihood*>> rows;
    for (const ViveLikelihood& m : measured) {
        auto& members = rows[m.replica.group()];
        if (members.empty()) order.push_back(m.replica.group());
        members.push_back(&m);
    }
    const auto column = [](const std::vector<const ViveLikelihood*>& members, const char* name, auto value) {
        std::vector<double> values;
        for (const ViveLikelihood* m : members) values.push_back(value(m->summary));
        return measured_cell(name, values);
    };
    using S = LikelihoodSummary;
    for (const std::string& group : order) {
        const auto& members = rows[group];
        Row row;
        row.keys = {{"model", vive_model(members[0]->replica.model).title},
                    {"latents", members[0]->replica.latents},
                    {"prior", name_of(members[0]->replica.prior)},
                    {"images", members[0]->summary.images},
                    {"samples", members[0]->summary.samples}};
        row.cells = {column(members, "ELBO", [](const S& s) { return s.elbo; }),
                     column(members, "log p, q", [](const S& s) { return s.importance; }),
                     column(members, "log p, prior", [](const S& s) { return s.naive; }),
                     column(members, "gap, q", [](const S& s) { return s.gap(); }),
                     column(members, "gap, prior", [](const S& s) { return s.naive_gap(); }),
                     column(members, "KL to prior", [](const S& s) { return s.kl_to_prior; }),
                     column(members, "ESS, q", [](const S& s) { return s.importance_size; }),
                     column(members, "ESS, prior", [](const S& s) { return s.naive_size; })};
        table.rows.push_back(row);
    }
    return table;
}

}  // namespace warpvae

#include "host/experiment/likelihood_table.h"

#include <algorithm>

#include "host/experiment/presentation.h"
#include "host/show/progress.h"

namespace warpvae {

void add_likelihood_settings(Settings& s, LikelihoodOptions& o, const std::vector<std::string>& commands) {
    s.add("draws", o.samples, kNothing, whole(1, 10000000), "samples for each image and way of sampling")
        .only(commands)
        .of_statements({"V10"});
    s.add("likelihood-images", o.images, kNothing, whole<std::size_t>(1, 1 << 30),
          "log p(x) of the first so many test images")
        .only(commands)
        .of_statements({"V10"});
}

LikelihoodSummary measure_likelihood(const Experiment& experiment, const Replica& replica, Autoencoder<float>& model,
                                     const std::vector<std::uint8_t>& images, const LikelihoodOptions& options) {
    const DeviceImages on_device({&images}, {0}, model.image_size());
    LikelihoodOptions own = options;
    own.seed = replica.drawn_seed();
    Progress progress({.label = "log p(x), " + replica.name(),
                       .total = std::int64_t(std::min(own.images, on_device.count())),
                       .unit = "images",
                       .quiet = experiment.options().quiet});
    return marginal_likelihood(model, on_device, own, [&](std::size_t done) { progress.update(std::int64_t(done)); });
}

Row likelihood_row(Json keys, const std::vector<LikelihoodSummary>& seeds) {
    using S = LikelihoodSummary;
    Row row{std::move(keys), {}};
    row.keys["images"] = seeds[0].importance.images;
    row.keys["samples"] = seeds[0].importance.samples;
    row.cells = {cell_over("ELBO", seeds, &S::elbo),
                 cell_over("log p, q", seeds, [](const S& s) { return s.importance.log_likelihood; }),
                 cell_over("log p, prior", seeds, [](const S& s) { return s.naive.log_likelihood; }),
                 cell_over("gap, q", seeds, &S::gap),
                 cell_over("gap, prior", seeds, &S::naive_gap),
                 cell_over("KL to prior", seeds, &S::kl_to_prior),
                 cell_over("ESS, q", seeds, [](const S& s) { return s.importance.effective_sample_size; }),
                 cell_over("ESS, prior", seeds, [](const S& s) { return s.naive.effective_sample_size; })};
    return row;
}

Table empty_likelihood_table(const std::string& paper, const Experiment& experiment) {
    return empty_table(paper, "Marginal likelihood and the gap of the bound, nats per test image",
                       experiment.data().name, 2);
}

}  // namespace warpvae

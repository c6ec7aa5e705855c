// The command `likelihood`: how tight the bound of trained models is. log p(x) by importance sampling and by sampling
// the prior, beside the divergence that Vivé (section VI.i) compares the gap with.
#pragma once
#include <string>
#include <vector>

#include "host/evaluate/batches.h"
#include "host/evaluate/likelihood.h"
#include "host/experiment/experiment.h"
#include "host/show/table.h"

namespace warpvae {

/// --draws and --likelihood-images, of these commands.
void add_likelihood_settings(Settings& settings, LikelihoodOptions& options, const std::vector<std::string>& commands);

/// Of a replica's model, for the first of `images`, bytes [n, D], with a progress bar and the replica's own noise.
LikelihoodSummary measure_likelihood(const Experiment& experiment, const Replica& replica, Autoencoder<float>& model,
                                     const std::vector<std::uint8_t>& images, const LikelihoodOptions& options);
/// ELBO, log p(x) both ways, both gaps, KL(q || prior), effective sample sizes, over seeds.
Row likelihood_row(Json keys, const std::vector<LikelihoodSummary>& seeds);
Table empty_likelihood_table(const std::string& paper, const Experiment& experiment);

/// A row for each group of `replicas`, which are trained: keys(replica) name it, Loaded(experiment, replica, rows) is
/// its model, images(replica) are the test images as that model sees them.
template <class Loaded, class E, class R, class Keys, class Images>
Table likelihood_table(const std::string& paper, const E& experiment, const std::vector<R>& replicas,
                       const LikelihoodOptions& options, Keys keys, Images images) {
    Table table = empty_likelihood_table(paper, experiment);
    for (const auto& members : by_group(replicas)) {
        std::vector<LikelihoodSummary> seeds;
        for (const R* replica : members) {
            Loaded loaded(experiment, *replica, evaluation_decoder_rows());
            seeds.push_back(measure_likelihood(experiment, *replica, loaded.model, images(*replica), options));
        }
        table.rows.push_back(likelihood_row(keys(*members[0]), seeds));
    }
    return table;
}

}  // namespace warpvae

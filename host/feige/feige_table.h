// Feige's two tables beside the measured error rates, what the latents carry, and the paper's claims.
#pragma once
#include <string>
#include <vector>

#include "host/evaluate/claims.h"
#include "host/feige/feige.h"
#include "host/show/table.h"

namespace warpvae {

/// Table 1: supervised error rates of the three classifiers, on MNIST, and on SVHN where `dataset` is that; the other
/// set's rows are there without a measurement. The spread is the paper's: std / sqrt(n - 1), kept in the cell's std.
Table feige_supervised_table(const std::vector<FeigeReplica>& replicas, const std::string& dataset, bool has_svhn);
/// Table 2: semi-supervised error rates of q(y|x) and of the benchmark by number of labels and mixing.
Table feige_semi_table(const std::vector<FeigeReplica>& replicas, const std::string& dataset, bool has_svhn);
/// Beyond the paper: validation bound, linear probes of the class from r and v, the likelihood classifier.
Table feige_latents_table(const std::vector<FeigeReplica>& replicas, const std::string& dataset);

std::vector<Claim> feige_claims(const std::vector<FeigeReplica>& replicas);

}  // namespace warpvae

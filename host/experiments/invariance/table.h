// Table 2 of Mills (2024) and its claims, held against measured replicas.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "host/evaluate/claims.h"
#include "host/experiments/invariance/invariance.h"
#include "host/show/table.h"

namespace warpvae {

/// The paper's Table 2: accuracy of (train set, N) on the test set; nothing for another N.
std::optional<double> invariance_table2(Variant train, int latents, std::size_t test_set);

/// Table 2 beside the measured one: one row per feature kind, train set and N, then one per benchmark and train set.
Table invariance_table(const std::vector<InvarianceReplica>& replicas,
                       const std::vector<InvarianceBenchmark>& benchmarks, const std::string& dataset);

/// Latents in use (ElboSummary::active_units) by training set and N: what the paper suspects behind its N = 10.
Table active_units_table(const std::vector<InvarianceReplica>& replicas, const std::string& dataset);

std::vector<Claim> invariance_claims(const std::vector<InvarianceReplica>& replicas, FeatureKind features);

}  // namespace warpvae

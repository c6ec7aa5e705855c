// Table 1 of Vive beside the measured one, the numbers behind it, and the paper's claims tried on them.
#pragma once
#include <map>
#include <optional>
#include <vector>

#include "host/evaluate/claims.h"
#include "host/vive/vive.h"

namespace warpvae {

/// A row of the paper's table, as fractions: accuracy over 9 folds and its deviation, accuracy on the test set.
struct ViveRow {
    double cv_mean, cv_std, test;
};
/// Row of "raw" (latents ignored), "pca" or a model's code; nothing where the paper has none.
std::optional<ViveRow> vive_table1(const std::string& row, int latents);

/// Scores of the rows without a model: "raw" at 0 latents, "pca" at each size.
using FixedScores = std::map<std::pair<std::string, int>, SvmScores>;

/// Of restarts of one seed, the one with the best training ELBO.
std::vector<ViveReplica> best_restarts(const std::vector<ViveReplica>& replicas);

/// Columns cv_mean, cv_std, test; trained rows once for each kind of feature, over seeds.
Table vive_table(const std::vector<ViveReplica>& replicas, const FixedScores& fixed, const ViveOptions& options,
                 const std::string& dataset);
/// ELBO, reconstruction, active units and bad minima of each trained row, over seeds and restarts.
Table vive_models_table(const std::vector<ViveReplica>& replicas, const std::string& dataset);

/// How well trained rows of one kind of feature fit the paper: mean |difference| over cv_mean and test.
struct ViveFit {
    double mean_distance = 0, largest_distance = 0;
    int within_tolerance = 0, cells = 0;
};
ViveFit vive_fit(const Table& table, FeatureKind kind);

std::vector<Claim> vive_claims(const std::vector<ViveReplica>& replicas, const FixedScores& fixed,
                               FeatureKind features);

}  // namespace warpvae

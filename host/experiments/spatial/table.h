// Table 1 of Vivé beside the measured one, the numbers behind it, and the paper's claims tried on them.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "host/evaluate/claims.h"
#include "host/experiments/spatial/spatial.h"
#include "host/show/table.h"

namespace warpvae {

/// A row of the paper's table, as fractions: accuracy over 9 folds and its deviation, accuracy on the test set.
struct PaperAccuracy {
    double cv_mean, cv_std, test;
};
/// Nothing where the paper has no such row; of raw pixels at any `latents`.
std::optional<PaperAccuracy> spatial_table1(SpatialRow row, int latents);

/// Columns cv_mean, cv_std, test; trained rows once for each kind of feature, over seeds.
Table spatial_table(const std::vector<SpatialReplica>& replicas, const FixedScores& fixed,
                    const SpatialOptions& options, const std::string& dataset);
/// ELBO, reconstruction, active units and bad minima of each trained row, over seeds and restarts.
Table spatial_models_table(const std::vector<SpatialReplica>& replicas, const std::string& dataset);

std::vector<Claim> spatial_claims(const std::vector<SpatialReplica>& replicas, const FixedScores& fixed,
                                  FeatureKind features);

}  // namespace warpvae

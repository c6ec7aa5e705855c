// How tight the bound is (Vivé, section VI.i): log p(x) of trained models by importance sampling and by sampling the
// prior, beside the divergence that the paper compares the gap with.
#pragma once
#include <vector>

#include "host/experiments/spatial/spatial.h"
#include "host/show/table.h"

namespace warpvae {

/// One row a model and size, of trained replicas, on the first images of the test set: ELBO, log p(x) both ways, both
/// gaps, KL(q || prior), effective sample sizes; over seeds.
Table likelihood_table(const SpatialExperiment& experiment, const std::vector<SpatialReplica>& replicas);

}  // namespace warpvae

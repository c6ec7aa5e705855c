// How tight the bound is (Vive, section VI.i): log p(x) of trained models by importance sampling and by sampling the
// prior, beside the divergence that the paper compares the gap with.
#pragma once
#include <vector>

#include "host/evaluate/likelihood.h"
#include "host/vive/vive.h"

namespace warpvae {

struct ViveLikelihood {
    ViveReplica replica;
    LikelihoodSummary summary;
};
/// Every trained replica of the list, on the first images of the test set.
std::vector<ViveLikelihood> measure_likelihoods(const ViveExperiment& experiment,
                                                const std::vector<ViveReplica>& replicas,
                                                const LikelihoodOptions& options);

/// One row a model and size: ELBO, log p(x) both ways, both gaps, KL(q || prior), effective sample sizes; over seeds.
Table likelihood_table(const std::vector<ViveLikelihood>& measured, const std::string& dataset);

}  // namespace warpvae

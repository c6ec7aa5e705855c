// Priors of the pose (section V.iii): correlations of u and log p(x) under each, over seeds.
#include <algorithm>
#include <cmath>

#include "host/experiment/likelihood_table.h"
#include "host/experiment/presentation.h"
#include "host/experiments/spatial/results.h"
#include "host/mean.h"
#include "host/show/format.h"

namespace warpvae {
namespace {

using enum SpatialRow;

constexpr double kRoughly = 0.25;  // of KL(q || prior)

constexpr PriorCase kPriorCases[] = {
    {"10", kAffineT, PosePrior::kFixedMean, 0, "normal prior about the identity, fitted deviations, 6 numbers (P1)"},
    {"10", kAffineT, PosePrior::kFitted, 0, "normal prior, fitted mean and deviations, 6 numbers (P2)"},
    {"10", kPoseT, PosePrior::kFitted, 0, "fitted normal prior on angle, log scales and translation (P3)"},
    {"10", kSplineT, PosePrior::kFitted, 0, "fitted normal prior on a thin-plate spline, 18 numbers (P4)"},
    {"11", kAffineT, PosePrior::kFull, 0, "full covariance, affine, full rank"},
    {"11", kSplineT, PosePrior::kFull, 0, "full covariance, thin-plate spline, full rank"},
    {"11", kAffineT, PosePrior::kFull, 3, "full covariance, affine, rank 3"},
    {"11", kSplineT, PosePrior::kFull, 6, "full covariance, thin-plate spline, rank 6"}};

bool is_given_pose(const SpatialReplica& replica) {
    return replica.has_pose() && replica.config.prior == PosePrior::kNone;
}
/// Of numbers that are independent in the prior; a full prior allows what correlations there are, and a rank below
/// that of u makes them.
bool is_diagonal(PosePrior prior) { return prior == PosePrior::kFixedMean || prior == PosePrior::kFitted; }
/// "P2", or "P5, rank 3".
std::string symbol_of(const SpatialVaeConfig& c) {
    switch (c.prior) {
        case PosePrior::kNone:
            return "P0";
        case PosePrior::kFixedMean:
            return "P1";
        case PosePrior::kFitted:
            return c.pose == PoseKind::kAffine ? "P2" : c.pose == PoseKind::kPose5 ? "P3" : "P4";
        default:
            return c.rank ? "P5, rank " + std::to_string(c.rank) : "P5";
    }
}
/// With the name that log p(x) has where u is a function of x.
void name_given_pose(Row& row) {
    for (Cell& cell : row.cells)
        if (cell.test.starts_with("log p,")) cell.test = "log p given u(x)" + cell.test.substr(5);
}

}  // namespace

std::span<const PriorCase> prior_cases() { return kPriorCases; }

std::vector<SpatialReplica> prior_replicas(const SpatialExperiment& experiment) {
    std::vector<SpatialReplica> all;
    const auto add = [&](SpatialRow model, PosePrior prior, int rank) {
        for (int s = 0; s < experiment.options().seeds; ++s) {
            all.push_back(experiment.replica(model, kPriorLatents, prior, rank));
            all.back().seed += std::uint64_t(s);
        }
    };
    for (const SpatialRow model : {kAffineT, kPoseT, kSplineT}) {
        add(model, PosePrior::kNone, 0);
        for (const PriorCase& c : kPriorCases)
            if (c.model == model) add(model, c.prior, c.rank);
    }
    return all;
}

std::vector<PriorScore> measure_priors(const SpatialExperiment& experiment,
                                       const std::vector<SpatialReplica>& replicas) {
    const LikelihoodOptions& options = experiment.of_paper().likelihood;
    std::vector<PriorScore> scores;
    for (const SpatialReplica& replica : replicas) scores.push_back({replica, {}});
    std::vector<OtherResult> results;
    for (PriorScore& score : scores) {
        OtherResult& result = results.emplace_back();
        result.file = score.replica.name() + "/likelihood.json";
        result.origin = experiment.origin(score.replica);
        result.origin.evaluation.emplace_back("draws", std::to_string(options.samples));
        result.origin.evaluation.emplace_back("likelihood-images", std::to_string(options.images));
        result.fields = [&score](Fields& f) { score.likelihood.fields(f); };
    }
    experiment.read_or_make(results, [&](const std::vector<std::size_t>& missing) {
        for (const std::size_t i : missing) {
            LoadedSpatial loaded(experiment, scores[i].replica, evaluation_decoder_rows());
            scores[i].likelihood =
                measure_likelihood(experiment, scores[i].replica, loaded.model, experiment.data().test.images, options);
        }
    });
    return scores;
}

Table priors_table(const std::vector<PriorScore>& scores, const SpatialExperiment& experiment) {
    Table table = empty_table("Vivé", "Priors of the pose: correlations of u, and nats per test image",
                              experiment.data().name, 2);
    std::vector<std::vector<const PriorScore*>> groups;
    for (const PriorScore& score : scores) {
        if (groups.empty() || groups.back()[0]->replica.group() != score.replica.group()) groups.emplace_back();
        groups.back().push_back(&score);
    }
    for (const auto& members : groups) {
        const SpatialReplica& first = members[0]->replica;
        std::vector<LikelihoodSummary> seeds;
        for (const PriorScore* score : members) seeds.push_back(score->likelihood);
        Row row = likelihood_row({{"model", title_of(first.model)}, {"prior", symbol_of(first.config)}}, seeds);
        if (is_given_pose(first)) name_given_pose(row);
        using S = const PriorScore*;
        const Cell of_u[] = {
            cell_over("largest correlation", members, [](S s) { return s->replica.pose.largest_correlation; }),
            cell_over("mean correlation", members, [](S s) { return s->replica.pose.mean_correlation; }),
            cell_over("KL of u", members, [](S s) { return s->replica.test_elbo.pose_kl; })};
        row.cells.insert(row.cells.begin(), std::begin(of_u), std::end(of_u));
        table.rows.push_back(std::move(row));
    }
    return table;
}

void name_given_pose(Table& likelihoods, const std::vector<SpatialReplica>& replicas) {
    const auto groups = by_group(replicas);
    for (std::size_t i = 0; i < groups.size(); ++i)
        if (is_given_pose(*groups[i][0])) name_given_pose(likelihoods.rows[i]);
}

std::vector<Statement> prior_claims(const std::vector<SpatialReplica>& replicas,
                                    const std::vector<PriorScore>& scores) {
    std::vector<double> largest, ratios;
    for (const SpatialReplica& r : best_restarts(replicas))
        if (r.model == kAffineT && is_diagonal(r.config.prior) && !r.has_noise() && r.epochs)
            largest.push_back(r.pose.largest_correlation);
    for (const PriorScore& score : scores)
        if (!is_given_pose(score.replica)) ratios.push_back(score.likelihood.gap() / score.likelihood.kl_to_prior);
    const auto correlated = std::ranges::count_if(largest, is_correlated_as_said);
    const auto is_near = [](double ratio) { return std::abs(ratio - 1) <= kRoughly; };
    const auto near = std::ranges::count_if(ratios, is_near);
    std::vector<Statement> claims = {
        judged("V9", "with independent priors, too, the means of an affine u are correlated by up to 30 %",
               formatted("The largest correlation between two components is %.2f on average over priors P1 and P2.",
                         mean_of(largest)),
               int(correlated), int(largest.size()),
               {"largest correlation in u, of each prior and seed", largest, kLargestCorrelation}, "models"),
        judged("V10", "log p(x) - ELBO is roughly equal to KL(q || prior) (section VI.i)",
               formatted("log p(x) by importance sampling; the gap is %.2f of the divergence on average.",
                         mean_of(ratios)),
               int(near), int(ratios.size()), {"gap over KL(q || prior), of each prior and seed", ratios, 1.},
               "models")};
    claims[0].rule = kCorrelatedAsSaid + std::string(" in more than half of the models, each prior and seed");
    claims[1].rule = "within a quarter of it in more than half of the models, each prior and seed, and on average";
    claims[1].holds = claims[1].holds && is_near(mean_of(ratios));
    for (Statement& claim : claims)
        if (!claim.tested) claim.reason = "Measured by the command priors.";
    return claims;
}

}  // namespace warpvae

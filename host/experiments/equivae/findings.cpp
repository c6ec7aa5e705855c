// What Feige (2019) could not say: S6 to S8.
#include <algorithm>
#include <cmath>
#include <map>

#include "host/experiment/findings.h"
#include "host/experiment/presentation.h"
#include "host/experiments/equivae/results.h"
#include "host/mean.h"
#include "host/show/format.h"

namespace warpvae {
namespace {

constexpr double kHalved = 0.5;   // of a lead, once the benchmark is trained to its end
constexpr double kCarries = 0.1;  // nats, of a latent that carries something
constexpr double kLearnt = 0.5;   // of error, at most: else a model is one that was trained too briefly to say anything
constexpr double kMatters = 0.02;  // of error: more than any deviation that the paper states

// --- S6: how long a benchmark is trained -----------------------------------------------------------------------------

/// Whether its benchmark was trained for two lengths: one is the other where it was not.
bool has_two_benchmarks(const EquivaeReplica& r) {
    return r.benchmark && r.short_benchmark && *r.benchmark != *r.short_benchmark;
}

/// Of models with few labels that lead a benchmark of as many passes over its labelled images as they make over the
/// unlabelled ones.
Statement budget_of_benchmark(const std::vector<EquivaeReplica>& replicas) {
    std::vector<double> left, brief, converged;  // share of the lead, points
    for (const EquivaeReplica& r : replicas) {
        if (!has_two_benchmarks(r) || !r.classifier || *r.classifier >= *r.short_benchmark) continue;
        brief.push_back(100 * (*r.short_benchmark - *r.classifier));
        converged.push_back(100 * (*r.benchmark - *r.classifier));
        left.push_back(converged.back() / brief.back());
    }
    const auto halved = std::ranges::count_if(left, [](double share) { return share < kHalved; });
    Statement s = judged(
        "S6",
        "The lead over the benchmark is one of budgets: it shrinks to less than half once a CNN on few labels has "
        "converged",
        formatted(
            "EQUIVAE is ahead by %.1f points of a benchmark of as many passes, by %.1f of one that has converged.",
            mean_of(brief), mean_of(converged)),
        int(halved), int(left.size()), {"share of its lead that is left, of each model", left}, "models");
    s.rule = formatted("less than %.1f of the lead is left, in more than half of the models that have one", kHalved);
    if (!s.tested)
        s.reason = "It takes a model that leads a benchmark of few labels, and one trained longer (--benchmark-steps).";
    return s;
}

// --- S7: what v carries ----------------------------------------------------------------------------------------------

Statement few_of_v(const std::vector<EquivaeReplica>& replicas) {
    std::vector<double> shares, nats;
    int few = 0;
    for (const EquivaeReplica& r : replicas) {
        if (r.kind != EquivaeKind::kSupervised || !r.latent_kl || r.latent_kl->empty()) continue;
        const auto carry = std::ranges::count_if(*r.latent_kl, [](double kl) { return kl > kCarries; });
        shares.push_back(double(carry) / double(r.latent_kl->size()));
        double sum = 0;
        for (const double kl : *r.latent_kl) sum += kl;
        nats.push_back(sum);
        few += shares.back() < 0.5;
    }
    Statement s =
        judged("S7", "Less than half of v's dimensions carry anything: the style is a few nats in few numbers",
               formatted("v carries %.1f nats on average; %.0f %% of its dimensions carry more than %.1f.",
                         mean_of(nats), 100 * mean_of(shares), kCarries),
               few, int(shares.size()), {"share of v's dimensions that carry more than 0.1 nats", shares});
    s.rule = formatted("fewer than half of the dimensions carry %.1f nats, in more than half of the seeds", kCarries);
    return s;
}

// --- S8: what a labelled image weighs --------------------------------------------------------------------------------

/// Errors of q(y|x) of one number of labels and seed, by what a labelled image weighs; of models that have learnt.
using ByWeight = std::map<std::string, double>;
std::map<std::pair<int, std::uint64_t>, ByWeight> errors_by_weight(const std::vector<EquivaeReplica>& replicas) {
    std::map<std::pair<int, std::uint64_t>, ByWeight> errors;
    for (const EquivaeReplica& r : replicas)
        if (r.kind == EquivaeKind::kSemiSupervised && r.classifier && *r.classifier < kLearnt)
            errors[{r.labels, r.seed}][r.mixing_text()] = *r.classifier;
    std::erase_if(errors, [](const auto& entry) { return entry.second.size() < 2; });
    return errors;
}

Statement weight_matters(const std::vector<EquivaeReplica>& replicas) {
    std::vector<double> spans;
    std::string reason;
    int successes = 0;
    for (const auto& [key, by_weight] : errors_by_weight(replicas)) {
        double least = 1, most = 0;
        reason += formatted("%d labels, seed %llu:", key.first, static_cast<unsigned long long>(key.second));
        for (const auto& [weight, error] : by_weight) {
            least = std::min(least, error), most = std::max(most, error);
            reason += formatted(" %.1f %% %s;", 100 * error, weight.c_str());
        }
        reason += " ";
        spans.push_back(100 * (most - least));
        successes += most - least > kMatters;
    }
    if (!reason.empty()) reason.resize(reason.size() - 2), reason += ".";
    Statement s = judged("S8",
                         "How labelled images are mixed into minibatches, which the paper leaves open, and what they "
                         "weigh decides its Table 2",
                         reason, successes, int(spans.size()),
                         {"span of errors over weights, points, of each number of labels and seed", spans}, "cases");
    s.rule = formatted("errors of q(y|x) span more than %.0f points, in more than half of the cases (labels, seed)",
                       100 * kMatters);
    if (!s.tested)
        s.reason =
            "It takes models of two weights (--mixing paired,sum or --labelled-weight), trained until they err in less "
            "than half of the images.";
    return s;
}

// --- pictures --------------------------------------------------------------------------------------------------------

std::vector<ComparisonSeries> both_budgets(const std::vector<EquivaeReplica>& replicas) {
    std::map<std::string, std::array<std::vector<double>, 3>> rows;  // benchmark brief, converged; the model
    for (const EquivaeReplica& r : replicas) {
        if (!has_two_benchmarks(r)) continue;
        auto& row = rows[std::to_string(r.labels) + " labels, " + r.mixing_text()];
        row[0].push_back(100 * *r.short_benchmark), row[1].push_back(100 * *r.benchmark);
        if (r.classifier) row[2].push_back(100 * *r.classifier);
    }
    const char* names[] = {"benchmark, as many passes as the model", "benchmark, converged", "EQUIVAE, q(y|x)"};
    std::vector<ComparisonSeries> series;
    for (std::size_t i = 0; !rows.empty() && i < 3; ++i) {
        ComparisonSeries& one = series.emplace_back(ComparisonSeries{names[i], {}});
        for (const auto& [label, row] : rows) {
            if (row[i].empty()) continue;
            one.points.push_back({label, mean_of(row[i]), std_of(row[i]), {}});
        }
    }
    return series;
}

/// Nats of each latent of v, the largest first, over seeds.
std::vector<Series> nats_of_v(const std::vector<EquivaeReplica>& replicas) {
    std::map<int, std::vector<double>> by_rank;
    for (const EquivaeReplica& r : replicas)
        if (r.kind == EquivaeKind::kSupervised && r.latent_kl)
            for (std::size_t j = 0; j < r.latent_kl->size(); ++j) by_rank[int(j) + 1].push_back((*r.latent_kl)[j]);
    Series line{.name = "supervised", .x = {}, .y = {}, .std = {}};
    for (const auto& [rank, values] : by_rank) add_point(line, rank, values);
    return line.x.empty() ? std::vector<Series>{} : std::vector<Series>{line};
}

std::vector<ComparisonSeries> by_weight(const std::vector<EquivaeReplica>& replicas) {
    std::map<std::string, std::map<int, std::vector<double>>> rows;  // [weight][labels]
    for (const auto& [key, errors] : errors_by_weight(replicas))
        for (const auto& [weight, error] : errors) rows[weight][key.first].push_back(100 * error);
    std::vector<ComparisonSeries> series;
    for (const auto& [weight, by_labels] : rows) {
        ComparisonSeries& one = series.emplace_back(ComparisonSeries{weight, {}});
        for (const auto& [labels, values] : by_labels)
            one.points.push_back({std::to_string(labels) + " labels", mean_of(values), std_of(values), {}});
    }
    return series;
}

}  // namespace

std::vector<Finding> equivae_findings(const std::vector<EquivaeReplica>& replicas) {
    const Axes errors{.title = "Error rates on the test set, percent", .x = "", .y = "percent"};
    const auto compared = [&](Statement said, const std::vector<ComparisonSeries>& series) {
        Finding finding{std::move(said)};
        if (!series.empty())
            finding.draw = [errors, series](const auto& picture) { comparison_plot(picture, errors, series); };
        return finding;
    };
    Finding used{few_of_v(replicas)};
    if (const auto lines = nats_of_v(replicas); !lines.empty())
        used.draw = [lines](const auto& picture) {
            Axes nats{.title = "What each latent of v carries", .x = "latents, the largest first", .y = "nats"};
            nats.integer_x = true;
            line_plot(picture, nats, lines);
        };
    return {compared(budget_of_benchmark(replicas), both_budgets(replicas)), used,
            compared(weight_matters(replicas), by_weight(replicas))};
}

}  // namespace warpvae

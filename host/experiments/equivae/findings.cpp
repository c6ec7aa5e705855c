// What Feige (2019) could not say: S6 to S8.
#include <algorithm>
#include <cmath>
#include <map>

#include "host/experiment/findings.h"
#include "host/experiment/presentation.h"
#include "host/experiments/equivae/results.h"
#include "host/show/format.h"

namespace warpvae {
namespace {

constexpr double kHalved = 0.5;    // of a benchmark's error, once it is trained to its end
constexpr double kCarries = 0.1;   // nats, of a latent that carries something
constexpr double kMatters = 0.02;  // of error: more than any deviation that the paper states

double mean_of(const std::vector<double>& values) { return measured_cell("", values).mean; }

// --- S6: how long a benchmark is trained -----------------------------------------------------------------------------

/// Models with few labels whose benchmark was trained for two lengths; of those that share one, as models of several
/// weights do, the first.
std::vector<const EquivaeReplica*> with_two_benchmarks(const std::vector<EquivaeReplica>& replicas) {
    std::vector<const EquivaeReplica*> found;
    for (const EquivaeReplica& r : replicas) {
        const bool has_two = r.benchmark && r.short_benchmark && *r.benchmark != *r.short_benchmark;
        const auto shares = [&](const EquivaeReplica* o) { return o->labels == r.labels && o->seed == r.seed; };
        if (has_two && std::ranges::none_of(found, shares)) found.push_back(&r);
    }
    return found;
}

Statement budget_of_benchmark(const std::vector<EquivaeReplica>& replicas) {
    std::vector<double> shares, brief, converged;
    for (const EquivaeReplica* r : with_two_benchmarks(replicas)) {
        brief.push_back(*r->short_benchmark), converged.push_back(*r->benchmark);
        shares.push_back(converged.back() / brief.back());
    }
    const auto halved = std::ranges::count_if(shares, [](double share) { return share < kHalved; });
    Statement s = judged(
        "S6",
        "The lead over the benchmark is one of budgets: a CNN on few labels errs half as often once it has converged",
        formatted("It errs in %.1f %% after as many passes as the model takes, in %.1f %% after as many steps.",
                  100 * mean_of(brief), 100 * mean_of(converged)),
        int(halved), int(shares.size()), {"error of the converged benchmark over that of the brief one", shares});
    s.rule = formatted("under %.1f of the brief one's error, in more than half of the seeds", kHalved);
    if (!s.tested) s.reason = "It takes a benchmark of few labels, trained longer than the model (--benchmark-steps).";
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

/// Errors of q(y|x) of one number of labels and seed, by what a labelled image weighs.
using ByWeight = std::map<std::string, double>;
std::map<std::pair<int, std::uint64_t>, ByWeight> errors_by_weight(const std::vector<EquivaeReplica>& replicas) {
    std::map<std::pair<int, std::uint64_t>, ByWeight> errors;
    for (const EquivaeReplica& r : replicas)
        if (r.kind == EquivaeKind::kSemiSupervised && r.classifier)
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
        spans.push_back(most - least);
        successes += spans.back() > kMatters;
    }
    if (!reason.empty()) reason.resize(reason.size() - 2), reason += ".";
    Statement s =
        judged("S8", "What a labelled image weighs, which the paper leaves open, decides its Table 2", reason,
               successes, int(spans.size()), {"span of errors over weights, of each number of labels and seed", spans});
    s.rule = formatted("errors of q(y|x) span more than %.2f, in more than half of the seeds", kMatters);
    if (!s.tested) s.reason = "It takes models of two weights (--mixing paired,sum or --labelled-weight).";
    return s;
}

// --- pictures --------------------------------------------------------------------------------------------------------

std::vector<ComparisonSeries> both_budgets(const std::vector<EquivaeReplica>& replicas) {
    std::map<std::string, std::array<std::vector<double>, 3>> rows;  // benchmark brief, converged; the model
    for (const EquivaeReplica* r : with_two_benchmarks(replicas)) {
        auto& row = rows[std::to_string(r->labels) + " labels"];
        row[0].push_back(100 * *r->short_benchmark), row[1].push_back(100 * *r->benchmark);
        if (r->classifier) row[2].push_back(100 * *r->classifier);
    }
    const char* names[] = {"benchmark, as many passes as the model", "benchmark, converged", "EQUIVAE, q(y|x)"};
    std::vector<ComparisonSeries> series;
    for (std::size_t i = 0; !rows.empty() && i < 3; ++i) {
        ComparisonSeries& one = series.emplace_back(ComparisonSeries{names[i], {}});
        for (const auto& [label, row] : rows) {
            if (row[i].empty()) continue;
            const Cell cell = measured_cell("", row[i]);
            one.points.push_back({label, cell.mean, cell.n > 1 ? cell.std : 0, {}});
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
        for (const auto& [labels, values] : by_labels) {
            const Cell cell = measured_cell("", values);
            one.points.push_back({std::to_string(labels) + " labels", cell.mean, cell.n > 1 ? cell.std : 0, {}});
        }
    }
    return series;
}

}  // namespace

std::vector<Statement> equivae_findings(const std::vector<EquivaeReplica>& replicas) {
    std::vector<Statement> findings = {budget_of_benchmark(replicas), few_of_v(replicas), weight_matters(replicas)};
    for (Statement& finding : findings) finding.picture = picture_of_finding(finding.id);
    return findings;
}

void draw_equivae_findings(const EquivaeExperiment& experiment, const std::vector<EquivaeReplica>& replicas) {
    Drawings drawings(experiment);
    const Axes errors{.title = "Error rates on the test set, percent", .x = "", .y = "percent"};
    if (const auto series = both_budgets(replicas); !series.empty())
        comparison_plot(drawings.path("finding-S6"), errors, series);
    Axes nats{.title = "What each latent of v carries", .x = "latents, the largest first", .y = "nats"};
    nats.integer_x = true;
    drawings.add_lines("finding-S7", nats, nats_of_v(replicas), "");
    if (const auto series = by_weight(replicas); !series.empty())
        comparison_plot(drawings.path("finding-S8"), errors, series);
}

}  // namespace warpvae

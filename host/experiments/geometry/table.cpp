#include "host/experiments/geometry/results.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>

#include "host/experiment/presentation.h"
#include "host/mean.h"
#include "host/show/format.h"

namespace warpvae {
namespace {

// What "saturates", "align" and the rest are held to; the paper has no numbers but the accuracies.
constexpr double kSameCount = 1;            // components
constexpr double kTowardsAxes = 0.5;        // of the way from random rotations
constexpr double kBeyondRotations = 0.05;   // of random rotations may be as near to the axes
constexpr double kAccuracyOfPaper = 0.935;  // the middle of 0.93 to 0.94
constexpr double kLowestAccuracy = 0.925, kHighestAccuracy = 0.945;
constexpr double kMarginal = 0.03;  // of accuracy, from the smallest k to the largest
constexpr double kLittle = 0.01;    // of accuracy, over alpha

constexpr const char* kPaper = "Pește, Malagò and Sârbu (2017)";

using Members = std::vector<const GeometryReplica*>;
using Value = std::function<double(const GeometryReplica*)>;

bool have_likelihood(const Members& members) {
    return std::all_of(members.begin(), members.end(), [](const auto* r) { return r->likelihood.images > 0; });
}
double informative(const GeometryReplica* r) { return r->spectrum.informative; }
double accuracy_of_means(const GeometryReplica* r) { return r->accuracy[0]; }
double log_likelihood(const GeometryReplica* r) { return r->likelihood.log_likelihood; }
double effective_sample_size(const GeometryReplica* r) { return r->likelihood.effective_sample_size; }

double mean_over(const Members& members, const Value& value) { return cell_over("", members, value).mean; }
double standard_error(const Cell& cell) { return cell.n > 1 ? cell.std / std::sqrt(double(cell.n)) : 0; }

constexpr const char* kNotCompared = "This run trained no models for this comparison.";

Statement claim(const char* id, const char* text, bool tested, bool holds, std::string reason, std::string rule,
                Measured measured = {}) {
    return {.id = id,
            .text = text,
            .reason = tested ? std::move(reason) : kNotCompared,
            .tested = tested,
            .holds = tested && holds,
            .rule = std::move(rule),
            .measured = tested ? std::move(measured) : Measured{}};
}

/// "k = 30: ...; k = 40: ...".
void tell(std::string& evidence, const std::string& of_k) { evidence += (evidence.empty() ? "" : "; ") + of_k; }

// --- the paper's statements ------------------------------------------------------------------------------------------

/// "As alpha goes to 0": for each k with several of them the orders from 0 to 1 whose log p(x) is known.
GeometryRows orders_of_bound(GeometryRows rows) {
    for (auto& [k, alphas] : rows)
        std::erase_if(alphas,
                      [](const auto& row) { return row.first < 0 || row.first > 1 || !have_likelihood(row.second); });
    std::erase_if(rows, [](const auto& of_k) { return of_k.second.size() < 2; });
    return rows;
}

/// Counts of components, means over seeds: few seeds, or a wide spread, buy no agreement.
bool are_the_same(const Cell& a, const Cell& b) { return std::abs(a.mean - b.mean) <= kSameCount; }

std::array<Statement, 2> saturation(const GeometryRows& rows) {
    std::string evidence;
    bool saturates = true, same = true;
    std::vector<Cell> at_lowest;
    std::vector<double> counts;
    for (const auto& [k, alphas] : rows) {
        const auto lowest = alphas.begin(), highest = std::prev(alphas.end());
        // The next at least twice as large (of none the largest): steps as fine as one likes would all be small.
        auto next = std::next(lowest);
        while (next != highest && next->first < 2 * lowest->first) ++next;
        const Cell a = cell_over("", lowest->second, informative), b = cell_over("", next->second, informative);
        at_lowest.push_back(a);
        counts.insert(counts.end(), a.values.begin(), a.values.end());
        saturates = saturates && are_the_same(a, b);
        same = same && are_the_same(a, at_lowest[0]);
        tell(evidence, formatted("k = %d: %.1f at alpha %g, %.1f at %g, %.1f at %g", k, a.mean, lowest->first, b.mean,
                                 next->first, mean_over(highest->second, informative), highest->first));
    }
    const Measured measured{"informative components at the smallest alpha, of each k and seed", counts};
    return {
        claim("N2", "As alpha goes to 0 the number of informative components saturates.", !rows.empty(), saturates,
              evidence + ".", "from the smallest alpha to one of at least twice that within one component", measured),
        claim("N2b", "The number at which it saturates is the same for every k.", rows.size() > 1, same, evidence + ".",
              "from k to k within one component", measured)};
}

/// Of those measures of a model that decide: the largest p, and the smallest score.
struct OnAxes {
    explicit OnAxes(const AxisMeasures& axes) {
        for (const AgainstRotations* of : {&axes.correlation, &axes.overlap, &axes.jacobian})
            if (of->decides()) p = std::max(p, of->p), score = std::min(score, of->score()), ++measures;
    }
    int measures = 0;
    double p = 0, score = INFINITY;
};

Statement alignment(const GeometryRows& rows) {
    std::vector<const GeometryReplica*> models;
    std::vector<double> scores;
    int good = 0;
    for (const auto& [k, alphas] : rows)
        for (const auto& [alpha, members] : alphas)
            for (const GeometryReplica* r : members) {
                const OnAxes found(r->axes);
                if (!found.measures) continue;
                models.push_back(r), scores.push_back(found.score);
                good += found.p <= kBeyondRotations;
            }
    const auto means = [&](AgainstRotations AxisMeasures::*of) {
        return std::pair{mean_over(models, [of](auto* r) { return (r->axes.*of).value; }),
                         mean_over(models, [of](auto* r) { return (r->axes.*of).random_mean; })};
    };
    std::string evidence;
    for (const auto& [name, of] : {std::pair{"correlation of means", &AxisMeasures::correlation},
                                   {"informative subspace in active axes", &AxisMeasures::overlap},
                                   {"Jacobian from a signed permutation", &AxisMeasures::jacobian},
                                   {"largest loading, which does not decide", &AxisMeasures::loading}}) {
        const auto [value, random] = means(of);
        evidence += formatted("%s %.3f (random rotations %.3f); ", name, value, random);
    }
    Statement result = claim(
        "N3", "Eigenvectors of the posterior means align with the axes: latents are the directions that a model uses.",
        !models.empty(), 2 * good > int(models.size()) && mean_of(scores) > kTowardsAxes,
        "Means over models: " + evidence +
            formatted("by all that decide beyond 95 %% of rotations in %d of %zu models, %.2f of the way to the axes.",
                      good, models.size(), mean_of(scores)),
        "in most models nearer to the axes than 95 % of random rotations by each measure that a rotation changes "
        "(correlations of means, overlap of informative subspace and active axes, decoder's Jacobian), and on average "
        "more than half of the way to them by the least of these",
        {"way from random rotations (0) to axes (1) by the least of these, of each model", scores});
    return result;
}

Statement gap(const GeometryRows& rows) {
    bool holds = true;
    std::string evidence;
    std::vector<double> gaps;
    for (const auto& [k, alphas] : rows) {
        const auto low = alphas.begin(), high = std::prev(alphas.end());
        const double a = mean_over(low->second, &GeometryReplica::gap),
                     b = mean_over(high->second, &GeometryReplica::gap),
                     size_a = mean_over(low->second, effective_sample_size),
                     size_b = mean_over(high->second, effective_sample_size);
        gaps.push_back(b - a);
        holds = holds && a < b && size_a < size_b;
        tell(evidence, formatted("k = %d: gap %.2f nats at alpha %g, %.2f at %g; effective sample size %.0f and %.0f",
                                 k, a, low->first, b, high->first, size_a, size_b));
    }
    return claim("N4",
                 "As alpha goes to 0 the bound comes closer to log p(x), and the importance-sampling estimate "
                 "becomes noisier (a smaller effective sample size).",
                 !rows.empty(), holds, evidence + ".",
                 "for every k a smaller gap and a smaller effective sample size at the smallest alpha than at the "
                 "largest, means over seeds",
                 {"how much the gap shrinks, nats, of each k", gaps});
}

/// The models of alpha = 1, by k.
std::vector<std::pair<int, Members>> of_elbo(const GeometryRows& rows) {
    std::vector<std::pair<int, Members>> of_k;
    for (const auto& [k, alphas] : rows)
        if (const auto row = alphas.find(1); row != alphas.end()) of_k.push_back({k, row->second});
    return of_k;
}

Statement accuracy(const GeometryRows& rows) {
    Statement result =
        claim("N5",
              "A linear classifier on the latents reads 0.93 to 0.94 (0.925 to 0.945 counts), against 0.88 "
              "to 0.92 on pixels.",
              false, false, "", "0.925 to 0.945 on means, k = 30, alpha = 1, mean over seeds");
    for (const auto& [k, members] : of_elbo(rows)) {
        if (k != 30) continue;
        const Cell means = cell_over("", members, accuracy_of_means);
        result.tested = true;
        result.measured = {"accuracy on means, k = 30", means.values, kAccuracyOfPaper};
        result.holds = means.mean >= kLowestAccuracy && means.mean <= kHighestAccuracy;
        result.reason =
            formatted("%.4f +- %.4f on means, k = 30 (logistic regression)", means.mean, standard_error(means));
        if (const double sgd = mean_over(members, [](auto* r) { return r->sgd_mean[0]; }); sgd > 0)
            result.reason += formatted("; %.4f by argo's SGD", sgd);
        result.reason += ".";
    }
    return result;
}

Statement more_latents(const GeometryRows& rows) {
    std::vector<double> means;
    std::string evidence;
    std::size_t rising = 0;
    for (const auto& [k, members] : of_elbo(rows)) {
        means.push_back(mean_over(members, accuracy_of_means));
        evidence += formatted("%sk = %d: %.4f", means.size() > 1 ? ", " : "", k, means.back());
        rising += means.size() > 1 && means.back() > means[means.size() - 2];
    }
    const std::size_t steps = means.empty() ? 0 : means.size() - 1;
    const double gain = steps ? means.back() - means.front() : 0;
    return claim("N6", "More latents are marginally but consistently better for the classifier.", steps > 0,
                 gain > 0 && gain < kMarginal && rising == steps,
                 evidence + formatted(" (means, alpha = 1; rising in %zu of %zu steps).", rising, steps),
                 "rising from each k to the next, by less than 0.03 in all", {"accuracy on means, of each k", means});
}

Statement variances_and_alpha(const GeometryRows& rows) {
    Statement result =
        claim("N7",
              "Variances among the features improve the classifier, and the effect of alpha is less "
              "relevant (means: within 0.01 over all alphas of one k).",
              false, false, "", "better with variances in every model, and over alpha the means' accuracy within 0.01");
    const GeometryRows compared = orders_of_bound(rows);
    std::vector<double> gains;
    int better = 0;
    double widest = 0;
    for (const auto& [k, alphas] : rows) {
        std::vector<double> means;
        for (const auto& [alpha, members] : alphas) {
            means.push_back(mean_over(members, accuracy_of_means));
            for (const GeometryReplica* r : members) {
                gains.push_back(r->accuracy[1] - r->accuracy[0]);
                better += gains.back() > 0;
            }
        }
        const auto [least, most] = std::minmax_element(means.begin(), means.end());
        if (compared.contains(k)) widest = std::max(widest, *most - *least);
    }
    if (gains.empty()) return result;
    result.tested = !compared.empty();
    result.measured = {"gain by variances, of each model", gains};
    result.holds = result.tested && better == int(gains.size()) && widest < kLittle;
    result.reason = formatted(
        "Better with variances in %d of %zu models, by %.4f on average; over alpha the means' accuracy moves by up "
        "to %.4f.",
        better, gains.size(), mean_of(gains), widest);
    return result;
}

Statement geodesic(const TransitionStatistics& t) {
    return claim("N8",
                 "Along the Fisher-Rao geodesic the variance rises, and the transition without sampling is slightly "
                 "sharper than along the line of means.",
                 t.pairs > 0,
                 t.deviation_ratio > 1 && t.sharpness_geodesic > t.sharpness_means && 2 * t.sharper > t.pairs,
                 formatted("Halfway sigma is %.2f times the line's; largest step over mean step %.3f on the "
                           "geodesic, %.3f on the line; sharper in %d of %d pairs (sign test p = %.2g).",
                           t.deviation_ratio, t.sharpness_geodesic, t.sharpness_means, t.sharper, t.pairs,
                           sign_test(t.sharper, t.pairs)),
                 "a larger sigma halfway, a larger sharpness on average, and sharper in most pairs",
                 t.pairs ? Measured{"share of pairs that are sharper", {double(t.sharper) / t.pairs}} : Measured{});
}

// --- tables ----------------------------------------------------------------------------------------------------------

using Columns = std::vector<std::pair<std::string, Value>>;

/// Of each of kCountedNats, where all members know their latents' divergence.
void add_counted_nats(Columns& columns, const Members& members) {
    for (const GeometryReplica* r : members)
        if (!r->bound.latent_kl) return;
    for (const double nats : kCountedNats)
        columns.push_back({"above " + number_text(nats) + " nats",
                           [nats](auto* r) { return double(latents_above(*r->bound.latent_kl, nats)); }});
}

std::vector<Cell> cells(const Members& members, const Columns& columns) {
    std::vector<Cell> cells;
    for (const auto& [name, value] : columns) cells.push_back(cell_over(name, members, value));
    return cells;
}

/// A row for each k and alpha, of what `columns` says of its models; none where that is nothing.
Table table_of(const char* title, const std::string& dataset, int decimals,
               const std::vector<GeometryReplica>& replicas, const std::function<Columns(const Members&)>& columns) {
    Table table = empty_table(kPaper, title, dataset, decimals);
    for (const auto& [k, alphas] : evaluated_rows(replicas))
        for (const auto& [alpha, members] : alphas)
            if (const Columns of_row = columns(members); !of_row.empty())
                table.rows.push_back({{{"k", k}, {"alpha", formatted("%g", alpha)}, {"epochs", members[0]->epochs}},
                                      cells(members, of_row)});
    return table;
}

}  // namespace

Table geometry_components_table(const std::vector<GeometryReplica>& replicas, const GeometryOptions& options,
                                const std::string& dataset) {
    return table_of(
        "Figures 1 and 2: informative components, bounds and log p(x) of the test set", dataset, 3, replicas,
        [&](const Members& members) -> Columns {
            if (!have_likelihood(members)) return {};
            const LikelihoodEstimate& estimate = members[0]->likelihood;
            const std::string of = options.likelihood_images ? formatted(", first %d", estimate.images) : "";
            Columns columns = {
                {"components", informative},
                {"alignment", [](auto* r) { return r->spectrum.alignment; }},
                {formatted("bound (%d)", options.bound_samples), [](auto* r) { return -r->bound.negative_bound; }},
                {"ELBO", [](auto* r) { return -r->bound.negative_elbo; }},
                {formatted("log p (%d)", estimate.samples) + of, log_likelihood},
                {"95 % +-", [](auto* r) { return r->likelihood.half_interval(); }},
                {"gap" + of, &GeometryReplica::gap},
                {"ESS", effective_sample_size}};
            add_counted_nats(columns, members);
            return columns;
        });
}

Table geometry_axes_table(const std::vector<GeometryReplica>& replicas, const std::string& dataset) {
    return table_of("N3: are latents the directions that a model uses? Beside random rotations of as many latents",
                    dataset, 3, replicas, [](const Members&) {
                        Columns columns = {{"active", [](auto* r) { return r->axes.active; }}};
                        for (const auto& [name, of] : {std::pair{"loading", &AxisMeasures::loading},
                                                       {"correlation", &AxisMeasures::correlation},
                                                       {"overlap", &AxisMeasures::overlap},
                                                       {"Jacobian", &AxisMeasures::jacobian}}) {
                            columns.push_back({name, [of = of](auto* r) { return (r->axes.*of).value; }});
                            columns.push_back({std::string(name) + ", random",
                                               [of = of](auto* r) { return (r->axes.*of).random_mean; }});
                        }
                        columns.push_back({"score", [](auto* r) { return OnAxes(r->axes).score; }});
                        columns.push_back({"largest p", [](auto* r) { return OnAxes(r->axes).p; }});
                        return columns;
                    });
}

Table geometry_separability_table(const std::vector<GeometryReplica>& replicas, const std::string& dataset) {
    return measured_part(
        table_of("Figure 3, at the end of training: accuracy of linear classifiers", dataset, 4, replicas,
                 [](const Members& members) {
                     Columns columns;
                     for (std::size_t f = 0; f < kPosteriorFeatures.size(); ++f)
                         columns.push_back({kPosteriorFeatures[f].name, [f](auto* r) { return r->accuracy[f]; }});
                     for (std::size_t f = 0; f < kPosteriorFeatures.size() && members[0]->sgd_mean[0] > 0; ++f)
                         columns.push_back({std::string("SGD, ") + kPosteriorFeatures[f].code,
                                            [f](auto* r) { return r->sgd_mean[f]; }});
                     return columns;
                 }));
}

Table geometry_likelihood_table(const std::vector<GeometryReplica>& replicas, const std::string& dataset) {
    const Columns columns = {{"log p(x)", log_likelihood},
                             {"95 % +-", [](auto* r) { return r->likelihood.half_interval(); }},
                             {"error over images", [](auto* r) { return r->likelihood.image_error; }},
                             {"ELBO", [](auto* r) { return -r->likelihood.negative_elbo; }},
                             {"ESS", effective_sample_size}};
    Table table = empty_table(kPaper, "log p(x) of the test set by importance sampling, nats", dataset, 3);
    for (const GeometryReplica& r : replicas)
        table.rows.push_back({{{"model", r.name()}, {"images", r.likelihood.images}, {"samples", r.likelihood.samples}},
                              cells({&r}, columns)});
    return table;
}

std::vector<Statement> geometry_claims(const std::vector<GeometryReplica>& replicas,
                                       const std::optional<TransitionStatistics>& transitions) {
    const GeometryRows rows = evaluated_rows(replicas), compared = orders_of_bound(rows);
    const auto [saturates, same] = saturation(compared);
    return as_far_as_measured({saturates, same, alignment(rows), gap(compared), accuracy(rows), more_latents(rows),
                               variances_and_alpha(rows), geodesic(transitions.value_or(TransitionStatistics{}))});
}

}  // namespace warpvae

// What Pește, Malagò and Sârbu (2017) could not say: S9 and S10.
#include <algorithm>
#include <cmath>

#include "host/experiment/findings.h"
#include "host/experiment/presentation.h"
#include "host/experiments/geometry/results.h"
#include "host/mean.h"
#include "host/show/format.h"

namespace warpvae {
namespace {

constexpr double kLonger = 1.001;  // times the distance: more than the roundings of a polygon's sides

Statement published_geodesic(const TransitionStatistics& t) {
    const std::vector<double>& circles = t.length_of_circles;
    const auto longer = std::count_if(circles.begin(), circles.end(), [](double ratio) { return ratio > kLonger; });
    Statement s{.id = "S9",
                .text = "The geodesic of the authors' program, half circles of (mu, sigma), is not the shortest way",
                .reason = "No pairs were measured (--pairs)."};
    s.rule = formatted("longer than the Fisher-Rao distance by more than %.1f %% in more than half of the pairs",
                       100 * (kLonger - 1));
    if (circles.empty()) return s;
    s.tested = true;
    s.holds = 2 * std::size_t(longer) > circles.size();
    s.measured = {"length of the half circles over the Fisher-Rao distance, of each pair", circles};
    s.reason = formatted(
        "It is longer in %td of %zu pairs of posteriors, by %.1f %% on average and %.1f %% at most; the straight line "
        "of "
        "means and deviations is longer by %.1f %%.",
        longer, circles.size(), 100 * (mean_of(circles) - 1),
        100 * (*std::max_element(circles.begin(), circles.end()) - 1), 100 * (mean_of(t.length_of_line) - 1));
    return s;
}

/// Models whose largest loadings were measured.
std::vector<const GeometryReplica*> with_loadings(const std::vector<GeometryReplica>& replicas) {
    std::vector<const GeometryReplica*> found;
    for (const GeometryReplica& r : replicas)
        if (!std::isnan(r.axes.loading.value)) found.push_back(&r);
    return found;
}

Statement loadings_beside_chance(const std::vector<GeometryReplica>& replicas) {
    std::vector<double> scores, values, random;
    for (const GeometryReplica* r : with_loadings(replicas)) {
        scores.push_back(r->axes.loading.score());
        values.push_back(r->axes.loading.value), random.push_back(r->axes.loading.random_mean);
    }
    const auto near_chance = std::ranges::count_if(scores, [](double score) { return score < 0.5; });
    Statement s =
        judged("S10", "Eigenvectors with a largest loading of 0.6 are nearer to a random rotation than to the axes",
               formatted("Their largest loading is %.2f on average; of random rotations of as many latents it is %.2f.",
                         mean_of(values), mean_of(random)),
               int(near_chance), int(scores.size()),
               {"way from random rotations (0) to axes (1) by the largest loading, of each model", scores}, "models");
    s.rule = "less than half of the way from random rotations to axes, in most of the models";
    return s;
}

std::vector<ComparisonSeries> loadings(const std::vector<GeometryReplica>& replicas) {
    ComparisonSeries model{"the model's eigenvectors", {}}, chance{"random rotations", {}};
    for (const GeometryReplica* r : with_loadings(replicas)) {
        const AgainstRotations& loading = r->axes.loading;
        model.points.push_back({r->group(), loading.value, 0, {}});
        chance.points.push_back({r->group(), loading.random_mean, loading.random_std, {}});
    }
    return model.points.empty() ? std::vector<ComparisonSeries>{} : std::vector{model, chance};
}

Series sorted_excess(const char* name, std::vector<double> ratios) {
    std::sort(ratios.begin(), ratios.end());
    Series line{.name = name, .x = {}, .y = {}, .std = {}};
    for (std::size_t i = 0; i < ratios.size(); ++i)
        line.x.push_back(double(i + 1)), line.y.push_back(100 * (ratios[i] - 1));
    return line;
}

}  // namespace

std::vector<Finding> geometry_findings(const GeometryReport& run) {
    const TransitionStatistics transitions = run.transitions.value_or(TransitionStatistics{});
    Finding geodesic{published_geodesic(transitions)}, rotated{loadings_beside_chance(run.replicas)};
    if (!transitions.length_of_circles.empty())
        geodesic.draw = [transitions](const auto& picture) {
            line_plot(picture,
                      {.title = "How much longer than the Fisher-Rao distance",
                       .x = "pairs of posteriors, sorted",
                       .y = "percent"},
                      {sorted_excess("half circles of (mu, sigma)", transitions.length_of_circles),
                       sorted_excess("straight line of means and deviations", transitions.length_of_line)});
        };
    if (const auto series = loadings(run.replicas); !series.empty())
        rotated.draw = [series](const auto& picture) {
            comparison_plot(picture,
                            {.title = "Largest loading of an eigenvector; 1: on an axis", .x = "model", .y = "loading"},
                            series);
        };
    return {geodesic, rotated};
}

}  // namespace warpvae

// What Pește, Malagò and Sârbu (2017) could not say: S9.
#include <algorithm>

#include "host/experiment/findings.h"
#include "host/experiment/presentation.h"
#include "host/experiments/geometry/results.h"
#include "host/show/format.h"

namespace warpvae {
namespace {

constexpr double kLonger = 1.001;  // times the distance: more than the roundings of a polygon's sides

double mean_of(const std::vector<double>& values) { return measured_cell("", values).mean; }

Statement published_geodesic(const TransitionStatistics& t) {
    const std::vector<double>& circles = t.length_of_circles;
    const auto longer = std::count_if(circles.begin(), circles.end(), [](double ratio) { return ratio > kLonger; });
    Statement s{.id = "S9",
                .text = "The geodesic of the authors' program, half circles of (mu, sigma), is not the shortest way",
                .reason = "No pairs were measured (--pairs)."};
    s.rule = formatted("longer than the Fisher-Rao distance by more than %.1f %% in more than half of the pairs",
                       100 * (kLonger - 1));
    s.picture = picture_of_finding(s.id);
    if (circles.empty()) return s;
    s.tested = true;
    s.holds = 2 * std::size_t(longer) > circles.size();
    s.p = sign_test(int(longer), int(circles.size()));
    s.measured = {"length of the half circles over the Fisher-Rao distance, of each pair", circles};
    s.reason = formatted(
        "It is longer in %td of %zu pairs of posteriors, by %.1f %% on average and %.1f %% at most; the straight line "
        "of "
        "means and deviations is longer by %.1f %%.",
        longer, circles.size(), 100 * (mean_of(circles) - 1),
        100 * (*std::max_element(circles.begin(), circles.end()) - 1), 100 * (mean_of(t.length_of_line) - 1));
    return s;
}

Series sorted_excess(const char* name, std::vector<double> ratios) {
    std::sort(ratios.begin(), ratios.end());
    Series line{.name = name, .x = {}, .y = {}, .std = {}};
    for (std::size_t i = 0; i < ratios.size(); ++i)
        line.x.push_back(double(i + 1)), line.y.push_back(100 * (ratios[i] - 1));
    return line;
}

}  // namespace

std::vector<Statement> geometry_findings(const GeometryReport& run) {
    return {published_geodesic(run.transitions.value_or(TransitionStatistics{}))};
}

void draw_geometry_findings(const GeometryExperiment& experiment, const GeometryReport& run) {
    if (!run.transitions || run.transitions->length_of_circles.empty()) return;
    Drawings drawings(experiment);
    const Axes axes{
        .title = "How much longer than the Fisher-Rao distance", .x = "pairs of posteriors, sorted", .y = "percent"};
    drawings.add_lines("finding-S9", axes,
                       {sorted_excess("half circles of (mu, sigma)", run.transitions->length_of_circles),
                        sorted_excess("straight line of means and deviations", run.transitions->length_of_line)},
                       "");
}

}  // namespace warpvae

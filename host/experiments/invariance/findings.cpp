// What Mills (2024) could not say: S1 and S2.
#include <algorithm>
#include <cmath>
#include <map>

#include "host/experiment/findings.h"
#include "host/experiment/presentation.h"
#include "host/experiments/invariance/results.h"
#include "host/mean.h"
#include "host/show/format.h"

namespace warpvae {
namespace {

constexpr std::size_t kStandardSet = 0, kFixedScaleSet = 2;  // of kVariants
constexpr std::size_t kSampled = 0, kMeans = 1;              // of kFeatureKinds
constexpr double kRises = 0.01;                              // a gain in accuracy that more latents must bring to count

/// Numbers of a seed's models, and their mean for each seed.
class PerSeed {
  public:
    void add(std::uint64_t seed, double value) { sums_[seed].push_back(value); }
    std::map<std::uint64_t, double> means() const {
        std::map<std::uint64_t, double> means;
        for (const auto& [seed, values] : sums_) means[seed] = mean_of(values);
        return means;
    }

  private:
    std::map<std::uint64_t, std::vector<double>> sums_;
};

double accuracy_of(const InvarianceReplica& r, std::size_t kind) { return r.accuracy[kind][kStandardSet]; }
bool is_read(const InvarianceReplica& r) { return !std::isnan(accuracy_of(r, kSampled)); }

Statement more_latents_help(const std::vector<InvarianceReplica>& replicas, const std::string& dataset) {
    int fewest = 0, most = 0;
    for (const InvarianceReplica& r : replicas) {
        if (!fewest || r.latents < fewest) fewest = r.latents;
        most = std::max(most, r.latents);
    }
    std::array<PerSeed, 2> small, large;
    for (const InvarianceReplica& r : replicas)
        for (std::size_t kind = 0; is_read(r) && fewest < most && kind < 2; ++kind) {
            if (r.latents == fewest) small[kind].add(r.seed, accuracy_of(r, kind));
            if (r.latents == most) large[kind].add(r.seed, accuracy_of(r, kind));
        }
    std::array<std::vector<double>, 2> gains;
    std::vector<double> differences;
    int successes = 0;
    std::array<std::map<std::uint64_t, double>, 2> from{small[0].means(), small[1].means()},
        to{large[0].means(), large[1].means()};
    for (const auto& [seed, unused] : to[kSampled]) {
        if (!from[kSampled].contains(seed)) continue;
        for (std::size_t kind = 0; kind < 2; ++kind) gains[kind].push_back(to[kind][seed] - from[kind][seed]);
        const double sampled = gains[kSampled].back(), means = gains[kMeans].back();
        successes += means > kRises && sampled < means / 2;
        differences.push_back(means - sampled);
    }
    Statement s = judged(
        "S1", "That more latents do not help is an artefact of reading samples: read off posterior means, they do",
        formatted("From N = %d to %d accuracy on %s moves by %+.4f on samples and by %+.4f on means.", fewest, most,
                  set_name(Variant::kStandard, dataset).c_str(), mean_of(gains[kSampled]), mean_of(gains[kMeans])),
        successes, int(differences.size()),
        {"gain from the fewest to the most latents, on means less on samples", differences});
    s.rule = formatted(
        "in more than half of the seeds means gain more than %.2f, and samples less than half of what means gain",
        kRises);
    return s;
}

/// How far MNIST-fs lies from the paper's column, samples, in both readings: [as the options have it, the other].
using ScaleDistances = std::array<std::map<std::uint64_t, double>, 2>;
ScaleDistances scale_distances(const std::vector<InvarianceReplica>& replicas) {
    std::array<PerSeed, 2> distances;
    for (const InvarianceReplica& r : replicas) {
        const TestAccuracies* paper = invariance_table2(r.train, r.latents);
        if (!paper || std::isnan(r.accuracy_other_scale[kSampled])) continue;
        const double published = (*paper)[kFixedScaleSet];
        distances[0].add(r.seed, std::abs(r.accuracy[kSampled][kFixedScaleSet] - published));
        distances[1].add(r.seed, std::abs(r.accuracy_other_scale[kSampled] - published));
    }
    return {distances[0].means(), distances[1].means()};
}
const char* told(FixedScale reading) {
    return reading == FixedScale::kAffine ? "an affine map about the centre" : "a resize to 31 pixels and a crop to 28";
}

Statement scale_reading(const std::vector<InvarianceReplica>& replicas, const VariantOptions& options) {
    const ScaleDistances distances = scale_distances(replicas);
    std::vector<double> differences, chosen, other;
    for (const auto& [seed, distance] : distances[0]) {
        chosen.push_back(distance), other.push_back(distances[1].at(seed));
        differences.push_back(other.back() - chosen.back());
    }
    const auto nearer = std::count_if(differences.begin(), differences.end(), [](double d) { return d > 0; });
    Statement s = judged(
        "S2",
        std::string("Of two readings of the paper's “1.1x” ") + told(options.fixed_scale) + " fits its numbers better",
        formatted("MNIST-fs lies %.1f points from the paper's column on average, %.1f as %s.", 100 * mean_of(chosen),
                  100 * mean_of(other), told(with_other_scale(options).fixed_scale)),
        int(nearer), int(differences.size()), {"distance of the other reading less that of this one", differences});
    s.rule = "nearer to the paper's MNIST-fs column, averaged over its cells, in more than half of the seeds";
    return s;
}

/// Accuracy by N: samples and means, each training set.
std::vector<Series> accuracy_by_latents(const std::vector<InvarianceReplica>& replicas, const std::string& dataset) {
    std::vector<Series> lines;
    for (const FeatureKind kind : {FeatureKind::kMean, FeatureKind::kSample})
        for (const Variant train : {Variant::kStandard, Variant::kRandom}) {
            std::map<int, std::vector<double>> by_size;
            for (const InvarianceReplica& r : replicas)
                if (r.train == train && is_read(r)) by_size[r.latents].push_back(accuracy_of(r, std::size_t(kind)));
            Series line{.name = std::string(name_of(kind)) + "s, trained on " + set_name(train, dataset),
                        .x = {},
                        .y = {},
                        .std = {}};
            line.colour = int(kind), line.dashed = train == Variant::kRandom;
            for (const auto& [latents, values] : by_size) add_point(line, latents, values);
            if (!line.x.empty()) lines.push_back(std::move(line));
        }
    Series paper{.name = "the paper, trained on MNIST-s", .x = {}, .y = {}, .std = {}};
    paper.colour = 2;
    for (const int latents : {10, 20, 50, 100}) {
        paper.x.push_back(latents);
        paper.y.push_back((*invariance_table2(Variant::kStandard, latents))[kStandardSet]);
    }
    if (!lines.empty() && dataset == "mnist") lines.push_back(std::move(paper));
    return lines;
}

/// MNIST-fs in both readings beside the paper's.
std::vector<ComparisonSeries> both_scales(const std::vector<InvarianceReplica>& replicas,
                                          const VariantOptions& options) {
    std::array<ComparisonSeries, 2> readings{ComparisonSeries{told(options.fixed_scale), {}},
                                             ComparisonSeries{told(with_other_scale(options).fixed_scale), {}}};
    std::map<std::pair<Variant, int>, std::array<std::vector<double>, 2>> cells;
    for (const InvarianceReplica& r : replicas) {
        if (!invariance_table2(r.train, r.latents) || std::isnan(r.accuracy_other_scale[kSampled])) continue;
        auto& of_cell = cells[{r.train, r.latents}];
        of_cell[0].push_back(r.accuracy[kSampled][kFixedScaleSet]);
        of_cell[1].push_back(r.accuracy_other_scale[kSampled]);
    }
    for (const auto& [key, values] : cells)
        for (std::size_t i = 0; i < 2; ++i)
            readings[i].points.push_back({std::string(variant_code(key.first)) + ", " + std::to_string(key.second),
                                          mean_of(values[i]), std_of(values[i]),
                                          (*invariance_table2(key.first, key.second))[kFixedScaleSet]});
    if (readings[0].points.empty()) return {};
    return {readings[0], readings[1]};
}

}  // namespace

std::vector<Finding> invariance_findings(const std::vector<InvarianceReplica>& replicas,
                                         const InvarianceOptions& options, const std::string& dataset) {
    std::vector<Finding> findings = {{more_latents_help(replicas, dataset)}};
    if (const auto lines = accuracy_by_latents(replicas, dataset); !lines.empty())
        findings[0].draw = [lines, dataset](const auto& picture) {
            Axes axes{.title = "Accuracy on " + set_name(Variant::kStandard, dataset) + " by number of latents",
                      .x = "latents N",
                      .y = "test accuracy"};
            axes.log_x = true;
            line_plot(picture, axes, lines);
        };
    if (dataset != "mnist") return findings;
    findings.push_back({scale_reading(replicas, options.variant)});
    if (const auto scales = both_scales(replicas, options.variant); !scales.empty())
        findings[1].draw = [scales](const auto& picture) {
            comparison_plot(picture,
                            {.title = "MNIST-fs, features: samples; diamonds: the paper",
                             .x = "trained on, N",
                             .y = "test accuracy"},
                            scales);
        };
    return findings;
}

}  // namespace warpvae

#include "host/experiments/geometry/report.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "host/experiment/presentation.h"
#include "host/show/format.h"

namespace warpvae {
namespace {

bool any(const std::vector<FigureFile>& figures, const char* prefix) {
    return std::any_of(figures.begin(), figures.end(),
                       [&](const FigureFile& figure) { return figure.path.filename().string().rfind(prefix, 0) == 0; });
}

struct Sum {
    double total = 0;
    int count = 0;
    void add(double x) { total += x, ++count; }
    double mean() const { return total / count; }
};

/// The components that carry information at the smallest finite alpha, mean over seeds, of every k that has it; and
/// the best log p(x) of a k and alpha.
void add_numbers(Report::Pairs& numbers, const std::vector<GeometryReplica>& replicas) {
    std::optional<double> smallest;
    std::map<std::pair<int, double>, Sum> likelihoods;
    for (const GeometryReplica& r : replicas) {
        if (r.epochs == 0) continue;
        if (std::isfinite(r.alpha) && (!smallest || r.alpha < *smallest)) smallest = r.alpha;
        if (r.likelihood.images) likelihoods[{r.latents, r.alpha}].add(r.likelihood.log_likelihood);
    }
    if (smallest) {
        std::map<int, Sum> components;
        for (const GeometryReplica& r : replicas)
            if (r.epochs && r.alpha == *smallest) components[r.latents].add(r.spectrum.informative);
        std::string shapes, means;
        for (const auto& [k, sum] : components) {
            shapes += (shapes.empty() ? "" : ", ") + std::to_string(k);
            means += (means.empty() ? "" : ", ") + formatted("%.1f", sum.mean());
        }
        numbers.push_back({formatted("informative components, alpha = %g, k = ", *smallest) + shapes, means});
    }
    const std::pair<const std::pair<int, double>, Sum>* best = nullptr;
    for (const auto& row : likelihoods)
        if (!best || row.second.mean() > best->second.mean()) best = &row;
    if (best)
        numbers.push_back(
            {formatted("best test log p(x), nats (k = %d, alpha = %g)", best->first.first, best->first.second),
             formatted("%.2f", best->second.mean())});
}

/// Tables and figures of how many latents carry information and what a classifier reads of them.
void add_latents(Report& report, const GeometryReport& run) {
    if (!run.components.rows.empty() || any(run.figures, "figure1") || any(run.figures, "figure2")) {
        report.section("How many latents carry information");
        report.paragraph(
            "The posterior means of the test images have a covariance; each of its eigenvalues is the variance of one "
            "principal component. A component counts as informative where that is above 0.01. The gap is how far a "
            "bound lies below log p(x), which is estimated by importance sampling: the effective sample size (ESS) "
            "says how many of its draws count. The paper prints no numbers beside its curves.");
        if (!run.components.rows.empty()) report.table(run.components);
        add_figures(report, run.figures, "figure1", Report::Width::half);
        add_figures(report, run.figures, "figure2", Report::Width::half);
    }
    if (!run.separability.rows.empty() || any(run.figures, "figure3")) {
        report.section("What a linear classifier reads");
        report.paragraph(
            "A logistic regression reads the digit from the posterior: from its means, from means and variances, from "
            "one draw of each. It is solved to its optimum; `SGD` is the classifier of the authors' program, which "
            "stops after a number of steps. The paper reads 0.93 to 0.94 from the latents, and quotes 0.88 to 0.92 "
            "from pixels.");
        if (!run.separability.rows.empty()) report.table(run.separability);
        add_figures(report, run.figures, "figure3", Report::Width::half);
    }
}

}  // namespace

std::filesystem::path write_geometry_report(const GeometryExperiment& experiment, const GeometryReport& run) {
    Report report("The geometry of latent variables", measured("Pește, Malagò and Sârbu (2017)", experiment));
    const auto counted = [](const auto& all, const auto& condition) {
        return std::to_string(std::count_if(all.begin(), all.end(), condition));
    };
    Report::Pairs numbers = {
        {"models trained", counted(run.replicas, [](const GeometryReplica& r) { return r.epochs > 0; })}};
    add_numbers(numbers, run.replicas);
    numbers.push_back({"claims that hold", counted(run.claims, [](const Claim& c) { return c.holds; }) + " of " +
                                               counted(run.claims, [](const Claim& c) { return c.tested; }) +
                                               " tested"});
    report.highlights(numbers);
    report.paragraph(
        "An encoder gives each image a Gaussian `q(z|x)` of k latents with a diagonal covariance, and a decoder turns "
        "a draw of it back into pixels. Training raises a bound on log p(x); Renyi's bounds are a family of them, one "
        "for each order alpha: 1 is the usual ELBO, 0 the importance-weighted one, and between them a smaller alpha is "
        "a tighter bound. The paper asks what the order and k do to the latents: how many of them carry information, "
        "whether a linear classifier can read the digit from them, and what lies between two images.\n\nSource of the "
        "images: " +
        experiment.data().source + ".");

    add_latents(report, run);
    if (any(run.figures, "figure4") || any(run.figures, "figure5")) {
        report.section("Between two images");
        report.paragraph(
            "Gaussians are points of a curved space, in which a step is as long as it is easy to notice (the "
            "Fisher-Rao metric): where sigma is large, the same step of the mean is short. So the shortest way from "
            "one posterior to another goes through wider Gaussians, and its means start and end slowly and hurry "
            "halfway.");
        add_figures(report, run.figures, "figure4", Report::Width::full);
        add_figures(report, run.figures, "figure5", Report::Width::full);
    }
    if (!run.claims.empty()) report.section("The paper's claims");
    add_claims(report, run.claims);
    return finish(report, experiment);
}

}  // namespace warpvae

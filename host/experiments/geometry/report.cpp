// report.html of the `geometry` experiment.
#include <algorithm>
#include <cmath>

#include "host/experiment/findings.h"
#include "host/experiment/presentation.h"
#include "host/experiments/geometry/results.h"
#include "host/show/format.h"

namespace warpvae {
namespace {

std::string joined(const std::vector<std::string>& parts) {
    std::string text;
    for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
    return text;
}

/// The components that carry information at the smallest finite alpha, mean over seeds, of every k that has it; and
/// the best log p(x) of a k and alpha.
void add_numbers(Report::Pairs& numbers, const std::vector<GeometryReplica>& replicas) {
    const GeometryRows rows = evaluated_rows(replicas);
    double smallest = INFINITY, best = -INFINITY;
    std::string of_best;
    for (const auto& [k, alphas] : rows)
        for (const auto& [alpha, members] : alphas) {
            if (std::isfinite(alpha)) smallest = std::min(smallest, alpha);
            const double mean = cell_over("", members, [](auto* r) { return r->likelihood.log_likelihood; }).mean;
            if (!members[0]->likelihood.images || mean <= best) continue;
            best = mean;
            of_best = formatted("best test log p(x), nats (k = %d, alpha = %g)", k, alpha);
        }
    std::vector<std::string> latents, means;
    for (const auto& [k, alphas] : rows)
        if (const auto row = alphas.find(smallest); row != alphas.end()) {
            latents.push_back(std::to_string(k));
            const Cell cell = cell_over("", row->second, [](auto* r) { return r->spectrum.informative; });
            means.push_back(formatted("%.1f", cell.mean));
        }
    if (!latents.empty())
        numbers.push_back(
            {formatted("informative components, alpha = %g, k = ", smallest) + joined(latents), joined(means)});
    if (!of_best.empty()) numbers.push_back({of_best, formatted("%.2f", best)});
}

}  // namespace

void write_geometry_report(const GeometryExperiment& experiment, const GeometryReport& run) {
    Report report("The geometry of latent variables", measured("Pește, Malagò and Sârbu (2017)", experiment));
    const auto trained = std::ranges::count_if(run.replicas, [](const GeometryReplica& r) { return r.epochs > 0; });
    Report::Pairs numbers = {{"models trained", std::to_string(trained)}};
    add_numbers(numbers, run.replicas);
    numbers.push_back({"claims that hold", holding(run.claims) + " tested"});
    report.highlights(numbers);
    report.paragraph(
        "An encoder gives each image a Gaussian `q(z|x)` of k latents with a diagonal covariance, and a decoder turns "
        "a draw of it back into pixels. Training raises a bound on log p(x); Renyi's bounds are a family of them, one "
        "for each order alpha: 1 is the usual ELBO, 0 the importance-weighted one, and between them a smaller alpha is "
        "a tighter bound. The paper asks what the order and k do to the latents: how many of them carry information, "
        "whether a linear classifier can read the digit from them, and what lies between two images.\n\nSource of the "
        "images: " +
        experiment.data().source + ".");

    add_section(
        report, "How many latents carry information",
        "The posterior means of the test images have a covariance; each of its eigenvalues is the variance of one "
        "principal component. A component counts as informative where that is above 0.01. The gap is how far a bound "
        "lies below log p(x), which is estimated by importance sampling: the effective sample size (ESS) says how many "
        "of its draws count. The paper prints no numbers beside its curves.",
        run.components, run.figures, {"figure1", "figure2"});
    add_section(
        report, "Whether the latents are axes",
        "The posterior's covariance is diagonal, which ties the latents to axes; the paper sees eigenvectors of "
        "the means align with them. Each measure stands beside what random rotations of as many latents give. "
        "The largest loading of an eigenvector cannot decide, as eigenvalues are near each other. The others "
        "are the correlations of the means (0 on axes), the share of the informative eigenvectors in the "
        "active axes (1), and the distance of `V` from a signed permutation in the decoder's Jacobian "
        "`U S V^T` (0; Rolínek et al. 2019).",
        run.axes);
    add_section(report, "What a linear classifier reads",
                "A logistic regression reads the digit from the posterior: from its means, from means and variances, "
                "from one draw of each. It is solved to its optimum; `SGD` is the classifier of the authors' program, "
                "which stops after a number of steps. The paper reads 0.93 to 0.94 from the latents, and quotes 0.88 "
                "to 0.92 from pixels.",
                run.separability, run.figures, {"figure3"});
    add_section(report, "Between two images",
                "Gaussians are points of a curved space, in which a step is as long as it is easy to notice (the "
                "Fisher-Rao metric): where sigma is large, the same step of the mean is short. So the shortest way "
                "from one posterior to another goes through wider Gaussians, and its means start and end slowly and "
                "hurry halfway.",
                {}, run.figures, {"figure4", "figure5"}, Report::Width::full);
    if (!run.claims.empty()) report.section("The paper's claims");
    add_claims(report, run.claims);
    if (!run.findings.empty()) report.section("What the paper could not say");
    add_findings(report, experiment.out(), run.findings);
    finish(report, experiment);
}

}  // namespace warpvae

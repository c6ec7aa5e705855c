#include "host/peste/peste_report.h"

#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "cuda/device/device.h"
#include "data/files.h"
#include "host/show/format.h"
#include "host/show/report.h"

namespace warpvae {
namespace {

bool starts(const FigureFile& figure, const char* prefix) {
    return figure.path.filename().string().rfind(prefix, 0) == 0;
}
void add_figures(Report& report, const std::vector<FigureFile>& figures, const char* prefix,
                 Report::Width width = Report::Width::half) {
    for (const FigureFile& figure : figures)
        if (starts(figure, prefix)) report.figure(read_file(figure.path), figure.caption, width);
}
bool any(const std::vector<FigureFile>& figures, const char* prefix) {
    for (const FigureFile& figure : figures)
        if (starts(figure, prefix)) return true;
    return false;
}

struct Sum {
    double total = 0;
    int count = 0;
    void add(double x) { total += x, ++count; }
    double mean() const { return total / count; }
};

/// The components that carry information at the smallest finite alpha, mean over seeds, of every k that has it; and
/// the best log p(x) of a k and alpha.
void add_numbers(Report::Pairs& numbers, const std::vector<PesteReplica>& replicas) {
    std::optional<double> smallest;
    std::map<std::pair<int, double>, Sum> likelihoods;
    for (const PesteReplica& r : replicas) {
        if (r.epochs == 0) continue;
        if (std::isfinite(r.alpha) && (!smallest || r.alpha < *smallest)) smallest = r.alpha;
        if (r.likelihood.images) likelihoods[{r.latents, r.alpha}].add(r.likelihood.log_likelihood);
    }
    if (smallest) {
        std::map<int, Sum> components;
        for (const PesteReplica& r : replicas)
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

}  // namespace

std::filesystem::path write_peste_report(const PesteOptions& options, const DataSet& data, const PesteReport& run) {
    Report report("The geometry of latent variables",
                  "Pește, Malagò and Sârbu (2017), measured on " + data.name + ", " + std::to_string(options.seeds) +
                      (options.seeds == 1 ? " seed, " : " seeds, ") + device_name());
    int holding = 0, tested = 0;
    for (const Claim& claim : run.claims) holding += claim.tested && claim.holds, tested += claim.tested;
    std::set<std::string> trained;
    for (const PesteReplica& r : run.replicas)
        if (r.epochs) trained.insert(r.name());
    Report::Pairs numbers = {{"models trained", std::to_string(trained.size())}};
    add_numbers(numbers, run.replicas);
    numbers.push_back({"claims that hold", formatted("%d of %d tested", holding, tested)});
    report.highlights(numbers);
    report.paragraph(
        "An encoder gives each image a Gaussian `q(z|x)` of k latents with a diagonal covariance, and a decoder turns "
        "a draw of it back into pixels. Training raises a bound on log p(x); Renyi's bounds are a family of them, one "
        "for each order alpha: 1 is the usual ELBO, 0 the importance-weighted one, and between them a smaller alpha is "
        "a tighter bound. The paper asks what the order and k do to the latents: how many of them carry information, "
        "whether "
        "a linear classifier can read the digit from them, and what lies between two images.\n\nSource of the "
        "images: " +
        data.source + ".");

    if (!run.components.rows.empty() || any(run.figures, "figure1") || any(run.figures, "figure2")) {
        report.section("How many latents carry information");
        report.paragraph(
            "The posterior means of the test images have a covariance; each of its eigenvalues is the variance of one "
            "principal component. A component counts as informative where that is above 0.01. The gap is how far a "
            "bound lies below log p(x), which is estimated by importance sampling: the effective sample size (ESS) "
            "says how many of its draws count. The paper prints no numbers beside its curves.");
        if (!run.components.rows.empty()) report.table(run.components);
        add_figures(report, run.figures, "figure1");
        add_figures(report, run.figures, "figure2");
    }
    if (!run.separability.rows.empty() || any(run.figures, "figure3")) {
        report.section("What a linear classifier reads");
        report.paragraph(
            "A logistic regression reads the digit from the posterior: from its means, from means and variances, from "
            "one draw of each. It is solved to its optimum; `SGD` is the classifier of the authors' program, which "
            "stops after a number of steps. The paper reads 0.93 to 0.94 from the latents, and quotes 0.88 to 0.92 "
            "from pixels.");
        if (!run.separability.rows.empty()) report.table(run.separability);
        add_figures(report, run.figures, "figure3");
    }
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
    if (!run.claims.empty()) {
        report.section("The paper's claims");
        for (const Claim& claim : run.claims)
            report.claim(claim.name + ". " + claim.statement,
                         !claim.tested ? Verdict::untested
                         : claim.holds ? Verdict::holds
                                       : Verdict::fails,
                         claim.evidence);
    }
    report.section("Settings");
    report.key_values(run.settings);
    const std::filesystem::path path = options.out / "report.html";
    report.write(path);
    return path;
}

}  // namespace warpvae

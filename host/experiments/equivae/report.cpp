// report.html of the `equivae` experiment.
#include "host/experiment/findings.h"
#include "host/experiment/presentation.h"
#include "host/experiments/equivae/results.h"
#include "host/mean.h"
#include "host/show/format.h"

namespace warpvae {
namespace {

void add_highlights(Report& report, const std::vector<EquivaeReplica>& replicas, std::vector<Statement> claims) {
    Report::Pairs numbers = {{"models trained", std::to_string(replicas.size())}};
    const auto add_mean = [&](const char* name, std::optional<double> EquivaeReplica::*score) {
        std::vector<double> values;
        for (const EquivaeReplica& r : replicas)
            if (r.kind == EquivaeKind::kSupervised && r.*score) values.push_back(100 * *(r.*score));
        if (!values.empty()) numbers.push_back({name, formatted("%.2f %%", mean_of(values))});
    };
    add_mean("error by distance, all labels", &EquivaeReplica::distance);
    add_mean("class read from draws of v", &EquivaeReplica::probe_v_sample);
    std::erase_if(claims, [](const Statement& claim) { return !claim.tested; });
    numbers.push_back({"claims that hold", holding(claims) + " tested"});
    report.highlights(numbers);
}

}  // namespace

void write_equivae_report(const EquivaeExperiment& experiment, const EquivaeReport& run) {
    Report report("Invariant and equivariant latents", measured("Feige (2019), EQUIVAE", experiment));
    const std::vector<Statement> claims = equivae_claims(run.replicas);
    add_highlights(report, run.replicas, claims);
    report.paragraph(
        "An image is drawn from two latents: `r`, a function of a few other images of its class, and `v`, "
        "stochastic, for all that is left. Nothing in the loss says class or style: what r can know is only what the "
        "images of a class share. Source of the images: " +
        experiment.data().source + ".");
    add_section(
        report, "Table 1: all labels",
        "Error rates on the test set. The distance classifier has no parameters: f_inv(x) of one image, and the "
        "nearest of ten class means.",
        run.supervised);
    add_section(
        report, "Table 2: few labels",
        "EQUIVAE is q(y|x), trained with all images and these labels; the benchmark is the same network trained "
        "with the labelled images alone. How labelled images join unlabelled ones is the least determined point "
        "of the paper: `paired` shows a labelled minibatch at each step, `sum` each labelled image once an epoch.",
        run.semi);
    report.section("The paper's claims");
    add_claims(report, claims);
    add_section(
        report, "What the latents carry",
        "Nats on validation images, r from five others of the class; the class by the bound of log p(x, y); and "
        "a linear classifier (logistic regression) of the class from f_inv(x), from v's mean, and from draws of "
        "v.",
        run.latents);
    add_section(report, "Figure 3: both latents, and learning", "", {}, run.figures, {"figure3"});
    add_section(report, "Figure 4: samples, interpolations, swaps", "", {}, run.figures, {"figure4"});
    add_section(report, "Figure 5: two-dimensional latents", "", {}, run.figures, {"figure5"});
    report.section("What the paper could not say");
    add_findings(report, experiment.out(), run.findings);
    finish(report, experiment);
}

}  // namespace warpvae

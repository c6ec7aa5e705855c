#include "host/experiments/equivae/report.h"

#include "host/experiment/presentation.h"
#include "host/show/format.h"

namespace warpvae {
namespace {

/// The mean of one score over the supervised replicas that have it.
std::optional<double> mean_score(const std::vector<EquivaeReplica>& replicas,
                                 std::optional<double> EquivaeReplica::*score) {
    double sum = 0;
    int count = 0;
    for (const EquivaeReplica& r : replicas)
        if (r.kind == EquivaeKind::kSupervised && r.*score) sum += *(r.*score), ++count;
    return count ? std::optional(sum / count) : std::nullopt;
}

void add_highlights(Report& report, const std::vector<EquivaeReplica>& replicas, std::vector<Claim> claims) {
    Report::Pairs numbers = {{"models trained", std::to_string(replicas.size())}};
    if (const auto error = mean_score(replicas, &EquivaeReplica::distance))
        numbers.push_back({"error by distance, all labels", formatted("%.2f %%", 100 * *error)});
    if (const auto accuracy = mean_score(replicas, &EquivaeReplica::probe_v_sample))
        numbers.push_back({"class read from draws of v", formatted("%.2f %%", 100 * *accuracy)});
    std::erase_if(claims, [](const Claim& claim) { return !claim.tested; });
    numbers.push_back({"claims that hold", holding(claims) + " tested"});
    report.highlights(numbers);
}

void add_part(Report& report, const char* heading, const char* text, const Table& table) {
    if (table.rows.empty()) return;
    report.section(heading);
    report.paragraph(text);
    report.table(table);
}

}  // namespace

std::filesystem::path write_equivae_report(const EquivaeExperiment& experiment, const EquivaeReport& run) {
    Report report("Invariant and equivariant latents", measured("Feige (2019), EQUIVAE", experiment));
    const std::vector<Claim> claims = equivae_claims(run.replicas);
    add_highlights(report, run.replicas, claims);
    report.paragraph(
        "An image is drawn from two latents: `r`, a function of a few *other* images of its class, and `v`, "
        "stochastic, for all that is left. Nothing in the loss says class or style: what r can know is only what the "
        "images of a class share. Source of the images: " +
        experiment.data().source + ".");
    add_part(report, "Table 1: all labels",
             "Error rates on the test set. The distance classifier has no parameters: f_inv(x) of one image, and the "
             "nearest of ten class means. A cell agrees within three standard errors, ours and the paper's together, "
             "or where it has fewer errors.",
             run.supervised);
    add_part(report, "Table 2: few labels",
             "EQUIVAE is q(y|x), trained with all images and these labels; the benchmark is the same network trained "
             "with the labelled images alone. How labelled images join unlabelled ones is the least determined point "
             "of the paper: `paired` shows a labelled minibatch at each step, `sum` each labelled image once an epoch.",
             run.semi);
    report.section("The paper's claims");
    add_claims(report, claims);
    add_part(report, "What the latents carry",
             "Nats on validation images, r from five others of the class; the class by the bound of log p(x, y); and "
             "a linear classifier (logistic regression) of the class from f_inv(x), from v's mean, and from draws of "
             "v.",
             run.latents);
    const std::pair<const char*, const char*> headings[] = {{"Figure 3: both latents, and learning", "figure3"},
                                                            {"Figure 4: samples, interpolations, swaps", "figure4"},
                                                            {"Figure 5: two-dimensional latents", "figure5"}};
    for (const auto& [heading, prefix] : headings) {
        report.section(heading);
        add_figures(report, run.figures, prefix, Report::Width::half);
    }
    report.section("Settings");
    report.key_values(experiment.run().settings.resolved());
    const std::filesystem::path path = experiment.out() / "report.html";
    report.write(path);
    return path;
}

}  // namespace warpvae

#include "host/feige/feige_report.h"

#include <cstdio>

#include "cuda/device/device.h"
#include "data/files.h"
#include "host/show/report.h"

namespace warpvae {
namespace {

std::string percent(double x) {
    char text[32];
    std::snprintf(text, sizeof text, "%.2f %%", 100 * x);
    return text;
}

bool starts(const FigureFile& figure, const char* prefix) {
    return figure.path.filename().string().rfind(prefix, 0) == 0;
}
void add_figures(Report& report, const std::vector<FigureFile>& figures, const char* heading, const char* prefix,
                 Report::Width width) {
    bool any = false;
    for (const FigureFile& figure : figures) {
        if (!starts(figure, prefix)) continue;
        if (!any && heading) report.section(heading);
        any = true;
        report.figure(read_file(figure.path), figure.caption, width);
    }
}

/// The mean of one score over the replicas of a kind that have it.
std::optional<double> mean_score(const std::vector<FeigeReplica>& replicas, FeigeKind kind,
                                 std::optional<double> FeigeReplica::*score) {
    double sum = 0;
    int count = 0;
    for (const FeigeReplica& r : replicas)
        if (r.kind == kind && r.*score) sum += *(r.*score), ++count;
    return count ? std::optional(sum / count) : std::nullopt;
}

}  // namespace

std::filesystem::path write_feige_report(const FeigeOptions& options, const DataSet& data, const FeigeReport& run) {
    Report report("Invariant and equivariant latents",
                  "Feige (2019), EQUIVAE, measured on " + data.name + ", " + std::to_string(options.seeds) +
                      (options.seeds == 1 ? " seed, " : " seeds, ") + device_name());
    const std::vector<Claim> claims = feige_claims(run.replicas);
    int holding = 0, tested = 0;
    for (const Claim& claim : claims) holding += claim.tested && claim.holds, tested += claim.tested;
    Report::Pairs numbers = {{"models trained", std::to_string(run.replicas.size())}};
    if (const auto error = mean_score(run.replicas, FeigeKind::kSupervised, &FeigeReplica::distance))
        numbers.push_back({"error by distance, all labels", percent(*error)});
    if (const auto accuracy = mean_score(run.replicas, FeigeKind::kSupervised, &FeigeReplica::probe_v_sample))
        numbers.push_back({"class read from draws of v", percent(*accuracy)});
    numbers.push_back({"claims that hold", std::to_string(holding) + " of " + std::to_string(tested) + " tested"});
    report.highlights(numbers);
    report.paragraph(
        "An image is drawn from two latents: `r`, a function of a few *other* images of its class, and `v`, "
        "stochastic, "
        "for all that is left. Nothing in the loss says class or style: what r can know is only what the images of a "
        "class share. Source of the images: " +
        data.source + ".");

    if (!run.supervised.rows.empty()) {
        report.section("Table 1: all labels");
        report.paragraph(
            "Error rates on the test set. The distance classifier has no parameters: f_inv(x) of one image, and the "
            "nearest of ten class means. A cell agrees within three standard errors, ours and the paper's together, or "
            "where it has fewer errors.");
        report.table(run.supervised);
    }
    if (!run.semi.rows.empty()) {
        report.section("Table 2: few labels");
        report.paragraph(
            "EQUIVAE is q(y|x), trained with all images and these labels; the benchmark is the same network trained "
            "with "
            "the labelled images alone. How labelled images join unlabelled ones is the least determined point of the "
            "paper: `paired` shows a labelled minibatch at each step, `sum` each labelled image once an epoch.");
        report.table(run.semi);
    }
    report.section("The paper's claims");
    for (const Claim& claim : claims)
        report.claim(claim.name + ". " + claim.statement,
                     !claim.tested ? Verdict::untested
                     : claim.holds ? Verdict::holds
                                   : Verdict::fails,
                     claim.evidence);
    if (!run.latents.rows.empty()) {
        report.section("What the latents carry");
        report.paragraph(
            "Nats on validation images, r from five others of the class; the class by the bound of log p(x, y); and a "
            "linear classifier (logistic regression) of the class from f_inv(x), from v's mean, and from draws of v.");
        report.table(run.latents);
    }
    add_figures(report, run.figures, "Figure 3: both latents, and learning", "figure3", Report::Width::half);
    add_figures(report, run.figures, "Figure 4: samples, interpolations, swaps", "figure4", Report::Width::half);
    add_figures(report, run.figures, "Figure 5: two-dimensional latents", "figure5", Report::Width::half);
    report.section("Settings");
    report.key_values(run.settings);
    const std::filesystem::path path = options.out / "report.html";
    report.write(path);
    return path;
}

}  // namespace warpvae

#include "host/vive/vive_report.h"

#include "cuda/device/device.h"
#include "data/files.h"
#include "host/show/format.h"
#include "host/show/report.h"

namespace warpvae {
namespace {

void add_figures(Report& report, const std::vector<FigureFile>& figures, const char* prefix,
                 Report::Width width = Report::Width::half) {
    for (const FigureFile& figure : figures)
        if (figure.path.filename().string().rfind(prefix, 0) == 0)
            report.figure(read_file(figure.path), figure.caption, width);
}
bool any(const std::vector<FigureFile>& figures, const char* prefix) {
    for (const FigureFile& figure : figures)
        if (figure.path.filename().string().rfind(prefix, 0) == 0) return true;
    return false;
}

void add_claims(Report& report, const std::vector<Claim>& claims) {
    for (const Claim& claim : claims)
        report.claim(claim.name + ". " + claim.statement,
                     !claim.tested ? Verdict::untested
                     : claim.holds ? Verdict::holds
                                   : Verdict::fails,
                     claim.evidence);
}

}  // namespace

std::filesystem::path write_vive_report(const ViveOptions& options, const DataSet& data, const ViveReport& run) {
    Report report("Spatial transformers in variational auto-encoders",
                  "Vivé, measured on " + data.name + ", " + std::to_string(options.seeds) +
                      (options.seeds == 1 ? " seed, " : " seeds, ") + device_name());
    const ViveFit sample = vive_fit(run.table, FeatureKind::kSample), mean = vive_fit(run.table, FeatureKind::kMean);
    const FeatureKind headline =
        sample.cells && sample.mean_distance <= mean.mean_distance ? FeatureKind::kSample : FeatureKind::kMean;
    const std::vector<Claim> claims = vive_claims(run.replicas, run.fixed, headline);
    int holding = 0, tested = 0;
    for (const Claim& claim : claims) holding += claim.tested && claim.holds, tested += claim.tested;
    Report::Pairs numbers = {{"models trained", std::to_string(run.replicas.size())}};
    const ViveFit& fit = headline == FeatureKind::kSample ? sample : mean;
    if (fit.cells) {
        numbers.push_back(
            {"trained cells that agree", std::to_string(fit.within_tolerance) + " of " + std::to_string(fit.cells)});
        numbers.push_back({"mean distance from the paper", formatted("%.1f points", 100 * fit.mean_distance)});
    }
    numbers.push_back({"claims that hold", formatted("%d of %d tested", holding, tested)});
    report.highlights(numbers);
    report.paragraph(
        "A digit's pose is a latent `u` of its own: a spatial transformer layer puts the decoder's image into that "
        "pose "
        "(T-VAE), or takes the input's pose off before the encoder and puts it back after the decoder (DT-VAE). "
        "Source of the images: " +
        data.source + ".");

    report.section("Table 1");
    if (fit.cells)
        report.paragraph(formatted(
            "A linear SVM reads the class from `z`: mean and deviation over 9 folds of the training set, and the test "
            "set. "
            "What the paper gave it is open: samples of q(z|x) lie %.1f points from its trained rows on average (%d of "
            "%d "
            "within tolerance), means %.1f points (%d of %d). A trained cell agrees within the larger of 2 points and "
            "three standard deviations over seeds.",
            100 * sample.mean_distance, sample.within_tolerance, sample.cells, 100 * mean.mean_distance,
            mean.within_tolerance, mean.cells));
    else
        report.paragraph("The paper's numbers are for MNIST; this run used " + data.name +
                         ", or has none of its rows.");
    report.table(run.table);
    report.section("The paper's claims");
    report.paragraph(std::string("Tried on the posterior's ") + name_of(headline) + ", whose cells lie nearer.");
    add_claims(report, claims);

    report.section("The models");
    report.table(run.models);
    add_figures(report, run.figures, "learning-");
    if (any(run.figures, "figure5")) {
        report.section("Reconstruction by dimension");
        add_figures(report, run.figures, "figure5", Report::Width::full);
    }
    if (any(run.figures, "figure6") || any(run.figures, "figure7") || any(run.figures, "figure9")) {
        report.section("Samples");
        for (const char* prefix : {"figure6", "figure7", "figure9"}) add_figures(report, run.figures, prefix);
    }
    if (any(run.figures, "figure8")) {
        report.section("Two-dimensional codes");
        add_figures(report, run.figures, "figure8");
    }
    if (any(run.figures, "figure10") || any(run.figures, "figure11")) {
        report.section("Priors of the pose");
        for (const char* prefix : {"figure10", "figure11"})
            add_figures(report, run.figures, prefix, Report::Width::full);
    }
    if (any(run.figures, "figure12")) {
        report.section("Local minima");
        add_figures(report, run.figures, "figure12", Report::Width::full);
    }
    if (!run.likelihood.rows.empty()) {
        report.section("How tight the bound is");
        report.paragraph(
            "The gap between log p(x) and the ELBO is KL(q || posterior); the paper finds it roughly equal to KL(q || "
            "prior). Sampling the prior in many dimensions misses nearly all of log p(x) (an effective sample size "
            "near "
            "1): that gap is too small, where it is not negative.");
        report.table(run.likelihood);
    }
    if (!run.denoising.rows.empty()) {
        report.section("Denoising");
        report.table(run.denoising);
        add_figures(report, run.figures, "denoising", Report::Width::full);
    }
    if (!run.recovery.rows.empty()) {
        report.section("Pose recovery");
        report.paragraph(
            "Every image was drawn in a known pose: how much of it a linear map reads from `u`, and from `z`.");
        report.table(run.recovery);
        report.table(run.equivariance);
        add_figures(report, run.figures, "pose", Report::Width::full);
        add_figures(report, run.figures, "equivariance", Report::Width::full);
    }
    report.section("Settings");
    report.key_values(run.settings);
    const std::filesystem::path path = options.out / "report.html";
    report.write(path);
    return path;
}

}  // namespace warpvae

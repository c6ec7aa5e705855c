#include "host/experiments/spatial/report.h"

#include <algorithm>

#include "host/experiment/presentation.h"

namespace warpvae {
namespace {

void add_table1(Report& report, const Table& table, const FeatureFits& fits) {
    report.section("Table 1");
    if (fits.has_paper())
        report.paragraph(
            "A linear SVM reads the class from `z`: mean and deviation over 9 folds of the training set, and the test "
            "set. What the paper gave it is open. " +
            fits.told());
    else
        report.paragraph("The paper's numbers are for MNIST; this run used " + table.dataset +
                         ", or has none of its rows.");
    report.table(table);
}

/// A section of the figures whose files' names begin so, if there are any.
void add_section(Report& report, const std::string& heading, const std::vector<FigureFile>& figures,
                 const std::vector<std::string>& prefixes, Report::Width width) {
    bool has_heading = false;
    for (const std::string& prefix : prefixes) {
        const bool has_any = std::any_of(figures.begin(), figures.end(), [&](const FigureFile& figure) {
            return figure.path.filename().string().starts_with(prefix);
        });
        if (has_any && !has_heading) report.section(heading), has_heading = true;
        add_figures(report, figures, prefix, width);
    }
}

void add_figure_sections(Report& report, const std::vector<FigureFile>& figures) {
    using enum Report::Width;
    add_section(report, "Reconstruction by dimension", figures, {"figure5"}, full);
    add_section(report, "Samples", figures, {"figure6", "figure7", "figure9"}, half);
    add_section(report, "Two-dimensional codes", figures, {"figure8"}, half);
    add_section(report, "Priors of the pose", figures, {"figure10", "figure11"}, full);
    add_section(report, "Local minima", figures, {"figure12"}, full);
}

void add_what_the_paper_has_not(Report& report, const SpatialResults& run) {
    if (!run.likelihood.rows.empty()) {
        report.section("How tight the bound is");
        report.paragraph(
            "The gap between log p(x) and the ELBO is KL(q || posterior); the paper finds it roughly equal to KL(q || "
            "prior). Sampling the prior in many dimensions misses nearly all of log p(x) (an effective sample size "
            "near 1): that gap is too small, where it is not negative.");
        report.table(run.likelihood);
    }
    if (!run.denoising.rows.empty()) {
        report.section("Denoising");
        report.table(run.denoising);
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
}

}  // namespace

std::filesystem::path write_spatial_report(const SpatialExperiment& experiment, const SpatialResults& run) {
    const DataSet& data = experiment.data();
    Report report("Spatial transformers in variational auto-encoders", measured("Vivé", experiment));
    const FeatureFits fits(run.table, FeatureKind::kMean);
    const std::vector<Claim> claims = spatial_claims(run.replicas, run.fixed, fits.headline);
    add_highlights(report, run.replicas.size(), fits.best(), claims);
    report.paragraph(
        "A digit's pose is a latent `u` of its own: a spatial transformer layer puts the decoder's image into that "
        "pose (T-VAE), or takes the input's pose off before the encoder and puts it back after the decoder (DT-VAE). "
        "Source of the images: " +
        data.source + ".");
    add_table1(report, run.table, fits);
    report.section("The paper's claims");
    report.paragraph(std::string("Tried on the posterior's ") + name_of(fits.headline) +
                     (fits.has_paper() ? ", whose cells lie nearer." : "."));
    add_claims(report, claims);
    report.section("The models");
    report.table(run.models);
    add_figures(report, run.figures, "learning-", Report::Width::half);
    add_figure_sections(report, run.figures);
    add_what_the_paper_has_not(report, run);
    return finish(report, experiment);
}

}  // namespace warpvae

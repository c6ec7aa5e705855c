// report.html of the `spatial` experiment.
#include "host/experiment/findings.h"
#include "host/experiment/presentation.h"
#include "host/experiments/spatial/results.h"

namespace warpvae {

void write_spatial_report(const SpatialExperiment& experiment, const SpatialResults& run) {
    using enum Report::Width;
    const DataSet& data = experiment.data();
    Report report("Spatial transformers in variational auto-encoders", measured("Vivé", experiment));
    const FeatureFits fits(run.table, FeatureKind::kMean);
    const std::vector<Statement> claims = spatial_claims(run.replicas, run.fixed, fits.headline);
    add_highlights(report, run.replicas.size(), fits.best(), claims);
    report.paragraph(
        "A digit's pose is a latent `u` of its own: a spatial transformer layer puts the decoder's image into that "
        "pose (T-VAE), or takes the input's pose off before the encoder and puts it back after the decoder (DT-VAE). "
        "Source of the images: " +
        data.source + ".");
    report.section("Table 1");
    report.paragraph(fits.has_paper()
                         ? "A linear SVM reads the class from `z`: mean and deviation over 9 folds of the training "
                           "set, and the test set. What the paper gave it is open. " +
                               fits.told()
                         : "The paper's numbers are for MNIST; this run used " + data.name +
                               ", or has none of its rows.");
    if (!run.table.rows.empty()) report.table(run.table);
    report.section("The paper's claims");
    report.paragraph(std::string("Tried on the posterior's ") + name_of(fits.headline) +
                     (fits.has_paper() ? ", whose cells lie nearer." : "."));
    add_claims(report, claims);
    if (!run.denoising.empty()) add_claims(report, denoising_claims(run.denoising));
    add_claims(report, {best_size(run.replicas)});
    add_claims(report, prior_claims(run.replicas, run.priors));
    add_section(report, "The models", "", run.models, run.figures, {"learning-"});
    add_section(report, "Reconstruction by dimension", "", {}, run.figures, {"figure5"}, full);
    add_section(report, "Samples", "", {}, run.figures, {"figure6", "figure7", "figure9"});
    add_section(report, "Two-dimensional codes", "", {}, run.figures, {"figure8"});
    add_section(report, "Priors of the pose", "", run.priors.empty() ? Table{} : priors_table(run.priors, experiment),
                run.figures, {"figure10", "figure11"}, full);
    add_section(report, "Local minima", "", {}, run.figures, {"figure12"}, full);

    // What the paper has not.
    add_section(
        report, "How tight the bound is",
        "The gap between log p(x) and the ELBO is KL(q || posterior); the paper finds it roughly equal to KL(q || "
        "prior). Sampling the prior in many dimensions misses nearly all of log p(x) (an effective sample size near "
        "1): that gap is too small, where it is not negative.",
        run.likelihood);
    add_section(
        report, "Denoising",
        "A noisy image is encoded, the mean of its posterior decoded and held against the clean image. The mean "
        "of -ELBO over images may be that of a few, so the median stands beside it. The second table is of the image "
        "that costs most: a posterior's deviation is the exponential of what the encoder says, and on an image unlike "
        "those of training it may be hundreds, at half its square in nats.",
        denoising_table(run.denoising, data.name));
    if (!run.denoising.empty()) report.table(denoising_worst_table(run.denoising, data.name));
    add_section(report, "Pose recovery",
                "Every image was drawn in a known pose: how much of it a linear map reads from `u`, and from `z`.",
                run.recovery);
    if (!run.equivariance.rows.empty()) report.table(run.equivariance);
    for (const char* kind : {"pose", "equivariance"}) add_figures(report, run.figures, kind, full);
    report.section("What the paper could not say");
    add_findings(report, experiment.out(), run.findings);
    finish(report, experiment);
}

}  // namespace warpvae

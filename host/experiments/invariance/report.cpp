#include "host/experiments/invariance/report.h"

#include <algorithm>

#include "host/experiment/presentation.h"
#include "host/experiments/invariance/reduced.h"
#include "host/show/format.h"

namespace warpvae {
namespace {

/// The rows of features whose name begins so.
Table part_of(const Table& table, const std::string& features) {
    Table part = table;
    part.rows.clear();
    for (const Row& row : table.rows)
        if (row.keys.at("features").get<std::string>().rfind(features, 0) == 0) part.rows.push_back(row);
    part.table += ", features: " + features;
    return part;
}

/// The kind of feature that fits the paper's table better, and both fits.
struct Fits {
    explicit Fits(const Table& table)
        : sample(paper_fit(table, name_of(FeatureKind::kSample))),
          mean(paper_fit(table, name_of(FeatureKind::kMean))),
          headline(!has_paper() || sample.mean_distance <= mean.mean_distance ? FeatureKind::kSample
                                                                              : FeatureKind::kMean),
          other(headline == FeatureKind::kSample ? FeatureKind::kMean : FeatureKind::kSample) {}
    bool has_paper() const { return sample.cells > 0; }
    const Fit& best() const { return headline == FeatureKind::kSample ? sample : mean; }
    Fit sample, mean;
    FeatureKind headline, other;
};

void add_highlights(Report& report, const Fits& fits, const std::vector<InvarianceReplica>& replicas,
                    const std::vector<Claim>& claims) {
    Report::Pairs numbers = {{"models trained", std::to_string(replicas.size())}};
    if (fits.has_paper()) {
        const Fit& fit = fits.best();
        numbers.push_back(
            {"cells that agree", std::to_string(fit.within_tolerance) + " of " + std::to_string(fit.cells)});
        numbers.push_back({"mean distance from the paper", formatted("%.1f points", 100 * fit.mean_distance)});
    }
    numbers.push_back({"claims that hold", holding(claims)});
    report.highlights(numbers);
}

void add_table2(Report& report, const InvarianceExperiment& experiment, const Table& table, const Fits& fits) {
    report.section("Table 2");
    if (fits.has_paper())
        report.paragraph(formatted(
            "What the paper means by “latent variable output of the encoder” is open: a sample of q(z|x), or its "
            "mean. Samples lie %.1f points from the paper's cells on average (%d of %d within tolerance), means "
            "%.1f points (%d of %d). A cell agrees within the larger of 0.02 and three standard deviations.",
            100 * fits.sample.mean_distance, fits.sample.within_tolerance, fits.sample.cells,
            100 * fits.mean.mean_distance, fits.mean.within_tolerance, fits.mean.cells));
    else
        report.paragraph("The paper's numbers are for MNIST; this run used " + experiment.data().name +
                         ", so none stand beside these.");
    report.table(part_of(table, "sample"));
    report.table(part_of(table, "mean"));
    const Table benchmark = part_of(table, "pixels");
    if (benchmark.rows.empty()) return;
    report.paragraph(
        formatted("For comparison, classifiers trained on the pixels and labels of the same images: a dense network "
                  "(MLP, %d hidden units), and the convolutional one that Feige (2019) compares with (CNN, five "
                  "convolutions of 8 to 64 filters and two dense layers with dropout).",
                  experiment.of_paper().hidden[0]));
    report.table(benchmark);
}

void add_models(Report& report, const std::vector<InvarianceReplica>& replicas, const std::string& dataset) {
    report.section("The models");
    report.table(active_units_table(replicas, dataset));
    std::vector<std::vector<std::string>> rows;
    for (const InvarianceReplica& r : replicas)
        rows.push_back({r.name(), formatted("%.2f", r.test_elbo.negative_elbo),
                        formatted("%.2f", r.test_elbo.reconstruction), formatted("%.2f", r.test_elbo.kl),
                        formatted("%d of %d", r.test_elbo.active_units, r.latents),
                        formatted("%.1e", std::max(r.certificate[0], r.certificate[1])),
                        formatted("%d, %d", r.iterations[0], r.iterations[1])});
    report.table(
        {"model", "test -ELBO", "reconstruction", "KL", "active units", "regression's gradient", "its iterations"},
        rows,
        "Nats per image on the test set of the model's own kind. An active unit is a latent whose posterior mean "
        "varies with variance above 0.01. The gradient certifies that the logistic regression stands at its optimum.");
}

}  // namespace

std::filesystem::path write_invariance_report(const InvarianceExperiment& experiment,
                                              const std::vector<InvarianceReplica>& replicas, const Table& table,
                                              const std::vector<FigureFile>& figures) {
    const DataSet& data = experiment.data();
    Report report("Invariance in variational auto-encoders", measured("Mills (2024)", experiment));
    const Fits fits(table);
    const std::vector<Claim> claims = invariance_claims(replicas, fits.headline);
    add_highlights(report, fits, replicas, claims);
    report.paragraph(
        "A variational auto-encoder is trained on digits as they are (`MNIST-s`) or randomly turned and scaled "
        "(`MNIST-rt`); then a multinomial logistic regression learns the labels from its latents and is tried on "
        "four versions of the test set. Source of the digits: " +
        data.source + ".");
    add_table2(report, experiment, table, fits);
    add_figures(report, figures, "accuracy-", Report::Width::half);

    if (const auto reduced = read_reduced_table(experiment)) {
        report.section("Reduced training data");
        report.paragraph(
            "VAE, logistic regression and benchmarks trained on fewer images, the first of an order shuffled by the "
            "seed. Training is equally long for all: the fewer the images, the more epochs.");
        report.table(*reduced);
        add_figures(report, figures, "reduced-", Report::Width::half);
    }

    report.section("The paper's claims");
    report.paragraph(std::string("Tried on the features that fit the paper better: the posterior's ") +
                     name_of(fits.headline) + ".");
    add_claims(report, claims);
    if (fits.has_paper()) {
        report.paragraph(std::string("And on the other kind, the posterior's ") + name_of(fits.other) + ":");
        add_claims(report, invariance_claims(replicas, fits.other));
    }
    report.section("The transformations");
    add_figures(report, figures, "transformations", Report::Width::half);
    add_models(report, replicas, data.name);
    add_figures(report, figures, "learning-", Report::Width::half);
    report.section("What the models see");
    for (const char* kind : {"reconstructions-", "samples-", "walks-"})
        add_figures(report, figures, kind, Report::Width::half);
    return finish(report, experiment);
}

}  // namespace warpvae

// report.html of the `invariance` experiment.
#include <algorithm>

#include "host/experiment/findings.h"
#include "host/experiment/presentation.h"
#include "host/experiments/invariance/results.h"
#include "host/show/format.h"

namespace warpvae {
namespace {

/// The rows of features whose name begins so.
Table part_of(const Table& table, const std::string& features) {
    Table part = table;
    part.rows.clear();
    for (const Row& row : table.rows)
        if (row.keys.at("features").get<std::string>().starts_with(features)) part.rows.push_back(row);
    part.table += ", features: " + features;
    return part;
}

void add_table2(Report& report, const InvarianceExperiment& experiment, const Table& table, const FeatureFits& fits) {
    report.section("Table 2");
    report.paragraph(fits.has_paper()
                         ? "What the paper means by “latent variable output of the encoder” is open: a sample of "
                           "q(z|x), or its mean. " +
                               fits.told()
                         : "The paper's numbers are for MNIST; this run used " + experiment.data().name +
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

void add_models(Report& report, const std::vector<InvarianceReplica>& replicas, const DataSet& data) {
    report.section("The models");
    report.table(active_units_table(replicas, data.name));
    std::vector<std::string> head = {"model", "test -ELBO", "reconstruction", "KL", "active units"};
    std::string caption =
        "Nats per image on the test set of the model's own kind. An active unit is a latent whose posterior mean "
        "varies with variance above 0.01.";
    if (data.labelled) {
        head.insert(head.end(), {"regression's gradient", "its iterations"});
        caption += " The gradient certifies that the logistic regression stands at its optimum.";
    }
    std::vector<std::vector<std::string>> rows;
    for (const InvarianceReplica& r : replicas) {
        std::vector<std::string>& row = rows.emplace_back(std::vector{
            r.name(), formatted("%.2f", r.test_elbo.negative_elbo), formatted("%.2f", r.test_elbo.reconstruction),
            formatted("%.2f", r.test_elbo.kl), formatted("%d of %d", r.test_elbo.active_units, r.latents)});
        if (!data.labelled) continue;
        row.push_back(formatted("%.1e", std::max(r.certificate[0], r.certificate[1])));
        row.push_back(formatted("%d, %d", r.iterations[0], r.iterations[1]));
    }
    report.table(head, rows, caption);
}

}  // namespace

void write_invariance_report(const InvarianceExperiment& experiment, const std::vector<InvarianceReplica>& replicas,
                             const Table& table, const std::vector<Statement>& findings,
                             const std::vector<FigureFile>& figures) {
    const DataSet& data = experiment.data();
    Report report("Invariance in variational auto-encoders", measured("Mills (2024)", experiment));
    const FeatureFits fits(table, FeatureKind::kSample);
    const std::vector<Statement> claims = invariance_claims(replicas, fits.headline);
    add_highlights(report, replicas.size(), fits.best(), claims);
    report.paragraph("A variational auto-encoder is trained on images as they are (`" +
                     set_name(Variant::kStandard, data.name) + "`) or randomly turned and scaled (`" +
                     set_name(Variant::kRandom, data.name) +
                     "`); then a multinomial logistic regression learns the labels from its latents and is tried on "
                     "four versions of the test set. Source of the images: " +
                     data.source + "." +
                     (data.name == "mnist" ? "" : " `MNIST` in the paper's claims stands for " + data.name + " here."));
    if (!table.rows.empty()) add_table2(report, experiment, table, fits);
    add_figures(report, figures, "accuracy-", Report::Width::half);

    if (const auto reduced = reduced_table_of_run(experiment))
        add_section(
            report, "Reduced training data",
            "VAE, logistic regression and benchmarks trained on fewer images, the first of an order shuffled by the "
            "seed. Training is equally long for all: the fewer the images, the more epochs.",
            *reduced, figures, {"reduced-"});

    report.section("The paper's claims");
    report.paragraph(std::string(fits.has_paper() ? "Tried on the features that fit the paper better: the posterior's "
                                                  : "Tried on the posterior's ") +
                     name_of(fits.headline) + ".");
    add_claims(report, claims);
    if (fits.has_paper()) {
        report.paragraph(std::string("And on the other kind, the posterior's ") + name_of(fits.other) + ":");
        add_claims(report, invariance_claims(replicas, fits.other));
    }
    report.section("What the paper could not say");
    add_findings(report, experiment.out(), findings);
    add_section(report, "The transformations", "", {}, figures, {"transformations"});
    add_models(report, replicas, data);
    add_figures(report, figures, "learning-", Report::Width::half);
    add_section(report, "What the models see", "", {}, figures, {"reconstructions-", "samples-", "walks-"});
    finish(report, experiment);
}

}  // namespace warpvae

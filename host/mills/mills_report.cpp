#include "host/mills/mills_report.h"

#include <algorithm>
#include <cmath>

#include "cuda/device/device.h"
#include "data/files.h"
#include "host/mills/mills_reduced.h"
#include "host/show/format.h"
#include "host/show/report.h"

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

void add_figures(Report& report, const std::vector<FigureFile>& figures, const char* prefix, Report::Width width) {
    for (const FigureFile& figure : figures)
        if (figure.path.filename().string().rfind(prefix, 0) == 0)
            report.figure(read_file(figure.path), figure.caption, width);
}

}  // namespace

PaperFit paper_fit(const Table& table, FeatureKind kind) {
    PaperFit fit;
    for (const Row& row : table.rows)
        for (const Cell& cell : row.cells) {
            if (row.keys.at("features") != name_of(kind) || !cell.paper) continue;
            const double distance = std::abs(cell.mean - *cell.paper);
            fit.mean_distance += distance;
            fit.largest_distance = std::max(fit.largest_distance, distance);
            fit.within_tolerance += cell.verdict().value_or(false);
            ++fit.cells;
        }
    if (fit.cells) fit.mean_distance /= fit.cells;
    return fit;
}

std::filesystem::path write_mills_report(const MillsOptions& options, const DataSet& data,
                                         const std::vector<MillsReplica>& replicas, const Table& table,
                                         const std::vector<FigureFile>& figures,
                                         const std::vector<std::pair<std::string, std::string>>& settings) {
    Report report("Invariance in variational auto-encoders",
                  "Mills (2024), measured on " + data.name + ", " + std::to_string(options.seeds) +
                      (options.seeds == 1 ? " seed, " : " seeds, ") + device_name());
    const PaperFit sample = paper_fit(table, FeatureKind::kSample), mean = paper_fit(table, FeatureKind::kMean);
    const bool has_paper = sample.cells > 0;
    const FeatureKind headline =
        !has_paper || sample.mean_distance <= mean.mean_distance ? FeatureKind::kSample : FeatureKind::kMean;
    const std::vector<Claim> claims = mills_claims(replicas, headline);
    int holding = 0;
    for (const Claim& claim : claims) holding += claim.holds;
    Report::Pairs numbers = {{"models trained", std::to_string(replicas.size())}};
    if (has_paper) {
        const PaperFit& fit = headline == FeatureKind::kSample ? sample : mean;
        numbers.push_back(
            {"cells that agree", std::to_string(fit.within_tolerance) + " of " + std::to_string(fit.cells)});
        numbers.push_back({"mean distance from the paper", formatted("%.1f points", 100 * fit.mean_distance)});
    }
    numbers.push_back({"claims that hold", std::to_string(holding) + " of " + std::to_string(claims.size())});
    report.highlights(numbers);
    report.paragraph(
        "A variational auto-encoder is trained on digits as they are (`MNIST-s`) or randomly turned and scaled "
        "(`MNIST-rt`); then a multinomial logistic regression learns the labels from its latents and is tried on "
        "four versions of the test set. Source of the digits: " +
        data.source + ".");

    report.section("Table 2");
    if (has_paper)
        report.paragraph(formatted(
            "What the paper means by “latent variable output of the encoder” is open: a sample of q(z|x), or its "
            "mean. Samples lie %.1f points from the paper's cells on average (%d of %d within tolerance), means "
            "%.1f points (%d of %d). A cell agrees within the larger of 0.02 and three standard deviations.",
            100 * sample.mean_distance, sample.within_tolerance, sample.cells, 100 * mean.mean_distance,
            mean.within_tolerance, mean.cells));
    else
        report.paragraph("The paper's numbers are for MNIST; this run used " + data.name +
                         ", so none stand beside these.");
    report.table(part_of(table, "sample"));
    report.table(part_of(table, "mean"));
    const Table benchmark = part_of(table, "pixels");
    if (!benchmark.rows.empty()) {
        report.paragraph(formatted(
            "For comparison, classifiers trained on the pixels and labels of the same images: a dense network "
            "(MLP, %d hidden units), and the convolutional one that Feige (2019) compares with (CNN, five "
            "convolutions of 8 to 64 filters and two dense layers with dropout).",
            options.hidden[0]));
        report.table(benchmark);
    }
    add_figures(report, figures, "accuracy-", Report::Width::half);

    if (const auto reduced = read_reduced_table(options)) {
        report.section("Reduced training data");
        report.paragraph(
            "VAE, logistic regression and benchmarks trained on fewer images, the first of an order shuffled by the "
            "seed. Training is equally long for all: the fewer the images, the more epochs.");
        report.table(*reduced);
        add_figures(report, figures, "reduced-", Report::Width::half);
    }

    report.section("The paper's claims");
    report.paragraph(std::string("Tried on the features that fit the paper better: the posterior's ") +
                     name_of(headline) + ".");
    for (const Claim& claim : claims)
        report.claim(claim.name + ". " + claim.statement,
                     !claim.tested ? Verdict::untested
                     : claim.holds ? Verdict::holds
                                   : Verdict::fails,
                     claim.evidence);
    if (has_paper) {
        const FeatureKind other = headline == FeatureKind::kSample ? FeatureKind::kMean : FeatureKind::kSample;
        report.paragraph(std::string("And on the other kind, the posterior's ") + name_of(other) + ":");
        for (const Claim& claim : mills_claims(replicas, other))
            report.claim(claim.name + ". " + claim.statement,
                         !claim.tested ? Verdict::untested
                         : claim.holds ? Verdict::holds
                                       : Verdict::fails,
                         claim.evidence);
    }

    report.section("The transformations");
    add_figures(report, figures, "transformations", Report::Width::half);

    report.section("The models");
    report.table(mills_active_units(replicas, data.name));
    std::vector<std::vector<std::string>> rows;
    for (const MillsReplica& r : replicas)
        rows.push_back({r.name(), formatted("%.2f", r.test_elbo.negative_elbo),
                        formatted("%.2f", r.test_elbo.reconstruction), formatted("%.2f", r.test_elbo.kl),
                        formatted("%d of %d", r.test_elbo.active_units, r.latents),
                        formatted("%.1e", std::max(r.certificate[0], r.certificate[1])),
                        formatted("%d, %d", r.iterations[0], r.iterations[1])});
    report.table(
        {"model", "test -ELBO", "reconstruction", "KL", "active units", "regression's gradient", "its iterations"},
        rows,
        "Nats per image on the test set of the model's own kind. An active unit is a latent whose posterior mean "
        "varies "
        "with variance above 0.01. The gradient certifies that the logistic regression stands at its optimum.");
    add_figures(report, figures, "learning-", Report::Width::half);

    report.section("What the models see");
    add_figures(report, figures, "reconstructions-", Report::Width::half);
    add_figures(report, figures, "samples-", Report::Width::half);
    add_figures(report, figures, "walks-", Report::Width::half);

    report.section("Settings");
    report.key_values(settings);
    const std::filesystem::path path = options.out / "report.html";
    report.write(path);
    return path;
}

}  // namespace warpvae

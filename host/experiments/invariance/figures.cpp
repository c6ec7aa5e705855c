#include "host/experiments/invariance/figures.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include "host/core/phase.h"
#include "host/experiment/presentation.h"
#include "host/experiments/invariance/reduced.h"
#include "host/show/format.h"
#include "host/show/image_grid.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

constexpr int kPictures = 12;   // images in a row of a sheet
constexpr int kSampleRows = 6;  // of a sheet of samples
constexpr int kWalkSteps = 11;  // from -3 to 3 standard deviations
constexpr int kWalks = 10;      // latents walked along

ImageGridStyle digits(int rows_in_group = 1) {
    ImageGridStyle style;
    style.scale = 2;
    style.invert = true;
    style.rows_in_group = rows_in_group;
    return style;
}

std::string variant_title(Variant v, const VariantOptions& o) {
    switch (v) {
        case Variant::kStandard:
            return "MNIST-s";
        case Variant::kFixedRotation:
            return formatted("fr: %+g°", o.rotation);
        case Variant::kFixedScale:
            return formatted("fs: %gx", o.scale);
        case Variant::kRandom:
            return "rt: random";
    }
    return "";
}

/// The latents by how much their mean varies over the images, most first.
std::vector<int> by_activity(LoadedVae& model, const DeviceImages& images) {
    const int Z = model.model.config().latents;
    const DeviceBuffer<std::uint64_t> no_seeds(std::vector<std::uint64_t>{0});
    const std::vector<float> mu =
        extract_features(model.model, images, FeatureKind::kMean, no_seeds, 0, model.matmul).download();
    std::vector<double> variance(Z);
    const std::size_t n = mu.size() / Z;
    for (int j = 0; j < Z; ++j) {
        double sum = 0, square = 0;
        for (std::size_t i = 0; i < n; ++i) sum += mu[i * Z + j], square += double(mu[i * Z + j]) * mu[i * Z + j];
        variance[j] = square / double(n) - sum / double(n) * sum / double(n);
    }
    std::vector<int> order(Z);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return variance[a] > variance[b]; });
    return order;
}

/// Figure 1 of the paper: digits of the test set (rows) under its four transformations (columns).
FigureFile draw_transformations(const InvarianceExperiment& experiment) {
    const VariantOptions& variant = experiment.of_paper().variant;
    constexpr int kRows = 6;
    ImageSet few = experiment.data().test;
    few.truncate(kRows);
    ImageGridStyle style = digits();
    style.scale = 3;
    ImageGrid sheet(int(few.count()), int(kTestSets), few.height, few.width, style);
    for (std::size_t t = 0; t < kTestSets; ++t) {
        const std::vector<std::uint8_t> images =
            make_variant(few, kVariants[t], variant, experiment.options().seed, Part::kTest);
        for (std::size_t n = 0; n < few.count(); ++n)
            sheet.set(int(n), int(t), std::span(images).subspan(n * few.pixels(), few.pixels()));
        sheet.column_caption(int(t), variant_title(kVariants[t], variant));
    }
    const fs::path path = experiment.figure("transformations");
    sheet.write(path);
    return {path,
            "Figure 1. Test digits under the four transformations: as they are, turned by a fixed angle, enlarged, and "
            "both at random."};
}

/// Training and test negative ELBO by epoch for every model of the run.
void draw_learning_curves(std::vector<FigureFile>& all, const InvarianceExperiment& experiment) {
    struct Part {
        std::string name;
        std::vector<std::string> terms;
    };
    for (const auto& [name, terms] : {Part{"train", {"reconstruction", "kl"}}, Part{"test", {"test_negative_elbo"}}}) {
        const std::string part = name == "train" ? "training" : "test";
        add_curves(all, experiment, "learning-" + name,
                   half_width(name == "train" ? "Training set" : "Test set", "epoch", "negative ELBO (nats per image)"),
                   series_of(read_curves(experiment, terms)),
                   "Negative ELBO on the " + part + " set by epoch; the band is one standard deviation over seeds.");
    }
}

/// The pictures of one trained model.
class DecodedSheets {
  public:
    DecodedSheets(const InvarianceExperiment& experiment, const InvarianceReplica& replica, int rows = 128)
        : experiment_(experiment),
          replica_(replica),
          what_(set_name(replica.train) + ", N = " + std::to_string(replica.latents)),
          loaded_(experiment, replica, rows) {}

    /// Each version of the test set above its reconstruction.
    FigureFile reconstructions() {
        const DataSet& data = experiment_.data();
        ImageGrid sheet(int(2 * kTestSets), kPictures, data.test.height, data.test.width, digits(2));
        const std::size_t D = data.test.pixels();
        ImageSet few = data.test;
        few.truncate(kPictures);
        for (std::size_t t = 0; t < kTestSets; ++t) {
            const VariantOptions& variant = experiment_.of_paper().variant;
            const auto bytes = make_variant(few, kVariants[t], variant, replica_.seed, Part::kTest);
            const DeviceImages images({&bytes}, {0}, int(D));
            const std::vector<float> decoded = reconstruct(loaded_.model, images, kPictures, 0, loaded_.matmul);
            for (std::size_t n = 0; n < few.count(); ++n) {
                sheet.set(int(2 * t), int(n), std::span(bytes).subspan(n * D, D));
                sheet.set(int(2 * t) + 1, int(n), std::span(decoded).subspan(n * D, D));
            }
            sheet.row_caption(int(2 * t), variant_title(kVariants[t], variant));
        }
        return write(sheet, "reconstructions", "Reconstructions from the mean latent, below their inputs");
    }
    /// z ~ N(0, I)
    FigureFile samples(const std::string& kind, int rows, int columns) {
        DeviceBuffer<float> z(std::size_t(rows) * columns * replica_.latents, "prior samples");
        check(philox_normal<float>(z.data(), z.size(), replica_.seed, Purpose::kPrior, 0, nullptr));
        ImageGrid sheet = decoded_sheet(rows, columns, z.download());
        return write(sheet, kind, "Decoded samples of the prior N(0, I)");
    }
    /// One latent at a time, from -3 to 3, the others at 0.
    FigureFile walks() {
        const DeviceImages images({&experiment_.data().test.images}, {0}, int(experiment_.data().test.pixels()));
        const std::vector<int> order = by_activity(loaded_, images);
        const std::size_t Z = std::size_t(replica_.latents);
        const int walks = std::min(kWalks, replica_.latents);
        std::vector<float> z(std::size_t(walks) * kWalkSteps * Z, 0.f);
        for (int w = 0; w < walks; ++w)
            for (int s = 0; s < kWalkSteps; ++s)
                z[(std::size_t(w) * kWalkSteps + s) * Z + order[w]] = -3.f + 6.f * float(s) / (kWalkSteps - 1);
        ImageGrid sheet = decoded_sheet(walks, kWalkSteps, z);
        for (int w = 0; w < walks; ++w) sheet.row_caption(w, "z" + std::to_string(order[w]));
        sheet.column_caption(0, "-3");
        sheet.column_caption(kWalkSteps / 2, "0");
        sheet.column_caption(kWalkSteps - 1, "+3");
        return write(sheet, "walks", "Walks along the most active latents, from -3 to 3, the others at 0");
    }

  private:
    ImageGrid decoded_sheet(int rows, int columns, const std::vector<float>& z) {
        const std::vector<float> decoded = decode_latents(loaded_.model, z, 0, loaded_.matmul);
        ImageGrid sheet(rows, columns, experiment_.data().test.height, experiment_.data().test.width, digits());
        sheet.fill(std::span<const float>(decoded));
        return sheet;
    }
    FigureFile write(ImageGrid& sheet, const std::string& kind, const std::string& caption) const {
        const fs::path path = experiment_.figure(kind + "-" + replica_.group());
        sheet.write(path);
        return {path, caption + " (" + what_ + ")."};
    }

    const InvarianceExperiment& experiment_;
    const InvarianceReplica replica_;
    const std::string what_;
    LoadedVae loaded_;
};

/// The first seed's models whose weights are in the run's folder.
std::vector<FigureFile> draw_decoded(const InvarianceExperiment& experiment) {
    std::vector<FigureFile> out;
    for (const Variant train : experiment.of_paper().train_sets)
        for (const InvarianceReplica& replica : experiment.replicas()) {
            if (replica.train != train || replica.seed != experiment.options().seed || !experiment.is_trained(replica))
                continue;
            DecodedSheets sheets(experiment, replica);
            append(out, {sheets.reconstructions(), sheets.samples("samples", kSampleRows, kPictures), sheets.walks()});
        }
    return out;
}

/// Measured accuracies beside the paper's, one picture per kind of feature and training set.
std::vector<FigureFile> draw_comparison(const InvarianceExperiment& experiment, const Table& table) {
    std::vector<FigureFile> out;
    for (FeatureKind kind : kFeatureKinds)
        for (Variant train : experiment.of_paper().train_sets) {
            const std::string train_name = set_name(train);
            std::vector<ComparisonSeries> series;
            for (const Row& row : table.rows) {
                if (row.keys.at("features") != name_of(kind) || row.keys.at("train") != train_name) continue;
                ComparisonSeries of_n{"N = " + row.keys.at("latents").dump(), {}};
                for (const Cell& cell : row.cells)
                    if (cell.test != "active_units")
                        of_n.points.push_back({cell.test.substr(cell.test.find('-') + 1), cell.mean,
                                               cell.n > 1 ? cell.std : 0, cell.paper});
                series.push_back(of_n);
            }
            if (series.empty()) continue;
            const Axes axes = half_width("Trained on " + train_name + ", " + name_of(kind) + " features", "test set",
                                         "test accuracy");
            const fs::path path =
                experiment.figure(std::string("accuracy-") + name_of(kind) + "-" + variant_code(train));
            if (comparison_plot(path, axes, series))
                out.push_back({path,
                               "Accuracy over seeds (dots with one standard deviation) and the paper's single run "
                               "(diamonds): trained on " +
                                   train_name + ", features: the posterior's " + name_of(kind) + "."});
        }
    return out;
}

}  // namespace

FigureFile draw_samples(const InvarianceExperiment& experiment, const InvarianceReplica& replica, int side) {
    const InPhase phase(Phase::kFigures);
    return DecodedSheets(experiment, replica, side * side).samples("sheet", side, side);
}

std::vector<FigureFile> draw_invariance_figures(const InvarianceExperiment& experiment, const Table* table) {
    const InPhase phase(Phase::kFigures);
    std::vector<FigureFile> all = {draw_transformations(experiment)};
    if (table) append(all, draw_comparison(experiment, *table));
    draw_learning_curves(all, experiment);
    append(all, draw_decoded(experiment));
    if (const auto reduced = reduced_table_of_run(experiment)) append(all, draw_reduced(experiment, *reduced));
    return all;
}

}  // namespace warpvae

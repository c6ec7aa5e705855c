#include "host/experiments/invariance/results.h"

#include <algorithm>
#include <numeric>
#include <span>

#include "host/experiment/presentation.h"
#include "host/show/format.h"

namespace warpvae {
namespace {

constexpr int kRows = 128;      // images in a launch
constexpr int kPictures = 12;   // images in a row of a sheet
constexpr int kSampleRows = 6;  // of a sheet of samples
constexpr int kWalkSteps = 11;  // from -3 to 3 standard deviations
constexpr int kWalks = 10;      // latents walked along

std::string variant_title(Variant v, const VariantOptions& o, const std::string& dataset) {
    const std::string titles[] = {set_name(Variant::kStandard, dataset), formatted("fr: %+g°", o.rotation),
                                  formatted("fs: %gx", o.scale), "rt: random"};
    return titles[int(v)];
}

/// The latents by how much their mean varies over the images, most first.
std::vector<int> by_activity(LoadedVae& model, const DeviceImages& images) {
    const int Z = model.model.config().latents;
    const DeviceBuffer<std::uint64_t> no_seeds(std::vector<std::uint64_t>{0});
    const std::vector<float> mu = extract_features(model.model, images, FeatureKind::kMean, no_seeds, 0).download();
    std::vector<double> sum(Z), square(Z);
    for (std::size_t i = 0; i < mu.size(); ++i) sum[i % Z] += mu[i], square[i % Z] += double(mu[i]) * mu[i];
    const double n = double(mu.size()) / Z;
    const auto variance = [&](int j) { return square[j] / n - sum[j] / n * sum[j] / n; };
    std::vector<int> order(Z);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return variance(a) > variance(b); });
    return order;
}

/// The pictures of one trained model.
class DecodedSheets {
  public:
    DecodedSheets(Drawings& drawings, const InvarianceExperiment& experiment, const InvarianceReplica& replica)
        : drawings_(drawings),
          test_(experiment.data().test),
          dataset_(experiment.data().name),
          variant_(experiment.of_paper().variant),
          replica_(replica),
          loaded_(experiment, replica, kRows) {}

    /// Each version of the test set above its reconstruction.
    void reconstructions() {
        ImageGrid sheet(int(2 * kTestSets), kPictures, test_.height, test_.width,
                        {.channels = test_.channels, .rows_in_group = 2, .invert = true});
        ImageSet few = test_;
        few.truncate(kPictures);
        for (std::size_t t = 0; t < kTestSets; ++t) {
            const auto bytes = make_variant(few, kVariants[t], variant_, replica_.seed, Part::kTest);
            const std::vector<float> decoded = view_replica(loaded_.model, bytes, 0).output;
            sheet.fill(std::span<const std::uint8_t>(bytes), int(2 * t));
            sheet.fill(std::span<const float>(decoded), int(2 * t) + 1);
            sheet.row_caption(int(2 * t), variant_title(kVariants[t], variant_, dataset_));
        }
        add("reconstructions", sheet, "Reconstructions from the mean latent, below their inputs");
    }
    /// z ~ N(0, I)
    void samples(const std::string& kind, int rows, int columns) {
        DeviceBuffer<float> z(std::size_t(rows) * columns * replica_.latents, "prior samples");
        check(philox_normal<float>(z.data(), z.size(), replica_.seed, Purpose::kPrior, 0, nullptr));
        add(kind, decoded_sheet(rows, columns, z.download()), "Decoded samples of the prior N(0, I)");
    }
    /// One latent at a time, from -3 to 3, the others at 0.
    void walks() {
        const DeviceImages images({&test_.images}, {0}, int(test_.image_size()));
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
        add("walks", sheet, "Walks along the most active latents, from -3 to 3, the others at 0");
    }

  private:
    ImageGrid decoded_sheet(int rows, int columns, const std::vector<float>& z) {
        const std::vector<float> decoded = decode_latents(loaded_.model, z, 0);
        ImageGrid sheet(rows, columns, test_.height, test_.width, {.channels = test_.channels, .invert = true});
        sheet.fill(std::span<const float>(decoded));
        return sheet;
    }
    void add(const std::string& kind, const ImageGrid& sheet, const std::string& caption) {
        drawings_.add_sheet(
            kind + "-" + replica_.group(), sheet,
            caption + " (" + set_name(replica_.train, dataset_) + ", N = " + std::to_string(replica_.latents) + ").");
    }

    Drawings& drawings_;
    const ImageSet& test_;
    const std::string& dataset_;
    const VariantOptions& variant_;
    const InvarianceReplica replica_;
    LoadedVae loaded_;
};

class Figures : public Drawings {
  public:
    explicit Figures(const InvarianceExperiment& experiment)
        : Drawings(experiment), experiment_(experiment), o_(experiment.of_paper()) {}

    std::vector<FigureFile> draw(const Table* table) {
        transformations();
        if (table) comparison(*table);
        learning("train", "Training", {"reconstruction", "kl"});
        learning("test", "Test", {"test_negative_elbo"});
        for (const Variant train : o_.train_sets)
            for (const InvarianceReplica& replica : first_of_each(experiment_.replicas()))
                if (replica.train == train && experiment_.is_trained(replica)) decoded(replica);
        return files;
    }

  private:
    /// Figure 1 of the paper: digits of the test set (rows) under its four transformations (columns).
    void transformations() {
        constexpr int kDigits = 6;
        ImageSet few = experiment_.data().test;
        few.truncate(kDigits);
        ImageGrid sheet(int(few.count()), int(kTestSets), few.height, few.width,
                        {.channels = few.channels, .scale = 3, .invert = true});
        for (std::size_t t = 0; t < kTestSets; ++t) {
            const std::vector<std::uint8_t> images =
                make_variant(few, kVariants[t], o_.variant, experiment_.options().seed, Part::kTest);
            for (std::size_t n = 0; n < few.count(); ++n)
                sheet.set(int(n), int(t), std::span(images).subspan(n * few.image_size(), few.image_size()));
            sheet.column_caption(int(t), variant_title(kVariants[t], o_.variant, experiment_.data().name));
        }
        add_sheet("transformations", sheet,
                  "Figure 1. Test digits under the four transformations: as they are, turned by a fixed angle, "
                  "enlarged, and both at random.");
    }

    /// Measured accuracies beside the paper's, one picture per kind of feature and training set.
    void comparison(const Table& table) {
        for (const FeatureKind kind : kFeatureKinds)
            for (const Variant train : o_.train_sets) {
                const std::string trained_on = set_name(train, experiment_.data().name);
                std::vector<ComparisonSeries> series;
                bool has_paper = false;  // of other images it says nothing
                for (const Row& row : table.rows) {
                    if (row.keys.at("features") != name_of(kind) || row.keys.at("train") != trained_on) continue;
                    ComparisonSeries& of_n =
                        series.emplace_back(ComparisonSeries{"N = " + row.keys.at("latents").dump(), {}});
                    for (const Cell& cell : row.cells) {
                        has_paper |= cell.paper.has_value();
                        of_n.points.push_back({cell.test.substr(cell.test.rfind('-') + 1), cell.mean,
                                               cell.n > 1 ? cell.std : 0, cell.paper});
                    }
                }
                const Axes axes = half_width("Trained on " + trained_on + ", " + name_of(kind) + " features",
                                             "test set", "test accuracy");
                const std::string name = std::string("accuracy-") + name_of(kind) + "-" + variant_code(train);
                if (!series.empty() && comparison_plot(path(name), axes, series))
                    add(name, std::string("Accuracy over seeds (dots with one standard deviation)") +
                                  (has_paper ? " and the paper's single run (diamonds)" : "") + ": trained on " +
                                  trained_on + ", features: the posterior's " + name_of(kind) + ".");
            }
    }

    /// The sum of these terms of the training set or of the test set.
    void learning(const std::string& name, const std::string& set, const std::vector<std::string>& terms) {
        add_curves("learning-" + name, set + " set", "negative ELBO (nats per image)",
                   series_of(read_curves(experiment_, names_of(experiment_.replicas()), terms)),
                   "Negative ELBO on the " + (name == "train" ? std::string("training") : name) +
                       " set by epoch; the band is one standard deviation over seeds.");
    }

    void decoded(const InvarianceReplica& replica) {
        DecodedSheets sheets(*this, experiment_, replica);
        sheets.reconstructions();
        sheets.samples("samples", kSampleRows, kPictures);
        sheets.walks();
    }

    const InvarianceExperiment& experiment_;
    const InvarianceOptions& o_;
};

}  // namespace

std::vector<FigureFile> draw_invariance_figures(const InvarianceExperiment& experiment, const Table* table) {
    std::vector<FigureFile> all = Figures(experiment).draw(table);
    if (const auto reduced = reduced_table_of_run(experiment)) append(all, draw_reduced(experiment, *reduced));
    return all;
}

}  // namespace warpvae

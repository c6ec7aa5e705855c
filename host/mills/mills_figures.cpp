#include "host/mills/mills_figures.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <span>

#include "data/files.h"
#include "host/files/checkpoint.h"
#include "host/files/json.h"
#include "host/log.h"
#include "host/mills/mills_reduced.h"
#include "host/show/image_grid.h"
#include "host/show/plot.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

constexpr int kPictures = 12;   // images in a row of a sheet
constexpr int kWalkSteps = 11;  // from -3 to 3 standard deviations
constexpr int kWalks = 10;      // latents walked along

ImageGridStyle digits(int rows_in_group = 1) {
    ImageGridStyle style;
    style.scale = 2;
    style.invert = true;
    style.rows_in_group = rows_in_group;
    return style;
}

Axes half_width() {  // two stand side by side in the report
    Axes axes;
    axes.width = 900;
    axes.height = 600;
    return axes;
}

std::string variant_title(Variant v, const VariantOptions& o) {
    char text[64];
    switch (v) {
        case Variant::kStandard:
            return "MNIST-s";
        case Variant::kFixedRotation:
            std::snprintf(text, sizeof text, "fr: %+g°", o.rotation);
            return text;
        case Variant::kFixedScale:
            std::snprintf(text, sizeof text, "fs: %gx", o.scale);
            return text;
        case Variant::kRandom:
            return "rt: random";
    }
    return "";
}

/// A trained model of the run, of the first seed, on its own.
struct LoadedVae {
    LoadedVae(const MillsOptions& o, const DataSet& data, int latents, const fs::path& weights)
        : vae(config(o, data, latents), 1, 128, matmul) {
        vae.parameters().upload(0, load_weights(weights, vae.parameters().layout()));
    }
    static DenseVaeConfig config(const MillsOptions& o, const DataSet& data, int latents) {
        DenseVaeConfig c;
        c.height = data.train.height;
        c.width = data.train.width;
        c.hidden = o.hidden;
        c.latents = latents;
        return c;
    }
    Matmul matmul;
    DenseVae<float> vae;
};

/// The latents by how much their mean varies over the images, most first.
std::vector<int> by_activity(LoadedVae& model, const DeviceImages& images) {
    const int Z = model.vae.config().latents;
    const DeviceBuffer<std::uint64_t> no_seeds(std::vector<std::uint64_t>{0});
    const std::vector<float> mu =
        extract_features(model.vae, images, FeatureKind::kMean, no_seeds, 0, model.matmul).download();
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

}  // namespace

FigureFile draw_transformations(const MillsOptions& options, const DataSet& data) {
    constexpr int kRows = 6;
    ImageSet few = data.test;
    few.truncate(kRows);
    ImageGridStyle style = digits();
    style.scale = 3;
    ImageGrid sheet(int(few.count()), int(kTestSets), few.height, few.width, style);
    for (std::size_t t = 0; t < kTestSets; ++t) {
        const std::vector<std::uint8_t> images =
            make_variant(few, kVariants[t], options.variant, options.first_seed, Part::kTest);
        for (std::size_t n = 0; n < few.count(); ++n)
            sheet.set(int(n), int(t), std::span(images).subspan(n * few.pixels(), few.pixels()));
        sheet.column_caption(int(t), variant_title(kVariants[t], options.variant));
    }
    const fs::path path = options.out / "figures" / "transformations.png";
    sheet.write(path);
    return {path,
            "Figure 1. Test digits under the four transformations: as they are, turned by a fixed angle, enlarged, and "
            "both "
            "at random."};
}

std::vector<FigureFile> draw_learning_curves(const MillsOptions& options) {
    const fs::path log = options.out / "metrics.jsonl";
    if (!fs::exists(log)) {
        log_warning("no learning curves: no " + log.string());
        return {};
    }
    // [model without its seed][epoch] -> values over seeds
    std::map<std::string, std::map<int, std::vector<double>>> train, test;
    const std::string text = read_file(log);
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find('\n', begin), text.size());
        const Json line = parse_json(text.substr(begin, end - begin));
        begin = end + 1;
        if (!line.is_object()) continue;
        const std::string replica = line.value("replica", "");
        const std::string model = replica.substr(0, replica.find("-seed"));
        train[model][line.value("epoch", 0)].push_back(line.value("reconstruction", NAN) + line.value("kl", NAN));
        test[model][line.value("epoch", 0)].push_back(line.value("test_negative_elbo", NAN));
    }
    const auto series_of = [](const std::string& name, const std::map<int, std::vector<double>>& epochs) {
        Series series{name, {}, {}, {}};
        for (const auto& [epoch, values] : epochs) {
            const Cell cell = measured_cell("", values);
            series.x.push_back(epoch);
            series.y.push_back(cell.mean);
            series.std.push_back(cell.n > 1 ? cell.std : 0);
        }
        return series;
    };
    std::vector<FigureFile> out;
    for (const bool is_test : {false, true}) {
        std::vector<Series> series;
        for (const auto& [model, epochs] : is_test ? test : train) series.push_back(series_of(model, epochs));
        Axes axes = half_width();
        axes.title = is_test ? "Test set" : "Training set";
        axes.x = "epoch";
        axes.y = "negative ELBO (nats per image)";
        axes.integer_x = true;
        const fs::path path = options.out / "figures" / (is_test ? "learning-test.png" : "learning-train.png");
        if (!series.empty() && line_plot(path, axes, series))
            out.push_back({path, std::string("Negative ELBO on the ") + (is_test ? "test" : "training") +
                                     " set by epoch; the band is one standard deviation over seeds."});
    }
    return out;
}

std::vector<FigureFile> draw_decoded(const MillsOptions& options, const DataSet& data) {
    std::vector<FigureFile> out;
    const int H = data.train.height, W = data.train.width, D = H * W;
    for (Variant train : options.train_sets)
        for (int latents : options.latents) {
            MillsReplica replica;
            replica.train = train;
            replica.latents = latents;
            replica.seed = options.first_seed;
            const fs::path weights = options.out / replica.name() / "model.safetensors";
            if (!fs::exists(weights)) continue;
            LoadedVae model(options, data, latents, weights);
            const std::string what = replica.train_name() + ", N = " + std::to_string(latents);
            const auto file = [&](const char* kind) {
                return options.out / "figures" /
                       (std::string(kind) + "-" + variant_code(train) + "-z" + std::to_string(latents) + ".png");
            };
            const auto image = [&](const std::vector<float>& all, std::size_t n) {
                return std::span(all).subspan(n * D, D);
            };

            {  // each version of the test set above its reconstruction
                ImageGrid sheet(int(2 * kTestSets), kPictures, H, W, digits(2));
                for (std::size_t t = 0; t < kTestSets; ++t) {
                    ImageSet few = data.test;
                    few.truncate(kPictures);
                    const auto bytes =
                        make_variant(few, kVariants[t], options.variant, options.first_seed, Part::kTest);
                    const DeviceImages images({&bytes}, {0}, D);
                    const std::vector<float> decoded = reconstruct(model.vae, images, kPictures, 0, model.matmul);
                    for (int n = 0; n < int(few.count()); ++n) {
                        sheet.set(int(2 * t), n, std::span(bytes).subspan(std::size_t(n) * D, D));
                        sheet.set(int(2 * t) + 1, n, image(decoded, n));
                    }
                    sheet.row_caption(int(2 * t), variant_title(kVariants[t], options.variant));
                }
                sheet.write(file("reconstructions"));
                out.push_back({file("reconstructions"),
                               "Reconstructions from the mean latent, below their inputs (" + what + ")."});
            }
            {  // z ~ N(0, I)
                constexpr int kRows = 6;
                DeviceBuffer<float> z(std::size_t(kRows) * kPictures * latents, "prior samples");
                check(philox_normal<float>(z.data(), z.size(), options.first_seed, Purpose::kPrior, 0, nullptr));
                const std::vector<float> decoded = decode_latents(model.vae, z.download(), 0, model.matmul);
                ImageGrid sheet(kRows, kPictures, H, W, digits());
                sheet.fill(std::span<const float>(decoded));
                sheet.write(file("samples"));
                out.push_back({file("samples"), "Decoded samples of the prior N(0, I) (" + what + ")."});
            }
            {  // one latent at a time, from -3 to 3, the others at 0
                const DeviceImages images({&data.test.images}, {0}, D);
                const std::vector<int> order = by_activity(model, images);
                const int walks = std::min(kWalks, latents);
                std::vector<float> z(std::size_t(walks) * kWalkSteps * latents, 0.f);
                for (int w = 0; w < walks; ++w)
                    for (int s = 0; s < kWalkSteps; ++s)
                        z[(std::size_t(w) * kWalkSteps + s) * latents + order[w]] =
                            -3.f + 6.f * float(s) / (kWalkSteps - 1);
                const std::vector<float> decoded = decode_latents(model.vae, z, 0, model.matmul);
                ImageGrid sheet(walks, kWalkSteps, H, W, digits());
                sheet.fill(std::span<const float>(decoded));
                for (int w = 0; w < walks; ++w) sheet.row_caption(w, "z" + std::to_string(order[w]));
                sheet.column_caption(0, "-3");
                sheet.column_caption(kWalkSteps / 2, "0");
                sheet.column_caption(kWalkSteps - 1, "+3");
                sheet.write(file("walks"));
                out.push_back({file("walks"),
                               "Walks along the most active latents, from -3 to 3, the others at 0 (" + what + ")."});
            }
        }
    return out;
}

std::vector<FigureFile> draw_comparison(const MillsOptions& options, const Table& table) {
    std::vector<FigureFile> out;
    for (FeatureKind kind : kFeatureKinds)
        for (Variant train : options.train_sets) {
            const std::string train_name = std::string("MNIST-") + variant_code(train);
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
            Axes axes = half_width();
            axes.title = "Trained on " + train_name + ", " + name_of(kind) + " features";
            axes.x = "test set";
            axes.y = "test accuracy";
            const fs::path path = options.out / "figures" /
                                  (std::string("accuracy-") + name_of(kind) + "-" + variant_code(train) + ".png");
            if (comparison_plot(path, axes, series))
                out.push_back({path,
                               "Accuracy over seeds (dots with one standard deviation) and the paper's single run "
                               "(diamonds): trained on " +
                                   train_name + ", features: the posterior's " + name_of(kind) + "."});
        }
    return out;
}

std::vector<FigureFile> draw_mills_figures(const MillsOptions& options, const DataSet& data, const Table* table) {
    std::vector<FigureFile> all = {draw_transformations(options, data)};
    const auto add = [&](std::vector<FigureFile> more) { all.insert(all.end(), more.begin(), more.end()); };
    if (table) add(draw_comparison(options, *table));
    add(draw_learning_curves(options));
    add(draw_decoded(options, data));
    if (const auto reduced = read_reduced_table(options)) add(draw_reduced(options, *reduced));
    return all;
}

}  // namespace warpvae

#include "host/mills/mills_reduced.h"

#include <algorithm>

#include "data/files.h"
#include "host/files/json.h"
#include "host/log.h"
#include "host/show/plot.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

constexpr int kLatents = 20;

void append(auto& all, const auto& more) { all.insert(all.end(), more.begin(), more.end()); }

}  // namespace

ImageSet reduced_set(const ImageSet& set, std::size_t count, std::uint64_t seed) {
    constexpr std::uint64_t kEpoch = ~std::uint64_t(0);  // one that no training comes to
    DeviceBuffer<std::uint32_t> order(set.count(), "order of a reduced set");
    check(minibatch_order(order.data(), set.count(), seed, kEpoch, nullptr));
    ImageSet few{set.height, set.width, {}, {}};
    for (std::uint32_t image : order.download()) {
        if (few.count() == count) break;
        const auto pixels = set.images.begin() + std::ptrdiff_t(image * set.pixels());
        few.images.insert(few.images.end(), pixels, pixels + std::ptrdiff_t(set.pixels()));
        few.labels.push_back(set.labels[image]);
    }
    return few;
}

std::vector<ReducedSet> train_reduced(const MillsOptions& options, const DataSet& data,
                                      std::vector<std::size_t> counts) {
    for (std::size_t& count : counts) count = std::min(count, data.train.count());
    std::sort(counts.begin(), counts.end());
    counts.erase(std::unique(counts.begin(), counts.end()), counts.end());

    const auto& latents = options.latents;
    const bool has_twenty = std::find(latents.begin(), latents.end(), kLatents) != latents.end();
    MillsOptions one = options;
    one.latents = {has_twenty ? kLatents : latents.front()};
    one.seeds = 1;
    if (!options.resume) fs::remove_all(options.out / "reduced");
    const std::string name = data.name + ", shuffled from " + std::to_string(data.train.count());
    std::vector<ReducedSet> sets;
    for (std::size_t count : counts) {
        log_info(std::to_string(count) + " training images");
        one.out = options.out / "reduced" / std::to_string(count);
        one.epochs = int((options.epochs * counts.back() + count / 2) / count);
        ReducedSet& set = sets.emplace_back();
        set.images = count;
        for (int s = 0; s < options.seeds; ++s) {
            one.first_seed = options.first_seed + s;
            const DataSet few{reduced_set(data.train, count, one.first_seed), data.test, name, data.source};
            MillsExperiment experiment(one, few);
            append(set.replicas, experiment.train_and_evaluate());
            append(set.benchmarks, experiment.benchmark());
        }
    }
    return sets;
}

Table mills_reduced_table(const std::vector<ReducedSet>& sets, const std::string& dataset) {
    Table table = mills_table({}, {}, dataset);
    table.table = "Reduced training data: test-set accuracy";
    for (const ReducedSet& set : sets)
        for (Row row : mills_table(set.replicas, set.benchmarks, dataset).rows) {
            row.keys["images"] = set.images;
            for (Cell& cell : row.cells) cell.paper.reset(), cell.tolerance.reset();
            table.rows.push_back(row);
        }
    // Counts of one curve below each other; the curves in the order in which the first count has them.
    std::vector<std::pair<Json, Json>> curves;
    const auto curve = [&](const Row& row) {
        const std::pair<Json, Json> keys{row.keys.at("train"), row.keys.at("features")};
        const auto found = std::find(curves.begin(), curves.end(), keys);
        if (found == curves.end()) curves.push_back(keys);
        return found - curves.begin();
    };
    for (const Row& row : table.rows) curve(row);
    std::stable_sort(table.rows.begin(), table.rows.end(),
                     [&](const Row& a, const Row& b) { return curve(a) < curve(b); });
    return table;
}

std::optional<Table> read_reduced_table(const MillsOptions& options) {
    const fs::path path = options.out / "reduced.json";
    if (!fs::exists(path)) return {};
    const Json json = parse_json(read_file(path));
    return table_from_json(json, path.string());
}

std::vector<FigureFile> draw_reduced(const MillsOptions& options, const Table& table) {
    std::vector<FigureFile> out;
    for (Variant train : options.train_sets)
        for (Variant test : {Variant::kStandard, Variant::kRandom}) {
            const auto name = [](Variant v) { return std::string("MNIST-") + variant_code(v); };
            std::vector<Series> series;
            for (const Row& row : table.rows) {
                if (row.keys.at("train") != name(train)) continue;
                std::string features = row.keys.at("features");
                if (row.keys.at("latents").is_number()) features = "latents, " + features;
                if (series.empty() || series.back().name != features) series.push_back({features, {}, {}, {}});
                for (const Cell& cell : row.cells) {
                    if (cell.test != name(test)) continue;
                    series.back().x.push_back(row.keys.at("images"));
                    series.back().y.push_back(cell.mean);
                    series.back().std.push_back(cell.n > 1 ? cell.std : 0);
                }
            }
            Axes axes;
            axes.title = "Trained on " + name(train) + ", tested on " + name(test);
            axes.x = "training images";
            axes.y = "test accuracy";
            axes.log_x = true;
            axes.width = 900, axes.height = 600;
            const fs::path path =
                options.out / "figures" /
                (std::string("reduced-") + variant_code(train) + "-on-" + variant_code(test) + ".png");
            if (!series.empty() && line_plot(path, axes, series))
                out.push_back({path, "Accuracy on " + name(test) +
                                         " against the number of different training images of " + name(train) +
                                         ", training equally long; the band is one standard deviation over seeds."});
        }
    return out;
}

}  // namespace warpvae

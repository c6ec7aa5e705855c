#include "host/experiments/invariance/reduced.h"

#include <algorithm>

#include "host/core/phase.h"
#include "host/experiment/presentation.h"
#include "host/log.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

constexpr int kLatents = 20;

void add(auto& all, const auto& more) { all.insert(all.end(), more.begin(), more.end()); }

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

std::vector<ReducedSet> train_reduced(const InvarianceExperiment& experiment, std::vector<std::size_t> counts) {
    const DataSet& data = experiment.data();
    InvarianceOptions paper = experiment.of_paper();
    for (std::size_t& count : counts) count = std::min(count, data.train.count());
    std::sort(counts.begin(), counts.end());
    counts.erase(std::unique(counts.begin(), counts.end()), counts.end());
    const bool has_twenty = std::find(paper.latents.begin(), paper.latents.end(), kLatents) != paper.latents.end();
    paper.latents = {has_twenty ? kLatents : paper.latents.front()};

    RunOptions options = experiment.options();
    options.seeds = 1;
    std::vector<ReducedSet> sets;
    for (const std::size_t count : counts) {
        log_info(std::to_string(count) + " training images");
        options.epochs = int((experiment.options().epochs * counts.back() + count / 2) / count);
        ReducedSet& set = sets.emplace_back();
        set.images = count;
        for (int s = 0; s < experiment.options().seeds; ++s) {
            options.seed = experiment.options().seed + s;
            const DataSet few{reduced_set(data.train, count, options.seed), data.test, data.name, data.source};
            const Run run(options, experiment.run().settings, experiment.run().folder, few);
            InvarianceExperiment part(run, paper, experiment.out() / "reduced" / std::to_string(count));
            std::vector<InvarianceReplica> replicas = part.replicas();
            part.train_and_evaluate(replicas);
            add(set.replicas, replicas);
            add(set.benchmarks, part.benchmarks());
        }
    }
    return sets;
}

Table reduced_table(const std::vector<ReducedSet>& sets, const std::string& dataset) {
    Table table = invariance_table({}, {}, dataset);
    table.table = "Reduced training data: test-set accuracy";
    for (const ReducedSet& set : sets)
        for (Row row : invariance_table(set.replicas, set.benchmarks, dataset).rows) {
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

std::optional<Table> reduced_table_of_run(const InvarianceExperiment& experiment) {
    const fs::path folder = experiment.out() / "reduced";
    if (!fs::exists(folder)) return {};
    const Format<std::size_t> number = whole<std::size_t>(1, std::size_t(1) << 30);
    std::vector<std::size_t> counts;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder))
        if (const auto count = number.read(entry.path().filename().string())) counts.push_back(*count);
    if (counts.empty()) return {};
    const Table table = reduced_table(train_reduced(experiment, counts), experiment.data().name);
    write_table(experiment.out(), table, "reduced");
    return table;
}

std::vector<FigureFile> draw_reduced(const InvarianceExperiment& experiment, const Table& table) {
    const InPhase phase(Phase::kFigures);
    std::vector<FigureFile> out;
    for (Variant train : experiment.of_paper().train_sets)
        for (Variant test : {Variant::kStandard, Variant::kRandom}) {
            std::vector<Series> series;
            for (const Row& row : table.rows) {
                if (row.keys.at("train") != set_name(train)) continue;
                std::string features = row.keys.at("features");
                if (row.keys.at("latents").is_number()) features = "latents, " + features;
                if (series.empty() || series.back().name != features) series.push_back({features, {}, {}, {}});
                for (const Cell& cell : row.cells) {
                    if (cell.test != set_name(test)) continue;
                    series.back().x.push_back(row.keys.at("images"));
                    series.back().y.push_back(cell.mean);
                    series.back().std.push_back(cell.n > 1 ? cell.std : 0);
                }
            }
            Axes axes = half_width("Trained on " + set_name(train) + ", tested on " + set_name(test), "training images",
                                   "test accuracy");
            axes.log_x = true;
            const fs::path path =
                experiment.figure(std::string("reduced-") + variant_code(train) + "-on-" + variant_code(test));
            if (!series.empty() && line_plot(path, axes, series))
                out.push_back({path, "Accuracy on " + set_name(test) +
                                         " against the number of different training images of " + set_name(train) +
                                         ", training equally long; the band is one standard deviation over seeds."});
        }
    return out;
}

}  // namespace warpvae

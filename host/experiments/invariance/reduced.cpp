#include "host/experiments/invariance/results.h"

#include <algorithm>
#include <set>

#include "data/error.h"
#include "data/files.h"
#include "host/experiment/presentation.h"
#include "host/files/json.h"
#include "host/log.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

constexpr int kLatents = 20;
constexpr const char* kTable = "reduced";

void add(auto& all, const auto& more) { all.insert(all.end(), more.begin(), more.end()); }

/// The numbers of images of the run's table, upwards. It is written when all of them are trained: the folders below
/// reduced/ may be of a command that was left, and do not say how many were to come.
std::vector<std::size_t> finished_counts(const fs::path& out) {
    const fs::path file = out / (std::string(kTable) + ".json");
    if (!fs::exists(file)) return {};
    std::set<std::size_t> counts;
    try {
        const Json table = Json::parse(read_file(file));
        for (const Json& row : table.at("rows")) counts.insert(row.at("images").get<std::size_t>());
    } catch (const Json::exception&) {
        throw Error(file.string() + " is damaged; write it anew with the command reduced");
    }
    return {counts.begin(), counts.end()};
}

/// Epochs of so few images that take as many steps as `epochs` of the most. Throws UsageError where they are more than
/// --epochs may be.
int epochs_of(std::size_t count, std::size_t most_images, int epochs) {
    constexpr std::size_t kMost = 100000;
    const std::size_t own = (std::size_t(epochs) * most_images + count / 2) / count;
    if (own > kMost)
        throw UsageError("--reduced-to " + std::to_string(count) + ": as long as --epochs " + std::to_string(epochs) +
                         " of " + std::to_string(most_images) + " images are " + std::to_string(own) + " epochs, and " +
                         std::to_string(kMost) + " are the most; take more images or fewer epochs");
    return int(own);
}

}  // namespace

ImageSet reduced_set(const ImageSet& set, std::size_t count, std::uint64_t seed) {
    constexpr std::uint64_t kEpoch = ~std::uint64_t(0);  // one that no training comes to
    DeviceBuffer<std::uint32_t> order(set.count(), "order of a reduced set");
    check(minibatch_order(order.data(), set.count(), seed, kEpoch, nullptr));
    const std::vector<std::uint32_t> images = order.download();
    return set.chosen({images.begin(), images.begin() + std::ptrdiff_t(std::min(count, images.size()))});
}

std::vector<ReducedSet> train_reduced(const InvarianceExperiment& experiment, std::vector<std::size_t> counts) {
    const DataSet& data = experiment.data();
    InvarianceOptions paper = experiment.of_paper();
    for (std::size_t& count : counts) count = std::min(count, data.train.count());
    std::sort(counts.begin(), counts.end());
    counts.erase(std::unique(counts.begin(), counts.end()), counts.end());
    if (const auto finished = finished_counts(experiment.out()); !finished.empty() && finished != counts)
        for (const char* ending : {".json", ".md"}) fs::remove(experiment.out() / (std::string(kTable) + ending));
    for (const std::size_t count : counts) epochs_of(count, counts.back(), experiment.options().epochs);
    const bool has_twenty = std::find(paper.latents.begin(), paper.latents.end(), kLatents) != paper.latents.end();
    paper.latents = {has_twenty ? kLatents : paper.latents.front()};

    RunOptions options = experiment.options();
    options.seeds = 1;
    std::vector<ReducedSet> sets;
    for (const std::size_t count : counts) {
        log_info(std::to_string(count) + " training images");
        options.epochs = epochs_of(count, counts.back(), experiment.options().epochs);
        ReducedSet& set = sets.emplace_back();
        set.images = count;
        for (int s = 0; s < experiment.options().seeds; ++s) {
            options.seed = experiment.options().seed + s;
            const DataSet few{reduced_set(data.train, count, options.seed), data.test, data.name, data.source};
            const Run run(options, experiment.run().settings, experiment.run().folder, few);
            InvarianceExperiment part(run, paper, fs::path("reduced") / std::to_string(count));
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
    std::vector<Table> of_count;  // their rows are of the same models
    for (const ReducedSet& set : sets) of_count.push_back(invariance_table(set.replicas, set.benchmarks, dataset));
    for (std::size_t i = 0; i < of_count.at(0).rows.size(); ++i)
        for (std::size_t s = 0; s < sets.size(); ++s) {
            Row& row = table.rows.emplace_back(of_count[s].rows.at(i));
            row.keys["images"] = sets[s].images;
            for (Cell& cell : row.cells) cell.paper.reset(), cell.tolerance.reset();
        }
    return table;
}

std::optional<Table> reduced_table_of_run(const InvarianceExperiment& experiment) {
    const std::vector<std::size_t> counts = finished_counts(experiment.out());
    if (counts.empty()) return {};
    const Table table = reduced_table(train_reduced(experiment, counts), experiment.data().name);
    write_table(experiment.out(), table, kTable);
    return table;
}

std::vector<FigureFile> draw_reduced(const InvarianceExperiment& experiment, const Table& table) {
    Drawings drawings(experiment);
    const auto name = [&](Variant variant) { return set_name(variant, experiment.data().name); };
    for (const Variant train : experiment.of_paper().train_sets)
        for (const Variant test : {Variant::kStandard, Variant::kRandom}) {
            std::vector<Series> lines;
            for (const Row& row : table.rows) {
                if (row.keys.at("train") != name(train)) continue;
                std::string features = row.keys.at("features");
                if (row.keys.at("latents").is_number()) features = "latents, " + features;
                if (lines.empty() || lines.back().name != features) lines.push_back({features, {}, {}, {}});
                for (const Cell& cell : row.cells)
                    if (cell.test == name(test)) add_point(lines.back(), row.keys.at("images"), cell);
            }
            Axes axes = half_width("Trained on " + name(train) + ", tested on " + name(test), "training images",
                                   "test accuracy");
            axes.log_x = true;
            drawings.add_lines(std::string("reduced-") + variant_code(train) + "-on-" + variant_code(test), axes, lines,
                               "Accuracy on " + name(test) + " against the number of different training images of " +
                                   name(train) +
                                   ", training equally long; the band is one standard deviation over seeds.");
        }
    return drawings.files;
}

}  // namespace warpvae

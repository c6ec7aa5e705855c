#include "host/experiment/run_options.h"

#include "data/error.h"
#include "data/fetch.h"
#include "host/log.h"

namespace warpvae {
namespace {

std::vector<std::string> choices_of_sets() {
    std::vector<std::string> names = set_names();
    names.insert(names.begin(), "auto");
    return names;
}

constexpr std::size_t kMostImages = std::size_t(1) << 30;

}  // namespace

void add_run_settings(Settings& s, RunOptions& o) {
    s.group("Data");
    s.add("data", o.data, kNothing, any_text("DIR"),
          "folder of the data sets (else $WARPVAE_DATA, else ~/.cache/warpvae)");
    s.add("dataset", o.dataset, kData, word(choices_of_sets()),
          "auto (mnist if it is there or can be fetched at once, else glyphs), or a set by its name: `dataset list`");
    s.add("train-images", o.train_images, kData, whole<std::size_t>(0, kMostImages),
          "train on the first so many images only; 0: all");
    s.add("test-images", o.test_images, kData, whole<std::size_t>(0, kMostImages),
          "test on the first so many images only; 0: all");
    s.group("Training");
    s.add("seeds", o.seeds, kNothing, whole(1, 1000), "models trained for each setting, with seeds S, S+1, ...");
    s.add("seed", o.seed, kTraining, whole<std::uint64_t>(0, ~std::uint64_t(0) - 1000, "S"), "the first seed S");
    const bool of_paper = o.epochs == 0;
    s.add("epochs", o.epochs, kTraining, whole(of_paper ? 0 : 1, 100000),
          of_paper ? "passes over the training images; 0: the paper's for each model"
                   : "passes over the training images")
        .may_grow();
    s.add("batch", o.batch, kTraining, whole(4, 65536), "images per minibatch");
    s.add("learning-rate", o.learning_rate, kTraining, number(positive()), "the optimiser's step size");
    s.add("math", o.math, kTraining,
          one_of<Math>({{"fp32", Math::kFp32}, {"tf32", Math::kTf32}, {"bf16", Math::kBf16}}),
          "precision of the GPU's matrix products");
    s.group("How it runs");
    s.add("grid", o.grid, kNothing, word({"default", "quick", "paper"}),
          "how much is trained, unless you say otherwise: quick, a smaller run that shows the whole in a few minutes; "
          "paper, the paper's models, epochs and seeds; or this program's defaults");
    s.flag("quick", o.quick, kNothing, "the same as --grid quick");
    s.add("together", o.together, kNothing, whole(0, 4096),
          "models trained in the same launches; 0: all of one shape on a GPU, one on the CPU device");
    s.flag("no-graph", o.no_graph, kNothing,
           "launch each kernel from the host instead of replaying a CUDA graph (for profiling)");
}

DataSet load_data(const RunOptions& o, bool takes_colour) {
    if (o.dataset != "auto" && !takes_colour && known_set(o.dataset).shape.channels > 1)
        throw UsageError("--dataset " + o.dataset +
                         ": its images are in colour, this program takes grey ones: choose " +
                         alternatives(set_names([](const KnownSet& set) { return set.shape.channels == 1; })));
    const SetLimits limits{o.train_images, o.test_images};
    if (o.dataset != "auto") return load_set(o.dataset, o.data_folder(), limits);
    const KnownSet& mnist = known_set("mnist");
    if (inspect_set(mnist, o.data_folder()).presence != Presence::kPresent) {
        if (!can_fetch()) {
            log_info("no MNIST in " + o.data_folder().string() +
                     " and no libcurl in this build: using glyphs, digits drawn here");
            return load_set("glyphs", o.data_folder(), limits);
        }
        log_info("no MNIST in " + o.data_folder().string() + ": trying to fetch it");
        try {
            FetchOptions fetch;
            fetch.slow_seconds = 5;
            fetch_set(mnist, o.data_folder(), fetch);
        } catch (const Error& e) {
            log_info(std::string("no MNIST: ") + e.what());
            log_info("using glyphs instead, digits drawn here; their numbers do not compare with the paper's");
            return load_set("glyphs", o.data_folder(), limits);
        }
    }
    return load_set("mnist", o.data_folder(), limits);
}

}  // namespace warpvae

#include "host/experiment/run_options.h"

#include <algorithm>

#include "data/error.h"
#include "data/fetch.h"
#include "host/log.h"

namespace warpvae {
namespace {

/// Of a set by its name, or of a path. Which it is, and whether it is there, is known when the data folder is.
Format<std::string> set_or_path() {
    std::string names = "auto";
    for (const std::string& name : set_names()) names += "," + name;
    return any_text("{" + names + "} or PATH");
}

DataSet load_imported(const RunOptions& o, const SetLimits& limits) {
    require_as_it_is(o.own_images, o.dataset);
    return load_imported_set(o.dataset, o.data_folder(), limits);
}

DataSet load_own(const RunOptions& o, const SetLimits& limits) {
    OwnSetOptions options = o.own_images.resolved();
    options.limits = limits;
    return load_own_set(o.dataset, options, o.quiet);
}

bool is_known(const std::string& name) {
    const std::vector<std::string> names = set_names();
    return std::find(names.begin(), names.end(), name) != names.end();
}

[[noreturn]] void refuse_unknown(const RunOptions& o) {
    std::vector<std::string> names = set_names();
    for (const std::string& name : imported_sets(o.data_folder())) names.push_back(name);
    throw UsageError("--dataset " + o.dataset + ": no such set, and no such path: choose auto, " + alternatives(names) +
                     ", or the path of your own images");
}

constexpr std::size_t kMostImages = std::size_t(1) << 30;

}  // namespace

void add_run_settings(Settings& s, RunOptions& o) {
    s.group("Data");
    s.add("data", o.data, kNothing, any_text("DIR"),
          "folder of the data sets (else $WARPVAE_DATA, else ~/.cache/warpvae)");
    s.add(
        "dataset", o.dataset, kData, set_or_path(),
        "auto (mnist if it is there or can be fetched at once, else glyphs), a set by its name (`dataset list`), or a "
        "folder or file of your own images (`dataset --help`)");
    s.add("train-images", o.train_images, kData, whole<std::size_t>(0, kMostImages),
          "train on the first so many images only; 0: all");
    s.add("test-images", o.test_images, kData, whole<std::size_t>(0, kMostImages),
          "test on the first so many images only; 0: all");
    add_own_image_settings(s, o.own_images);
    s.add("class-names", o.class_names, kNothing, any_text("NAMES"),
          "of the labels 0, 1, ...: a run writes them into its config.toml; others are refused");
    s.add("training-digest", o.training_digest, kNothing, any_text("SHA256"),
          "of the training images: a run writes it into its config.toml; other images are refused");
    s.add("test-digest", o.test_digest, kNothing, any_text("SHA256"), "the same of the test images");
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
    s.add("kl-warmup", o.divergence.warmup_epochs, kTraining, number({0, 100000}),
          "epochs over which the weight of the divergence rises in a line from 0 to the model's; 0: none")
        .came_as("0");
    s.add("free-bits", o.divergence.free_nats, kTraining, number(at_least(0)),
          "nats of each latent that the loss does not push down: where a minibatch's mean divergence is not above "
          "them, it has no gradient (Kingma et al. 2016); 0: none; never of a pose")
        .came_as("0");
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

DataSet load_data(const RunOptions& o) {
    const SetLimits limits{o.train_images, o.test_images};
    if (o.dataset != "auto" && !is_known(o.dataset)) {
        if (is_imported(o.dataset, o.data_folder())) return load_imported(o, limits);
        if (is_path(o.dataset)) return load_own(o, limits);
        refuse_unknown(o);
    }
    require_as_it_is(o.own_images, o.dataset);
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

void hold_to_images(RunOptions& o, const DataSet& data, const std::string& training_digest,
                    const std::string& test_digest) {
    const auto hold = [&](const char* setting, std::string& kept, const std::string& now, const std::string& what) {
        if (!data.is_own) {
            if (!kept.empty())
                throw UsageError(std::string(setting) + " is of images of your own, and --dataset " + o.dataset +
                                 " is no path");
            return;
        }
        if (!kept.empty() && kept != now)
            throw Error("--dataset " + o.dataset + ": " + what + " not this run's (" + kept + "), but " + now +
                        ": give it what it was made with, or begin another with --out");
        kept = now;
    };
    hold("--class-names", o.class_names, joined_names(data.class_names), "its classes are");
    hold("--training-digest", o.training_digest, training_digest, "its training images are");
    hold("--test-digest", o.test_digest, test_digest, "its test images are");
}

}  // namespace warpvae

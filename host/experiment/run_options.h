// The settings that every program has.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

#include "cuda/ops/dense.h"
#include "data/data_set.h"
#include "host/core/divergence_options.h"
#include "host/experiment/own_images.h"
#include "host/experiment/settings.h"

namespace warpvae {

struct RunOptions {
    std::string data, dataset = "mnist";
    std::size_t train_images = 0, test_images = 0;  ///< 0: all
    OwnImageOptions own_images = {};                ///< where `dataset` is a path
    /// What a run writes into its config.toml of a user's own set, and is held to when it is resumed.
    std::string class_names = {}, training_digest = {}, test_digest = {};
    int seeds = 1;
    std::uint64_t seed = 1;  ///< the first
    int epochs = 10, batch = 128;
    double learning_rate = 1e-3;
    DivergenceOptions divergence = {};
    Math math = Math::kFp32;
    int together = 0;              ///< replicas trained at once; 0: all of one shape on a GPU, one on the CPU device
    std::string grid = "default";  ///< "quick", "paper", or the program's defaults
    bool quick = false;            ///< the grid is "quick"
    bool no_graph = false;
    // of this call, no settings
    bool quiet = false, resume = false, dry_run = false;

    std::filesystem::path data_folder() const {
        return data.empty() ? default_data_folder() : std::filesystem::path(data);
    }
};

/// Declares them. The defaults are those that `options` has. Where its epochs are 0 a user may say 0 too: the paper's
/// for each model.
void add_run_settings(Settings& settings, RunOptions& options);

/// Loads --dataset: by its name from --data, or a user's own from its path; `auto` is mnist if it is there or a network
/// answers, else glyphs, and says so. Throws UsageError if the set is in colour and the program does not take that, or
/// settings of own images are given for a set that is none.
DataSet load_data(const RunOptions& options, bool takes_colour);
/// Of a user's own set: keeps its classes and digests in `options`, for config.toml, where they are not there yet;
/// throws Error where they are others. Does nothing for other sets.
void hold_to_images(RunOptions& options, const DataSet& data, const std::string& training_digest,
                    const std::string& test_digest);

}  // namespace warpvae

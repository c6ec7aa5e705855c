// One training run on disk: epochs with progress, metrics and checkpoints; stopping at any moment and going on with the
// same bits. Checkpoints take a tenth of its time at most. Knows nothing of any paper.
#pragma once
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "host/core/checkpoint.h"
#include "host/files/json.h"

namespace warpvae {

/// "s-z20-seed1 + 9 more": replicas that train together, on a progress bar.
std::string group_label(const std::string& first, std::size_t replicas);

struct ReplicaFiles {
    std::filesystem::path folder;  ///< of its model.safetensors and checkpoint.safetensors
    std::string name;              ///< in metrics.jsonl and on the progress bar
    Metadata settings;             ///< what must agree for its checkpoint to be used again
};

struct TrainingRunOptions {
    int epochs = 10;
    bool quiet = false;
    bool resume = false;                 ///< go on from the checkpoints, where there are any
    std::filesystem::path metrics;       ///< metrics.jsonl, one object per epoch and replica
    std::vector<ReplicaFiles> replicas;  ///< one per replica of the model
    /// Called after each epoch for each replica; what it returns is added to that line of the metrics.
    std::function<std::vector<Json>()> after_epoch;
};

/// Trains `model` to the end of epoch `options.epochs` and writes model.safetensors of every replica. Initial values
/// must be set. Throws Interrupted once every replica's checkpoint is written, DivergenceError, Error.
void run_training(Trainer& trainer, Model<float>& model, const TrainingRunOptions& options);

}  // namespace warpvae

#include "host/core/training_run.h"

#include <chrono>
#include <cstdio>

#include "data/error.h"
#include "host/core/interrupt.h"
#include "host/core/phase.h"
#include "host/files/metrics_log.h"
#include "host/show/progress.h"

namespace warpvae {
namespace {

std::string loss_text(const std::vector<ReplicaLoss>& losses) {
    double total = 0;
    for (const ReplicaLoss& replica : losses) total += replica.loss;
    char text[48];
    std::snprintf(text, sizeof text, "loss %.2f", total / double(losses.size()));
    return text;
}

void add_losses(Json& line, const std::vector<LossTerm<float>>& terms, const ReplicaLoss& losses) {
    for (std::size_t i = 0; i < terms.size(); ++i) line[terms[i].name] = losses.terms[i];
    line["loss"] = losses.loss;
}

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

/// The checkpoints of all replicas.
class Checkpoints {
  public:
    Checkpoints(const Trainer& trainer, const ParameterLayout& layout, const TrainingRunOptions& options)
        : trainer_(trainer), layout_(layout), options_(options) {}

    void save() {
        const InPhase files(Phase::kFiles);
        const Uninterrupted all_replicas;
        const auto begin = Clock::now();
        for (std::size_t r = 0; r < options_.replicas.size(); ++r)
            save_checkpoint(options_.replicas[r].folder, layout_, trainer_.save(int(r)), options_.replicas[r].settings);
        cost_ = seconds_since(begin);
        saved_ = Clock::now();
    }
    /// Unless the last ones would then have taken more than kShare of the time: on a GPU an epoch of many replicas may
    /// be shorter than the writing of their checkpoints. What a power cut loses is trained again, to the same bits.
    void save_if_due() {
        if (cost_ <= kShare * (cost_ + seconds_since(saved_))) save();
    }

  private:
    static constexpr double kShare = 0.1;

    const Trainer& trainer_;
    const ParameterLayout& layout_;
    const TrainingRunOptions& options_;
    double cost_ = 0;  // of the last, seconds
    Clock::time_point saved_ = Clock::now();
};

/// Restores the checkpoints, if there are any, and cuts the metrics back to the epochs that they have seen.
void resume(Trainer& trainer, const ParameterLayout& layout, const TrainingRunOptions& options, MetricsLog& metrics) {
    std::vector<std::filesystem::path> folders;
    std::vector<Metadata> settings;
    for (const ReplicaFiles& replica : options.replicas) {
        folders.push_back(replica.folder);
        settings.push_back(replica.settings);
    }
    const auto states = common_checkpoints(folders, layout, settings);
    if (states)
        for (std::size_t r = 0; r < states->size(); ++r) {
            trainer.restore(int(r), (*states)[r]);
            drop_checkpoint_after(folders[r], (*states)[r].step);
        }
    for (const ReplicaFiles& replica : options.replicas) metrics.cut_to(std::int64_t(trainer.epoch()), replica.name);
}

}  // namespace

std::string group_label(const std::string& first, std::size_t replicas) {
    return replicas > 1 ? first + " + " + std::to_string(replicas - 1) + " more" : first;
}

void run_training(Trainer& trainer, Model<float>& model, const TrainingRunOptions& options) {
    const InPhase training(Phase::kTraining);
    const ParameterLayout& layout = model.parameters().layout();
    MetricsLog metrics(options.metrics);
    if (options.resume) resume(trainer, layout, options, metrics);

    const std::uint64_t total = trainer.epoch_start(std::uint64_t(options.epochs));
    if (trainer.step() > total)
        throw Error(options.replicas[0].folder.string() + " is trained for " + std::to_string(trainer.epoch()) +
                    " epochs already, more than --epochs " + std::to_string(options.epochs));
    Progress progress({.label = group_label(options.replicas[0].name, options.replicas.size()),
                       .total = std::int64_t(total),
                       .start = std::int64_t(trainer.step()),
                       .quiet = options.quiet});
    const std::vector<LossTerm<float>> terms = model.loss_terms();
    Checkpoints checkpoints(trainer, layout, options);
    auto epoch_start = Clock::now();
    std::string text;

    // Writes down the epoch that has just been trained. Left before its line is written, the checkpoints keep the sums
    // of its losses, and a resumed run begins here.
    const auto close_epoch = [&] {
        std::vector<ReplicaLoss> losses;
        std::vector<Json> extra;
        try {
            losses = trainer.losses();
            const InPhase evaluation(Phase::kEvaluation);
            extra = options.after_epoch ? options.after_epoch() : std::vector<Json>(losses.size());
        } catch (const Interrupted&) {
            checkpoints.save();
            throw;
        }
        const Uninterrupted line_and_checkpoint;
        const InPhase files(Phase::kFiles);
        text = loss_text(losses);
        const double seconds = seconds_since(epoch_start);
        for (std::size_t r = 0; r < losses.size(); ++r) {
            Json line = {{"replica", options.replicas[r].name}, {"epoch", trainer.epoch()}, {"step", trainer.step()}};
            add_losses(line, terms, losses[r]);
            if (extra[r].is_object()) line.update(extra[r]);
            line["seconds"] = seconds;
            metrics.append(line);
        }
        trainer.reset_losses();
        trainer.step() < total ? checkpoints.save_if_due() : checkpoints.save();
        epoch_start = Clock::now();
    };

    const bool at_epochs_end = trainer.step() > 0 && trainer.step() == trainer.epoch_start(trainer.epoch());
    if (at_epochs_end && trainer.has_losses()) close_epoch();
    while (trainer.step() < total) {
        interruption_point();
        const std::uint64_t before = trainer.epoch_start(trainer.epoch());
        const bool finished = trainer.finish_epoch([&](std::uint64_t done) {
            // On a GPU the loss is read between epochs only: a read in mid-epoch would make it wait for the host.
            if (!device_is_gpu() && (done % 32 == 0)) text = loss_text(trainer.losses());
            progress.update(std::int64_t(before + done), text);
            return !interrupted();
        });
        if (!finished) {
            checkpoints.save();
            throw Interrupted();
        }
        close_epoch();
    }
    progress.finish();
    const InPhase files(Phase::kFiles);
    const GatherOptions& image = model.input_shape();
    const std::string shape =
        std::to_string(image.height) + "," + std::to_string(image.width) + "," + std::to_string(image.channels);
    for (std::size_t r = 0; r < options.replicas.size(); ++r) {
        Metadata said = options.replicas[r].settings;
        said.emplace_back(kImageShape, shape);
        save_weights(options.replicas[r].folder / kWeights, layout, model.parameters().download(int(r)), said);
    }
}

}  // namespace warpvae

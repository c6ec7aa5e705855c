#include "host/feige/feige.h"

#include <algorithm>

#include "data/error.h"
#include "host/experiment.h"
#include "host/feige/feige_group.h"
#include "host/training_run.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

/// The result's optional numbers by their names in result.json.
std::vector<std::pair<const char*, std::optional<double> FeigeReplica::*>> scores() {
    return {{"distance", &FeigeReplica::distance},
            {"likelihood", &FeigeReplica::likelihood},
            {"neural", &FeigeReplica::neural},
            {"classifier", &FeigeReplica::classifier},
            {"benchmark", &FeigeReplica::benchmark},
            {"short_benchmark", &FeigeReplica::short_benchmark},
            {"agreement", &FeigeReplica::agreement},
            {"probe_r", &FeigeReplica::probe_r},
            {"probe_v", &FeigeReplica::probe_v},
            {"probe_v_sample", &FeigeReplica::probe_v_sample},
            {"active_units", &FeigeReplica::active_units}};
}

Json to_json(const FeigeReplica& r, const std::string& evaluation) {
    Json json = {{"evaluation", evaluation},
                 {"epochs", r.epochs},
                 {"seconds", r.seconds},
                 {"validation_nll", r.validation_nll},
                 {"validation_kl", r.validation_kl}};
    for (const auto& [name, member] : scores())
        if (r.*member) json[name] = *(r.*member);
    return json;
}

/// Reads back what to_json wrote, if it is of that evaluation and of so many epochs at least.
bool from_json(const Json& json, const std::string& evaluation, int epochs, FeigeReplica& r) {
    if (json.at("evaluation") != evaluation || json.at("epochs") < epochs) return false;
    r.epochs = json.at("epochs");
    r.seconds = json.at("seconds");
    r.validation_nll = json.at("validation_nll");
    r.validation_kl = json.at("validation_kl");
    for (const auto& [name, member] : scores())
        if (json.contains(name)) r.*member = json.at(name).get<double>();
    return true;
}

}  // namespace

const char* name_of(LabelledMixing mixing) { return mixing == LabelledMixing::kPaired ? "paired" : "sum"; }
const char* name_of(DeviationKind kind) {
    return kind == DeviationKind::kUnit ? "unit" : kind == DeviationKind::kLearned ? "learned" : "per-channel";
}

std::string FeigeReplica::group() const {
    std::string name = kind == FeigeKind::kSupervised ? "supervised"
                       : kind == FeigeKind::kAblation ? "unsupervised"
                                                      : "semi" + std::to_string(labels) + "-" + name_of(mixing);
    return name + "-z" + std::to_string(latents);
}
std::string FeigeReplica::name() const { return group() + "-seed" + std::to_string(seed); }

// --- which models ----------------------------------------------------------------------------------------------------

FeigeExperiment::FeigeExperiment(const FeigeOptions& options, const DataSet& data)
    : options_(options), data_(data), split_(feige_split(data.train, data.name)) {
    // An image is seen beside others of its class, in validation too.
    for (int k = 0; k < split_.classes; ++k)
        if (const auto n = std::count(split_.validation.labels.begin(), split_.validation.labels.end(), k); n < 2)
            throw UsageError("--train-images " + std::to_string(data.train.count()) + ": of class " +
                             std::to_string(k) + " only " + std::to_string(n) + " of the " +
                             std::to_string(split_.validation.count()) +
                             " validation images are left; two at least are needed, take more images");
}
FeigeExperiment::~FeigeExperiment() = default;

FeigeReplica FeigeExperiment::replica(FeigeKind kind, int latents) const {
    FeigeReplica replica;
    replica.kind = kind;
    replica.latents = latents;
    replica.seed = options_.first_seed;
    return replica;
}

std::vector<FeigeReplica> FeigeExperiment::supervised_replicas() const {
    std::vector<FeigeReplica> all;
    for (int s = 0; s < options_.seeds; ++s) {
        all.push_back(replica(FeigeKind::kSupervised, options_.latents ? options_.latents : 16));
        all.back().seed = options_.first_seed + s;
    }
    return all;
}

std::vector<FeigeReplica> FeigeExperiment::semi_supervised_replicas() const {
    std::vector<FeigeReplica> all;
    for (const LabelledMixing mixing : options_.mixing)
        for (const int labels : options_.labels)
            for (int s = 0; s < options_.seeds; ++s) {
                const int latents = options_.latents ? options_.latents : split_.train.channels > 1 ? 16 : 8;
                all.push_back(replica(FeigeKind::kSemiSupervised, latents));
                all.back().labels = labels;
                all.back().mixing = mixing;
                all.back().seed = options_.first_seed + s;
            }
    return all;
}

/// The paper's: 40 epochs supervised (SVHN 90), 20 to 35 by the number of labels (SVHN 20 and 30).
int FeigeExperiment::epochs_of(const FeigeReplica& r) const {
    if (options_.epochs) return options_.epochs;
    if (r.kind != FeigeKind::kSemiSupervised) return is_svhn() ? 90 : 40;
    if (is_svhn()) return r.labels < 3000 ? 20 : 30;
    return r.labels < 600 ? 20 : r.labels < 1000 ? 25 : r.labels < 3000 ? 30 : 35;
}

/// "32 at the beginning, which we double successively": equal phases.
std::vector<BatchPhase> FeigeExperiment::phases_of(int epochs) const {
    const int count = std::min(options_.phases ? options_.phases : is_svhn() ? 5 : 4, epochs);
    std::vector<BatchPhase> phases;
    for (int i = 0; i < count; ++i) phases.push_back({std::uint64_t(epochs) * i / count, options_.batch << i});
    return phases;
}

EquivaeConfig FeigeExperiment::config_of(const FeigeReplica& replica) const {
    EquivaeConfig config = EquivaeConfig::for_latents(replica.latents);
    const bool semi = replica.kind == FeigeKind::kSemiSupervised, colour = split_.train.channels > 1;
    config.height = split_.train.height, config.width = split_.train.width, config.channels = split_.train.channels;
    config.classes = split_.classes;
    config.likelihood = colour ? Likelihood::kGaussian : Likelihood::kBernoulli;
    config.deviation = options_.deviation;
    config.max_complement = options_.max_complement ? options_.max_complement : colour ? 10 : semi ? 4 : 7;
    config.semi_supervised = semi;
    config.mixing = replica.mixing;
    config.self_complement = replica.kind == FeigeKind::kAblation;
    return config;
}

/// What decides a replica's training: two runs that agree here have the same weights.
Metadata FeigeExperiment::settings_of(const FeigeReplica& replica) const {
    const EquivaeConfig c = config_of(replica);
    std::string phases;
    for (const BatchPhase& phase : phases_of(epochs_of(replica)))
        phases += (phases.empty() ? "" : ",") + std::to_string(phase.first_epoch) + ":" + std::to_string(phase.batch);
    return {{"dataset", data_.name},
            {"train-images", std::to_string(split_.train.count())},
            {"model", replica.group()},
            {"latents", std::to_string(c.latents)},
            {"seed", std::to_string(replica.seed)},
            {"batches", phases},
            {"max-complement", std::to_string(c.max_complement)},
            {"deviation", c.likelihood == Likelihood::kGaussian ? name_of(c.deviation) : "none"},
            {"optimiser", "adam"},
            {"learning-rate", setting(options_.learning_rate)},
            {"math", setting(options_.math)}};
}

/// What decides a replica's result besides its training.
std::string FeigeExperiment::evaluation_name() const { return std::to_string(data_.test.count()) + " test images"; }

// --- training --------------------------------------------------------------------------------------------------------

void FeigeExperiment::train(const std::vector<FeigeReplica>& replicas) {
    std::vector<FeigeReplica> all = replicas;
    for (const auto& group : replica_groups(all, options_.together)) run_group(group, false);
}

void FeigeExperiment::train_and_evaluate(std::vector<FeigeReplica>& replicas) {
    for (const auto& group : replica_groups(replicas, options_.together)) {
        bool done = options_.resume;
        for (FeigeReplica* replica : group)
            done = done && read_result(folder_of(*replica) / "result.json", [&](const Json& json) {
                       return from_json(json, evaluation_name(), epochs_of(*replica), *replica);
                   });
        if (!done) run_group(group, true);
    }
}

void FeigeExperiment::run_group(const std::vector<FeigeReplica*>& replicas, bool evaluate) {
    Group group(*this, replicas);
    group.model->parameters().initialise(group.seeds, group.stream);
    TrainerOptions options;
    options.phases = phases_of(epochs_of(*replicas[0]));
    options.learning_rates.assign(replicas.size(), float(options_.learning_rate));
    options.graph = options_.graph;
    Trainer trainer(*group.model, group.epoch_images(), group.seeds, group.matmul, options);

    const ImageSet& held_out = split_.validation;
    const DeviceImages validation = group.shared(held_out.images, held_out.image_size());
    const ClassSets validation_classes = group.class_sets(held_out.labels, split_.classes);
    TrainingRunOptions run;
    run.epochs = epochs_of(*replicas[0]);
    run.quiet = options_.quiet;
    run.resume = options_.resume;
    run.metrics = options_.out / "metrics.jsonl";
    for (const FeigeReplica* replica : replicas)
        run.replicas.push_back({folder_of(*replica), replica->name(), settings_of(*replica)});
    run.after_epoch = [&] {
        std::vector<Json> lines(replicas.size());
        if (replicas[0]->kind == FeigeKind::kSemiSupervised) {
            const auto predicted = classify_images(*group.model, validation, group.matmul);
            for (std::size_t r = 0; r < lines.size(); ++r)
                lines[r] = {{"validation_error", error_rate(predicted[r], held_out.labels)}};
        } else if (replicas[0]->kind == FeigeKind::kSupervised) {
            const auto latents = equivae_latents(*group.model, validation, validation_classes, kShownComplement,
                                                 group.evaluation_seeds, group.matmul);
            for (std::size_t r = 0; r < lines.size(); ++r)
                lines[r] = {{"validation_reconstruction", feige_mean(latents[r].nll)},
                            {"validation_kl", feige_mean(latents[r].kl)}};
        }
        return lines;
    };
    run_training(trainer, *group.model, run);
    if (!evaluate) return;
    evaluate_group(group, replicas);
    for (FeigeReplica* replica : replicas) {
        replica->epochs = int(trainer.epoch());
        replica->seconds = training_seconds(run.metrics, replica->name());
        if (replica->kind != FeigeKind::kAblation) replica->benchmark = benchmark(*replica, true);
        if (replica->kind == FeigeKind::kSemiSupervised) replica->short_benchmark = benchmark(*replica, false);
        write_result(folder_of(*replica) / "result.json", to_json(*replica, evaluation_name()));
    }
}

}  // namespace warpvae

#include "host/peste/peste.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "data/binarise.h"
#include "data/error.h"
#include "data/files.h"
#include "host/experiment.h"
#include "host/peste/peste_group.h"
#include "host/show/format.h"
#include "host/training_run.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kHeldOut = 10000;  // the last images of the training set, as in mnist.pkl
constexpr std::uint64_t kBinariseSeed = 1706;

Json to_json(const LikelihoodEstimate& e) {
    return {{"images", e.images},
            {"samples", e.samples},
            {"log_likelihood", e.log_likelihood},
            {"sampling_error", e.sampling_error},
            {"image_error", e.image_error},
            {"effective_sample_size", e.effective_sample_size},
            {"negative_elbo", e.negative_elbo}};
}
void from_json(const Json& json, LikelihoodEstimate& e) {
    json.at("images").get_to(e.images);
    json.at("samples").get_to(e.samples);
    json.at("log_likelihood").get_to(e.log_likelihood);
    json.at("sampling_error").get_to(e.sampling_error);
    json.at("image_error").get_to(e.image_error);
    json.at("effective_sample_size").get_to(e.effective_sample_size);
    json.at("negative_elbo").get_to(e.negative_elbo);
}

Json to_json(const PesteReplica& r, const std::string& evaluation) {
    Json json = {{"evaluation", evaluation},
                 {"epochs", r.epochs},
                 {"seconds", r.seconds},
                 {"eigenvalues", r.spectrum.eigenvalues},
                 {"informative", r.spectrum.informative},
                 {"alignment", r.spectrum.alignment},
                 {"negative_bound", r.bound.negative_bound},
                 {"negative_elbo", r.bound.negative_elbo},
                 {"active_units", r.bound.active_units},
                 {"accuracy", r.accuracy},
                 {"sgd_mean", r.sgd_mean},
                 {"sgd_std", r.sgd_std}};
    if (r.likelihood.images) json["likelihood"] = to_json(r.likelihood);
    return json;
}

bool from_json(const Json& json, const std::string& evaluation, int epochs, bool wants_likelihood, PesteReplica& r) {
    if (json.at("evaluation") != evaluation || json.at("epochs") < epochs) return false;
    if (wants_likelihood && !json.contains("likelihood")) return false;
    json.at("epochs").get_to(r.epochs);
    json.at("seconds").get_to(r.seconds);
    json.at("eigenvalues").get_to(r.spectrum.eigenvalues);
    json.at("informative").get_to(r.spectrum.informative);
    json.at("alignment").get_to(r.spectrum.alignment);
    json.at("negative_bound").get_to(r.bound.negative_bound);
    json.at("negative_elbo").get_to(r.bound.negative_elbo);
    json.at("active_units").get_to(r.bound.active_units);
    json.at("accuracy").get_to(r.accuracy);
    json.at("sgd_mean").get_to(r.sgd_mean);
    json.at("sgd_std").get_to(r.sgd_std);
    if (json.contains("likelihood")) from_json(json.at("likelihood"), r.likelihood);
    return true;
}

const char* name_of(Activation activation) {
    switch (activation) {
        case Activation::kElu:
            return "elu";
        case Activation::kTanh:
            return "tanh";
        case Activation::kSoftplus:
            return "softplus";
        default:
            return "relu";
    }
}

}  // namespace

// --- names -----------------------------------------------------------------------------------------------------------

const char* name_of(Binarisation binarisation) {
    return binarisation == Binarisation::kDynamic  ? "dynamic"
           : binarisation == Binarisation::kStatic ? "static"
                                                   : "grey";
}
const char* name_of(PosteriorFeature feature) {
    return feature == PosteriorFeature::kMean           ? "means"
           : feature == PosteriorFeature::kMeanVariance ? "means and variances"
                                                        : "samples";
}
const char* code_of(PosteriorFeature feature) {
    return feature == PosteriorFeature::kMean           ? "mean"
           : feature == PosteriorFeature::kMeanVariance ? "mean_variance"
                                                        : "sample";
}

std::string PesteReplica::group() const { return "k" + std::to_string(latents); }
std::string PesteReplica::name() const {
    return group() + "-alpha" + formatted("%g", alpha) + "-seed" + std::to_string(seed);
}

std::map<std::string, std::vector<SeparabilityPoint>> read_separability(const fs::path& metrics) {
    std::map<std::string, std::vector<SeparabilityPoint>> points;
    if (!fs::exists(metrics)) return points;
    std::istringstream lines(read_file(metrics));
    for (std::string line; std::getline(lines, line);) {
        if (line.find("accuracy_") == std::string::npos) continue;  // most epochs
        const Json json = parse_json(line);
        if (!json.is_object()) continue;
        SeparabilityPoint point{json.value("epoch", 0), {}};
        bool whole = true;
        for (std::size_t f = 0; f < kPosteriorFeatures.size(); ++f) {
            const std::string key = std::string("accuracy_") + code_of(kPosteriorFeatures[f]);
            whole = whole && json.contains(key) && json[key].is_number();
            if (whole) point.accuracy[f] = json[key];
        }
        if (whole) points[json.value("replica", "")].push_back(point);
    }
    return points;
}

// --- which models, which images --------------------------------------------------------------------------------------

PesteExperiment::PesteExperiment(const PesteOptions& options, const DataSet& data)
    : options_(options), data_(data), train_(data.train), seen_train_(), test_(data.test) {
    if (train_.count() > 5 * kHeldOut) train_.truncate(train_.count() - kHeldOut);
    seen_train_ = train_;
    if (options_.binarisation == Binarisation::kGrey) return;
    seen_train_.images = binarised(train_.images, kBinariseSeed, 0);
    test_.images = binarised(test_.images, kBinariseSeed, 1);
}
PesteExperiment::~PesteExperiment() = default;

std::vector<std::uint8_t> PesteExperiment::as_seen(std::vector<std::uint8_t> grey) const {
    return options_.binarisation == Binarisation::kGrey ? grey : binarised(grey, kBinariseSeed, 2);
}

std::vector<PesteReplica> PesteExperiment::table_replicas() const {
    std::vector<PesteReplica> all;
    for (const int latents : options_.latents)
        for (int s = 0; s < options_.seeds; ++s)
            for (const double alpha : options_.alphas) {
                PesteReplica replica;
                replica.alpha = alpha, replica.latents = latents, replica.seed = options_.first_seed + s;
                all.push_back(replica);
            }
    return all;
}

std::vector<PesteReplica> PesteExperiment::separability_replicas() const {
    std::vector<PesteReplica> all;
    for (const int latents : options_.separability_latents)
        for (int s = 0; s < options_.seeds; ++s) {
            PesteReplica replica;
            replica.latents = latents, replica.seed = options_.first_seed + s;
            all.push_back(replica);
        }
    return all;
}

RenyiVaeConfig PesteExperiment::config_of(const PesteReplica& replica) const {
    RenyiVaeConfig config = options_.model;
    config.height = train_.height, config.width = train_.width;
    config.latents = replica.latents;
    return config;
}

/// What decides a replica's training: two runs that agree here have the same weights.
Metadata PesteExperiment::settings_of(const PesteReplica& replica) const {
    const RenyiVaeConfig c = config_of(replica);
    return {{"dataset", data_.name},
            {"train-images", std::to_string(train_.count())},
            {"binarise", name_of(options_.binarisation)},
            {"alpha", setting(replica.alpha)},
            {"latents", std::to_string(c.latents)},
            {"samples", std::to_string(c.samples)},
            {"hidden", setting(c.hidden)},
            {"activation", name_of(c.activation)},
            {"variance", c.variance == VarianceHead::kExp ? "exp" : "softplus"},
            {"start", c.initial == InitialRule::kXavier ? "xavier" : "torch"},
            {"kl", c.analytic_kl ? "analytic" : "mc"},
            {"clip-probability", setting(c.clipped_probability)},
            {"clip-norm", setting(options_.clip_norm)},
            {"seed", std::to_string(replica.seed)},
            {"batch", std::to_string(options_.batch)},
            {"optimiser", "adam"},
            {"learning-rate", setting(options_.learning_rate)},
            {"math", setting(options_.math)}};
}

/// What decides a replica's result besides its training.
std::string PesteExperiment::evaluation_name() const {
    return formatted("%zu test images, bound of %d draws, log p(x) of %zu images with %d, C %g, %d x %d steps of SGD",
                     test_.count(), options_.bound_samples, options_.likelihood_images, options_.likelihood_samples,
                     options_.C, options_.sgd_repeats, options_.sgd_steps);
}

bool PesteExperiment::is_trained(const PesteReplica& replica) const {
    return fs::exists(folder_of(replica) / "model.safetensors");
}

// --- training --------------------------------------------------------------------------------------------------------

void PesteExperiment::train(const std::vector<PesteReplica>& replicas) {
    std::vector<PesteReplica> all = replicas;
    for (const auto& group : replica_groups(all, options_.together)) run_group(group, false, false);
}

void PesteExperiment::train_and_evaluate(std::vector<PesteReplica>& replicas, bool wants_likelihood) {
    for (const auto& group : replica_groups(replicas, options_.together)) {
        bool done = options_.resume;
        for (PesteReplica* replica : group)
            done = done && read_result(folder_of(*replica) / "result.json", [&](const Json& json) {
                       return from_json(json, evaluation_name(), options_.epochs, wants_likelihood, *replica);
                   });
        if (!done) run_group(group, true, wants_likelihood);
    }
}

void PesteExperiment::run_group(const std::vector<PesteReplica*>& replicas, bool evaluate, bool wants_likelihood) {
    Group group(*this, replicas);
    group.model.parameters().initialise(group.seeds, group.stream);
    TrainerOptions options;
    options.batch = options_.batch;
    options.learning_rates.assign(replicas.size(), float(options_.learning_rate));
    options.binarise = options_.binarisation == Binarisation::kDynamic;
    options.clip_norm = float(options_.clip_norm);
    options.graph = options_.graph;
    Trainer trainer(group.model, options.binarise ? group.grey_train : group.train, group.seeds, group.matmul, options);

    TrainingRunOptions run;
    run.epochs = options_.epochs;
    run.quiet = options_.quiet;
    run.resume = options_.resume;
    run.metrics = options_.out / "metrics.jsonl";
    bool of_figure_3 = false;
    for (const PesteReplica* replica : replicas) {
        run.replicas.push_back({folder_of(*replica), replica->name(), settings_of(*replica)});
        of_figure_3 |= replica->alpha == 1;
    }
    run.after_epoch = [&] {
        const int epoch = int(trainer.epoch());
        std::vector<Json> lines;
        for (const BoundSummary& bound : evaluate_bound(group.model, group.test, group.device_seeds, group.matmul))
            lines.push_back({{"test_negative_bound", bound.negative_bound},
                             {"test_negative_elbo", bound.negative_elbo},
                             {"active_units", bound.active_units}});
        if (of_figure_3 && (epoch == 1 || epoch % options_.checkpoint_every == 0 || epoch == options_.epochs)) {
            const auto accuracy =
                separability(group, group.posteriors(group.train, 0), group.posteriors(group.test, 1));
            for (std::size_t r = 0; r < lines.size(); ++r)
                for (std::size_t f = 0; f < kPosteriorFeatures.size(); ++f)
                    lines[r][std::string("accuracy_") + code_of(kPosteriorFeatures[f])] = accuracy[r][f];
        }
        return lines;
    };
    run_training(trainer, group.model, run);
    if (!evaluate) return;
    evaluate_group(group, replicas, wants_likelihood);
    for (PesteReplica* replica : replicas) {
        replica->epochs = int(trainer.epoch());
        replica->seconds = training_seconds(run.metrics, replica->name());
        write_result(folder_of(*replica) / "result.json", to_json(*replica, evaluation_name()));
    }
}

}  // namespace warpvae

#include "host/vive/vive.h"

#include <algorithm>
#include <cmath>

#include "data/error.h"
#include "host/evaluate/pca.h"
#include "host/experiment.h"
#include "host/training_run.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

Json to_json(const ElboSummary& e) {
    return {{"negative_elbo", e.negative_elbo},
            {"reconstruction", e.reconstruction},
            {"kl", e.kl},
            {"pose_kl", e.pose_kl},
            {"active_units", e.active_units}};
}
ElboSummary elbo_from(const Json& json) {
    ElboSummary e;
    e.negative_elbo = json.at("negative_elbo");
    e.reconstruction = json.at("reconstruction");
    e.kl = json.at("kl");
    e.pose_kl = json.at("pose_kl");
    e.active_units = json.at("active_units");
    return e;
}

Json to_json(const ViveReplica& r, const std::string& evaluation) {
    Json json = {{"evaluation", evaluation},
                 {"epochs", r.epochs},
                 {"train", to_json(r.train_elbo)},
                 {"test", to_json(r.test_elbo)}};
    for (std::size_t k = 0; k < kFeatureKinds.size(); ++k)
        json["svm"][name_of(kFeatureKinds[k])] = {{"cv_mean", r.svm[k].cv_mean},
                                                  {"cv_std", r.svm[k].cv_std},
                                                  {"test", r.svm[k].test},
                                                  {"gradient", r.svm[k].certificate.gradient_norm},
                                                  {"converged", r.svm[k].certificate.converged}};
    json["pose"] = {{"mean", r.pose.mean},
                    {"deviation", r.pose.deviation},
                    {"largest_correlation", r.pose.largest_correlation},
                    {"mean_determinant", r.pose.mean_determinant}};
    json["bad_minimum"] = bad_minimum(r);
    return json;
}

/// Reads back what to_json wrote, if it is of that evaluation and of so many epochs at least.
bool from_json(const Json& json, const std::string& evaluation, int epochs, ViveReplica& r) {
    r.epochs = json.at("epochs");
    if (json.at("evaluation") != evaluation || r.epochs < epochs) return false;
    r.train_elbo = elbo_from(json.at("train"));
    r.test_elbo = elbo_from(json.at("test"));
    for (std::size_t k = 0; k < kFeatureKinds.size(); ++k) {
        const Json& svm = json.at("svm").at(name_of(kFeatureKinds[k]));
        r.svm[k].cv_mean = svm.at("cv_mean");
        r.svm[k].cv_std = svm.at("cv_std");
        r.svm[k].test = svm.at("test");
        r.svm[k].certificate.gradient_norm = svm.at("gradient");
        r.svm[k].certificate.converged = svm.at("converged");
    }
    const Json& pose = json.at("pose");
    pose.at("mean").get_to(r.pose.mean);
    pose.at("deviation").get_to(r.pose.deviation);
    r.pose.largest_correlation = pose.at("largest_correlation");
    r.pose.mean_determinant = pose.at("mean_determinant");
    return r.evaluated = true;
}

}  // namespace

// --- names -----------------------------------------------------------------------------------------------------------

const std::vector<ViveModel>& vive_models() {
    static const std::vector<ViveModel> models = {
        {"vae", "VAE", SpatialKind::kVae, PoseKind::kAffine},
        {"affine-tvae", "Affine-TVAE", SpatialKind::kTransformer, PoseKind::kAffine},
        {"pose-tvae", "Pose-TVAE", SpatialKind::kTransformer, PoseKind::kPose5},
        {"tps-tvae", "TPS-TVAE", SpatialKind::kTransformer, PoseKind::kSpline},
        {"affine-dtvae", "Affine-DTVAE", SpatialKind::kDoubleTransformer, PoseKind::kAffine},
        {"pose-dtvae", "Pose-DTVAE", SpatialKind::kDoubleTransformer, PoseKind::kPose5},
        {"tps-dtvae", "TPS-DTVAE", SpatialKind::kDoubleTransformer, PoseKind::kSpline}};
    return models;
}

const ViveModel& vive_model(const std::string& code) {
    std::string codes;
    for (const ViveModel& model : vive_models()) {
        if (code == model.code) return model;
        codes += (codes.empty() ? "" : ", ") + std::string(model.code);
    }
    throw UsageError("unknown model \"" + code + "\": choose from " + codes);
}

const char* name_of(PosePrior prior) {
    switch (prior) {
        case PosePrior::kNone:
            return "none";
        case PosePrior::kFixedMean:
            return "fixed-mean";
        case PosePrior::kFitted:
            return "fitted";
        case PosePrior::kFull:
            return "full";
    }
    return "";
}

PosePrior parse_pose_prior(const std::string& name) {
    for (const PosePrior prior : {PosePrior::kNone, PosePrior::kFixedMean, PosePrior::kFitted, PosePrior::kFull})
        if (name == name_of(prior)) return prior;
    throw UsageError("unknown prior \"" + name + "\": choose from none, fixed-mean, fitted, full");
}

std::string ViveReplica::group() const {
    std::string name = model + "-z" + std::to_string(latents);
    if (prior != PosePrior::kNone) name += std::string("-") + name_of(prior);
    if (rank) name += std::to_string(rank);
    return name;
}
std::string ViveReplica::name() const {
    return group() + "-seed" + std::to_string(seed) + (restart ? "-restart" + std::to_string(restart) : "");
}

std::string bad_minimum(const ViveReplica& r) {
    if (r.test_elbo.active_units <= 1) return "one template: z carries nothing";
    if (r.pose.mean_determinant > 0 && r.pose.mean_determinant < 1)
        return "a down-sampled digit: the warp enlarges what z draws";
    return "";
}

// --- replicas on the device ------------------------------------------------------------------------------------------

namespace {

/// Replicas of one shape, trained and evaluated in the same launches.
struct Group {
    Group(const SpatialVaeConfig& config, const ViveOptions& o, const DataSet& data,
          const std::vector<ViveReplica*>& replicas)
        : stream(stream_create()),
          matmul(stream, o.math),
          train_images({&data.train.images}, std::vector<int>(replicas.size(), 0), int(data.train.pixels())),
          test_images({&data.test.images}, std::vector<int>(replicas.size(), 0), int(data.test.pixels())),
          model(config, int(replicas.size()), o.batch, matmul) {
        for (const ViveReplica* r : replicas) seeds.push_back(r->drawn_seed());
        device_seeds = DeviceBuffer<std::uint64_t>(seeds, "seeds");
    }
    ~Group() { stream_destroy(stream); }
    Stream stream;
    Matmul matmul;
    DeviceImages train_images, test_images;
    SpatialVae<float> model;
    std::vector<std::uint64_t> seeds;
    DeviceBuffer<std::uint64_t> device_seeds;
};

/// [count, D] on the device: pixels as the models see them.
DeviceBuffer<float> pixels_of(const ImageSet& set) {
    const DeviceImages images({&set.images}, {0}, int(set.pixels()));
    DeviceBuffer<float> x(set.images.size(), "pixels");
    constexpr std::size_t kRows = 10000;
    for (std::size_t first = 0; first < set.count(); first += kRows)
        check(gather_range(x.data() + first * set.pixels(), images.table(), first, 1,
                           int(std::min(kRows, set.count() - first)), int(set.pixels()), nullptr));
    return x;
}

LinearSvmOptions svm_options(const DataSet& data) {
    LinearSvmOptions options;
    options.classes = *std::max_element(data.train.labels.begin(), data.train.labels.end()) + 1;
    return options;
}

}  // namespace

ViveExperiment::ViveExperiment(const ViveOptions& options, const DataSet& data) : options_(options), data_(data) {}
ViveExperiment::~ViveExperiment() = default;

SpatialVaeConfig ViveExperiment::config_of(const ViveReplica& replica) const {
    const ViveModel& model = vive_model(replica.model);
    SpatialVaeConfig config = options_.config;
    config.height = data_.train.height;
    config.width = data_.train.width;
    config.kind = model.kind;
    config.pose = model.pose;
    config.latents = replica.latents;
    config.prior = replica.prior;
    config.rank = replica.rank;
    if (config.kind == SpatialKind::kDoubleTransformer && config.pose == PoseKind::kSpline)
        config.second = SecondTransform::kIndependent;
    return config;
}

/// What decides a replica's training: two runs that agree here have the same weights.
Metadata ViveExperiment::settings_of(const ViveReplica& replica) const {
    const SpatialVaeConfig c = config_of(replica);
    const char* limits[] = {"none", "tanh", "sigmoid"};
    return {{"dataset", data_.name},
            {"train-images", std::to_string(data_.train.count())},
            {"model", replica.model},
            {"latents", std::to_string(c.latents)},
            {"prior", name_of(c.prior)},
            {"rank", std::to_string(c.rank)},
            {"seed", std::to_string(replica.drawn_seed())},
            {"hidden", setting(c.hidden)},
            {"localisation", std::to_string(c.localisation)},
            {"control-points", std::to_string(c.control_points)},
            {"separate-trunk", c.separate_trunk ? "true" : "false"},
            {"second-transform", c.second == SecondTransform::kInverse ? "inverse" : "independent"},
            {"limit", std::string(limits[int(c.limit)]) + " " + setting(c.limit_range)},
            {"samples", std::to_string(c.samples)},
            {"deviation-bound", c.bound == DeviationBound::kDeviation ? "deviation" : "logarithm"},
            {"loss-scale", setting(c.loss_scale)},
            {"optimiser", "adadelta"},
            {"learning-rate", setting(options_.learning_rate)},
            {"batch", std::to_string(options_.batch)},
            {"math", setting(options_.math)}};
}

/// What decides a replica's result besides its training.
std::string ViveExperiment::evaluation_name() const {
    return std::to_string(data_.test.count()) + " test images, 9 folds";
}

std::vector<ViveReplica> ViveExperiment::table_replicas() const {
    std::vector<ViveReplica> all;
    for (int latents : options_.latents)
        for (const std::string& row : options_.rows) {
            if (row == "raw" || row == "pca") continue;
            for (int s = 0; s < options_.seeds; ++s)
                for (int restart = 0; restart < options_.restarts; ++restart) {
                    ViveReplica replica;
                    replica.model = row;
                    replica.latents = latents;
                    replica.seed = options_.first_seed + s;
                    replica.restart = restart;
                    if (vive_model(row).kind != SpatialKind::kVae) {
                        replica.prior = options_.config.prior;
                        replica.rank = options_.config.rank;
                    }
                    all.push_back(replica);
                }
        }
    return all;
}

void ViveExperiment::train(const std::vector<ViveReplica>& replicas) {
    std::vector<ViveReplica> all = replicas;
    for (const auto& group : replica_groups(all, options_.together)) run_group(group, false);
}

void ViveExperiment::train_and_evaluate(std::vector<ViveReplica>& replicas) {
    for (const auto& group : replica_groups(replicas, options_.together)) {
        bool done = options_.resume;
        for (ViveReplica* replica : group)
            done = done && read_result(folder_of(*replica) / "result.json", [&](const Json& json) {
                       return from_json(json, evaluation_name(), options_.epochs, *replica);
                   });
        if (!done) run_group(group, true);
    }
}

void ViveExperiment::run_group(const std::vector<ViveReplica*>& replicas, bool evaluate) {
    Group group(config_of(*replicas[0]), options_, data_, replicas);
    group.model.parameters().initialise(group.seeds, group.stream);
    TrainerOptions trainer_options;
    trainer_options.batch = options_.batch;
    trainer_options.optimiser = Optimiser::kAdadelta;
    trainer_options.learning_rates.assign(replicas.size(), float(options_.learning_rate));
    trainer_options.graph = options_.graph;
    Trainer trainer(group.model, group.train_images, group.seeds, group.matmul, trainer_options);

    TrainingRunOptions run;
    run.epochs = options_.epochs;
    run.quiet = options_.quiet;
    run.resume = options_.resume;
    run.metrics = options_.out / "metrics.jsonl";
    for (const ViveReplica* replica : replicas)
        run.replicas.push_back({folder_of(*replica), replica->name(), settings_of(*replica)});
    run.after_epoch = [&] {
        std::vector<Json> lines;
        for (const ElboSummary& s : evaluate_elbo(group.model, group.test_images, group.device_seeds, group.matmul))
            lines.push_back({{"test_negative_elbo", s.negative_elbo},
                             {"test_reconstruction", s.reconstruction},
                             {"test_kl", s.kl},
                             {"active_units", s.active_units}});
        return lines;
    };
    run_training(trainer, group.model, run);
    if (!evaluate) return;

    const int R = int(replicas.size()), Z = replicas[0]->latents;
    const auto train_elbo = evaluate_elbo(group.model, group.train_images, group.device_seeds, group.matmul);
    const auto test_elbo = evaluate_elbo(group.model, group.test_images, group.device_seeds, group.matmul);
    const Matmul exact(group.stream);  // the machines are trained in fp32 whatever the model was trained in
    for (std::size_t k = 0; k < kFeatureKinds.size(); ++k) {
        const auto train =
            extract_features(group.model, group.train_images, kFeatureKinds[k], group.device_seeds, 0, group.matmul);
        const auto test =
            extract_features(group.model, group.test_images, kFeatureKinds[k], group.device_seeds, 1, group.matmul);
        const auto scores = cross_validate_linear_svm(exact, train.data(), data_.train.labels, test.data(),
                                                      data_.test.labels, R, Z, svm_options(data_));
        for (int r = 0; r < R; ++r) replicas[r]->svm[k] = scores[r];
    }
    for (int r = 0; r < R; ++r) {
        ViveReplica& replica = *replicas[r];
        replica.train_elbo = train_elbo[r];
        replica.test_elbo = test_elbo[r];
        if (group.model.has_pose())
            replica.pose =
                summarise_poses(extract_poses(group.model, group.test_images, r, group.matmul), group.model.config());
        replica.epochs = int(trainer.epoch());
        replica.evaluated = true;
        write_result(folder_of(replica) / "result.json", to_json(replica, evaluation_name()));
    }
}

// --- rows without a model --------------------------------------------------------------------------------------------

SvmScores ViveExperiment::raw_pixels() {
    const Matmul matmul;
    return cross_validate_linear_svm(matmul, pixels_of(data_.train).data(), data_.train.labels,
                                     pixels_of(data_.test).data(), data_.test.labels, 1, int(data_.train.pixels()),
                                     svm_options(data_))[0];
}

SvmScores ViveExperiment::principal_components(int components) {
    const Matmul matmul;
    const DeviceBuffer<float> train = pixels_of(data_.train), test = pixels_of(data_.test);
    const Pca pca = fit_pca(matmul, train.data(), data_.train.count(), int(data_.train.pixels()), components);
    const auto train_codes = project_pca(matmul, pca, train.data(), data_.train.count());
    const auto test_codes = project_pca(matmul, pca, test.data(), data_.test.count(),
                                        options_.paper_semantics ? PcaCentre::kOwn : PcaCentre::kFitted);
    return cross_validate_linear_svm(matmul, train_codes.data(), data_.train.labels, test_codes.data(),
                                     data_.test.labels, 1, components, svm_options(data_))[0];
}

// --- trained models --------------------------------------------------------------------------------------------------

ViveExperiment::Loaded::Loaded(const SpatialVaeConfig& config, int rows)
    : stream(stream_create()), matmul(stream), model(config, 1, rows, matmul) {}
ViveExperiment::Loaded::~Loaded() { stream_destroy(stream); }

bool ViveExperiment::is_trained(const ViveReplica& replica) const {
    return fs::exists(folder_of(replica) / "model.safetensors");
}

std::unique_ptr<ViveExperiment::Loaded> ViveExperiment::load(const ViveReplica& replica, int rows) const {
    SpatialVaeConfig config = config_of(replica);
    config.samples = 1;  // a matter of training
    auto loaded = std::make_unique<Loaded>(config, rows);
    auto& parameters = loaded->model.parameters();
    parameters.upload(0, load_weights(folder_of(replica) / "model.safetensors", parameters.layout()));
    return loaded;
}

}  // namespace warpvae

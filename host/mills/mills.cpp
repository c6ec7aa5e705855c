#include "host/mills/mills.h"

#include <algorithm>
#include <cstdio>
#include <map>

#include "host/evaluate/classifier_training.h"
#include "host/evaluate/logistic_regression.h"
#include "host/experiment.h"
#include "host/log.h"
#include "host/show/progress.h"
#include "host/training_run.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

int classes_of(const DataSet& data) {
    const auto& labels = data.train.labels;
    return labels.empty() ? 1 : *std::max_element(labels.begin(), labels.end()) + 1;
}

/// How the transformed sets are made, in one line.
std::string reading_of(const VariantOptions& v) {
    char text[160];
    std::snprintf(text, sizeof text, "%s, %s, centre %s, rotation %g, scale %g by %s, random %g to %g",
                  v.interpolation == Interpolation::kBilinear ? "bilinear" : "nearest",
                  v.clockwise ? "clockwise" : "counter-clockwise",
                  v.centre == Centre::kPixels ? "of pixels" : "half size", v.rotation, v.scale,
                  v.fixed_scale == FixedScale::kAffine ? "affine map" : "resize and crop", v.min_scale, v.max_scale);
    return text;
}

/// How a training set is made; what only test sets depend on is left out, so that they can be made otherwise later.
std::string training_images(Variant train, VariantOptions v) {
    if (train == Variant::kStandard) return "as they are";
    if (train == Variant::kRandom) v.scale = VariantOptions().scale, v.fixed_scale = VariantOptions().fixed_scale;
    return reading_of(v);
}

/// What decides any model's training but the model itself.
Metadata shared_settings(const MillsOptions& o, const DataSet& data, Variant train, std::uint64_t seed) {
    return {{"dataset", data.name},
            {"train-images", std::to_string(data.train.count())},
            {"train-set", variant_code(train)},
            {"seed", std::to_string(seed)},
            {"batch", std::to_string(o.batch)},
            {"learning-rate", setting(o.learning_rate)},
            {"images", training_images(train, o.variant)},
            {"math", setting(o.math)}};
}

/// What decides a replica's training: two runs that agree here have the same weights.
Metadata settings_of(const MillsOptions& o, const DataSet& data, const MillsReplica& replica) {
    Metadata settings = shared_settings(o, data, replica.train, replica.seed);
    settings.insert(settings.end(), {{"latents", std::to_string(replica.latents)},
                                     {"hidden", setting(o.hidden)},
                                     {"beta", setting(o.beta)},
                                     {"binarise", o.binarise ? "true" : "false"}});
    return settings;
}
Metadata settings_of(const MillsOptions& o, const DataSet& data, const MillsBenchmark& benchmark) {
    Metadata settings = shared_settings(o, data, benchmark.train, benchmark.seed);
    settings.emplace_back("benchmark", benchmark_code(benchmark.kind));
    if (benchmark.kind == BenchmarkKind::kDense) settings.emplace_back("hidden", std::to_string(o.hidden[0]));
    return settings;
}

/// What decides a result: the model's training, and `evaluation`.
template <class Model>
Json origin_of(const MillsOptions& o, const DataSet& data, const Model& model, const std::string& evaluation) {
    Json settings = Json::object();
    for (const auto& [key, value] : settings_of(o, data, model)) settings[key] = value;
    return {{"settings", settings},
            {"evaluation", std::to_string(o.epochs) + " epochs, " + evaluation + std::to_string(data.test.count()) +
                               " test images, " + reading_of(o.variant)}};
}
Json origin_of(const MillsOptions& o, const DataSet& data, const MillsReplica& replica) {
    return origin_of(o, data, replica, "C " + setting(o.C) + ", ");
}
Json origin_of(const MillsOptions& o, const DataSet& data, const MillsBenchmark& benchmark) {
    return origin_of(o, data, benchmark, "");
}

Json to_json(const std::array<double, kTestSets>& accuracy) {
    Json json = Json::object();
    for (std::size_t t = 0; t < kTestSets; ++t) json[std::string("MNIST-") + variant_code(kVariants[t])] = accuracy[t];
    return json;
}
void from_json(const Json& json, std::array<double, kTestSets>& accuracy) {
    for (std::size_t t = 0; t < kTestSets; ++t)
        accuracy[t] = json.at(std::string("MNIST-") + variant_code(kVariants[t]));
}

Json to_json(const MillsReplica& r) {
    Json accuracy = Json::object();
    for (std::size_t k = 0; k < kFeatureKinds.size(); ++k) accuracy[name_of(kFeatureKinds[k])] = to_json(r.accuracy[k]);
    return {{"accuracy", accuracy},
            {"regression_gradient", r.certificate},
            {"regression_iterations", r.iterations},
            {"test_negative_elbo", r.test_elbo.negative_elbo},
            {"test_reconstruction", r.test_elbo.reconstruction},
            {"test_kl", r.test_elbo.kl},
            {"active_units", r.test_elbo.active_units}};
}
void from_json(const Json& json, MillsReplica& r) {
    for (std::size_t k = 0; k < kFeatureKinds.size(); ++k)
        from_json(json.at("accuracy").at(name_of(kFeatureKinds[k])), r.accuracy[k]);
    json.at("regression_gradient").get_to(r.certificate);
    json.at("regression_iterations").get_to(r.iterations);
    r.test_elbo.negative_elbo = json.at("test_negative_elbo");
    r.test_elbo.reconstruction = json.at("test_reconstruction");
    r.test_elbo.kl = json.at("test_kl");
    r.test_elbo.active_units = json.at("active_units");
}

Json to_json(const MillsBenchmark& b) { return {{"accuracy", to_json(b.accuracy)}}; }
void from_json(const Json& json, MillsBenchmark& b) { from_json(json.at("accuracy"), b.accuracy); }

template <class Model>
void write(const fs::path& path, Json origin, const Model& model) {
    origin.update(to_json(model));
    write_result(path, origin);
}
/// Reads back what `write` wrote, if it is of that origin.
template <class Model>
bool read(const fs::path& path, const Json& origin, Model& model) {
    return read_result(path, [&](const Json& json) {
        for (const auto& [key, value] : origin.items())
            if (json.value(key, Json()) != value) return false;
        from_json(json, model);
        return true;
    });
}

/// Image sets made once for each (variant, seed) that the replicas of a group need.
class VariantStore {
  public:
    VariantStore(const ImageSet& set, Part part, const VariantOptions& options)
        : set_(set), part_(part), options_(options) {}

    /// For each replica the set of `variant_of(replica)`, on the device.
    template <class F>
    DeviceImages images(const std::vector<MillsReplica>& replicas, F variant_of) {
        std::vector<const std::vector<std::uint8_t>*> sets;
        std::vector<int> which;
        for (const MillsReplica& replica : replicas) {
            const auto* made = &get(variant_of(replica), replica.seed);
            const auto found = std::find(sets.begin(), sets.end(), made);
            which.push_back(int(found - sets.begin()));
            if (found == sets.end()) sets.push_back(made);
        }
        return DeviceImages(sets, which, int(set_.pixels()));
    }

  private:
    const std::vector<std::uint8_t>& get(Variant variant, std::uint64_t seed) {
        if (variant == Variant::kStandard) return set_.images;
        if (variant != Variant::kRandom) seed = 0;  // nothing random in them
        auto& made = made_[{variant, seed}];
        if (made.empty()) made = make_variant(set_, variant, options_, seed, part_);
        return made;
    }
    const ImageSet& set_;
    Part part_;
    VariantOptions options_;
    std::map<std::pair<Variant, std::uint64_t>, std::vector<std::uint8_t>> made_;
};

}  // namespace

std::string MillsReplica::name() const {
    return std::string(variant_code(train)) + "-z" + std::to_string(latents) + "-seed" + std::to_string(seed);
}
std::string MillsReplica::train_name() const { return std::string("MNIST-") + variant_code(train); }

const char* benchmark_code(BenchmarkKind kind) { return kind == BenchmarkKind::kDense ? "dense" : "cnn"; }
const char* name_of(BenchmarkKind kind) { return kind == BenchmarkKind::kDense ? "pixels (MLP)" : "pixels (CNN)"; }
std::string MillsBenchmark::name() const {
    return std::string(variant_code(train)) + "-" + benchmark_code(kind) + "-seed" + std::to_string(seed);
}

/// Replicas of one shape, trained and evaluated in the same launches.
struct MillsExperiment::Group {
    Group(const MillsOptions& o, const DataSet& data, const std::vector<MillsReplica>& replicas)
        : stream(stream_create()),
          matmul(stream, o.math),
          train_store(data.train, Part::kTrain, o.variant),
          test_store(data.test, Part::kTest, o.variant),
          train_images(train_store.images(replicas, [](const MillsReplica& r) { return r.train; })),
          own_test_images(test_store.images(replicas, [](const MillsReplica& r) { return r.train; })),
          vae(config(o, data, replicas[0].latents), int(replicas.size()), o.batch, matmul) {
        for (const MillsReplica& r : replicas) seeds.push_back(r.seed);
        device_seeds = DeviceBuffer<std::uint64_t>(seeds, "seeds");
    }
    ~Group() { stream_destroy(stream); }
    static DenseVaeConfig config(const MillsOptions& o, const DataSet& data, int latents) {
        DenseVaeConfig c;
        c.height = data.train.height;
        c.width = data.train.width;
        c.hidden = o.hidden;
        c.latents = latents;
        c.beta = o.beta;
        return c;
    }
    Stream stream;
    Matmul matmul;
    VariantStore train_store, test_store;
    DeviceImages train_images, own_test_images;
    DenseVae<float> vae;
    std::vector<std::uint64_t> seeds;
    DeviceBuffer<std::uint64_t> device_seeds;
};

MillsExperiment::MillsExperiment(const MillsOptions& options, const DataSet& data) : options_(options), data_(data) {}

fs::path MillsExperiment::folder_of(const MillsReplica& replica) const { return options_.out / replica.name(); }

std::vector<std::vector<MillsReplica>> MillsExperiment::groups() const {
    const std::size_t together = options_.together ? options_.together : device_is_gpu() ? 1u << 20 : 1;
    std::vector<std::vector<MillsReplica>> groups;
    for (int latents : options_.latents) {
        bool fresh = true;
        for (int s = 0; s < options_.seeds; ++s)
            for (Variant train : options_.train_sets) {
                MillsReplica replica;
                replica.train = train;
                replica.latents = latents;
                replica.seed = options_.first_seed + s;
                if (fresh || groups.back().size() == together) groups.emplace_back();
                fresh = false;
                groups.back().push_back(replica);
            }
    }
    return groups;
}

std::vector<MillsReplica> MillsExperiment::train_and_evaluate() {
    std::vector<MillsReplica> all;
    for (std::vector<MillsReplica>& group : groups()) {
        bool done = options_.resume;
        for (MillsReplica& replica : group)
            done = done && read(folder_of(replica) / "result.json", origin_of(options_, data_, replica), replica);
        if (!done) run_group(group, true);
        all.insert(all.end(), group.begin(), group.end());
    }
    return all;
}

void MillsExperiment::train() {
    for (std::vector<MillsReplica>& group : groups()) run_group(group, false);
}

void MillsExperiment::run_group(std::vector<MillsReplica>& replicas, bool evaluate) {
    Group group(options_, data_, replicas);
    group.vae.parameters().initialise(group.seeds, group.stream);
    TrainerOptions trainer_options;
    trainer_options.batch = options_.batch;
    trainer_options.learning_rates.assign(replicas.size(), float(options_.learning_rate));
    trainer_options.binarise = options_.binarise;
    trainer_options.graph = options_.graph;
    Trainer trainer(group.vae, group.train_images, group.seeds, group.matmul, trainer_options);

    TrainingRunOptions run;
    run.epochs = options_.epochs;
    run.quiet = options_.quiet;
    run.resume = options_.resume;
    run.metrics = options_.out / "metrics.jsonl";
    for (const MillsReplica& replica : replicas)
        run.replicas.push_back({folder_of(replica), replica.name(), settings_of(options_, data_, replica)});
    run.after_epoch = [&] {
        std::vector<Json> lines;
        for (const ElboSummary& s : evaluate_elbo(group.vae, group.own_test_images, group.device_seeds, group.matmul))
            lines.push_back({{"test_negative_elbo", s.negative_elbo},
                             {"test_reconstruction", s.reconstruction},
                             {"test_kl", s.kl},
                             {"active_units", s.active_units}});
        return lines;
    };
    run_training(trainer, group.vae, run);
    if (!evaluate) return;
    evaluate_group(group, replicas);
    for (const MillsReplica& replica : replicas)
        write(folder_of(replica) / "result.json", origin_of(options_, data_, replica), replica);
}

/// Section 2.2 of the paper: a logistic regression on the latents of the model's own training set, then its accuracy on
/// the latents of each version of the test set.
void MillsExperiment::evaluate_group(Group& group, std::vector<MillsReplica>& replicas) {
    const int R = int(replicas.size()), Z = replicas[0].latents;
    const auto elbo = evaluate_elbo(group.vae, group.own_test_images, group.device_seeds, group.matmul);
    for (int r = 0; r < R; ++r) replicas[r].test_elbo = elbo[r];

    const DeviceImages train_labels({&data_.train.labels}, std::vector<int>(R, 0), 1);
    const DeviceImages test_labels({&data_.test.labels}, std::vector<int>(R, 0), 1);
    const Matmul exact(group.stream);  // the regression is solved in fp32 whatever the model was trained in
    LogisticRegressionOptions regression;
    regression.C = options_.C;
    regression.classes = classes_of(data_);
    for (std::size_t k = 0; k < kFeatureKinds.size(); ++k) {
        const DeviceBuffer<float> features =
            extract_features(group.vae, group.train_images, kFeatureKinds[k], group.device_seeds, 0, group.matmul);
        const LogisticRegressionFit fit = fit_logistic_regression(exact, features.data(), train_labels.table(), R,
                                                                  train_labels.count(), Z, regression);
        for (int r = 0; r < R; ++r) {
            replicas[r].certificate[k] = fit.certificates[r].gradient_norm;
            replicas[r].iterations[k] = fit.certificates[r].iterations;
            if (!fit.certificates[r].converged)
                log_warning("the logistic regression of " + replicas[r].name() + " stopped short of its optimum");
        }
        for (std::size_t t = 0; t < kTestSets; ++t) {
            const DeviceImages test =
                group.test_store.images(replicas, [t](const MillsReplica&) { return kVariants[t]; });
            const DeviceBuffer<float> read =
                extract_features(group.vae, test, kFeatureKinds[k], group.device_seeds, int(t) + 1, group.matmul);
            const std::vector<double> accuracy =
                logistic_regression_accuracy(exact, fit, read.data(), test_labels.table(), test_labels.count());
            for (int r = 0; r < R; ++r) replicas[r].accuracy[k][t] = accuracy[r];
        }
    }
}

std::vector<MillsBenchmark> MillsExperiment::benchmark() {
    std::vector<MillsBenchmark> all;
    for (BenchmarkKind kind : options_.benchmarks)
        for (Variant train : options_.train_sets)
            for (int s = 0; s < options_.seeds; ++s) {
                MillsBenchmark benchmark{kind, train, options_.first_seed + s, {}};
                const fs::path result = options_.out / benchmark.name() / "result.json";
                const Json origin = origin_of(options_, data_, benchmark);
                if (!options_.resume || !read(result, origin, benchmark)) {
                    run_benchmark(benchmark);
                    write(result, origin, benchmark);
                }
                all.push_back(benchmark);
            }
    return all;
}

void MillsExperiment::run_benchmark(MillsBenchmark& benchmark) {
    ImageClassifierConfig config;
    config.height = data_.train.height, config.width = data_.train.width;
    config.classes = classes_of(data_);
    config.hidden = {options_.hidden[0]};
    if (benchmark.kind == BenchmarkKind::kConvolutional) {
        config.filters = {8, 16, 32, 64, 64};
        config.hidden = {128, 64};
        config.dropout = 0.5;
        config.rule = InitialRule::kLasagne;
    }
    MillsReplica replica;
    replica.train = benchmark.train;
    replica.seed = benchmark.seed;
    VariantStore train_store(data_.train, Part::kTrain, options_.variant);
    VariantStore test_store(data_.test, Part::kTest, options_.variant);
    const auto only = [&](VariantStore& store, Variant variant) {
        return store.images({replica}, [variant](const MillsReplica&) { return variant; });
    };
    const DeviceImages images = only(train_store, benchmark.train);
    const DeviceImages labels({&data_.train.labels}, {0}, 1), test_labels({&data_.test.labels}, {0}, 1);

    const std::uint64_t steps = (data_.train.count() + options_.batch - 1) / options_.batch;
    Progress progress(
        {.label = benchmark.name(), .total = std::int64_t(steps * options_.epochs), .quiet = options_.quiet});
    ClassifierTraining training;
    training.epochs = options_.epochs;
    training.phases = {{0, options_.batch}};
    training.learning_rate = options_.learning_rate;
    training.seeds = {benchmark.seed};
    training.graph = options_.graph;
    training.after_step = [&](std::uint64_t done) { progress.update(std::int64_t(done)); };
    const Matmul matmul;
    const Convolver convolver;
    ImageClassifier<float> classifier(config, 1, options_.batch, labels, matmul, convolver);
    train_classifier(classifier, images, matmul, training);
    for (std::size_t t = 0; t < kTestSets; ++t)
        benchmark.accuracy[t] = classifier_accuracy(classifier, only(test_store, kVariants[t]), test_labels, matmul)[0];
}

}  // namespace warpvae

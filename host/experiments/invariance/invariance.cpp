#include "host/experiments/invariance/invariance.h"

#include <algorithm>
#include <map>

#include "host/core/convolution_device.h"
#include "host/core/training_run.h"
#include "host/evaluate/logistic_regression.h"
#include "host/experiment/classifier_run.h"
#include "host/experiment/likelihood_table.h"
#include "host/experiment/pixel_likelihood.h"
#include "host/log.h"

namespace warpvae {
namespace {

constexpr int kEvaluationVersion = 3;

const Choices<Variant> kTrainSets = {
    {"s", Variant::kStandard}, {"fr", Variant::kFixedRotation}, {"fs", Variant::kFixedScale}, {"rt", Variant::kRandom}};
const Choices<std::optional<BenchmarkKind>> kBenchmarks = {
    {"dense", BenchmarkKind::kDense}, {"cnn", BenchmarkKind::kConvolutional}, {"none", std::nullopt}};

/// Settings of transformations that a training set has no use for.
Values unused_of(Variant train) {
    Values unused;
    if (train == Variant::kStandard) unused = {{"interpolation", ""}, {"rotation-sense", ""}, {"centre", ""}};
    if (train != Variant::kFixedScale) unused.insert(unused.end(), {{"fixed-scale", ""}, {"fixed-scale-by", ""}});
    return unused;
}

/// Image sets made once for each (variant, seed) that replicas need.
class VariantStore {
  public:
    VariantStore(const ImageSet& set, Part part, const VariantOptions& options)
        : set_(set), part_(part), options_(options) {}

    /// Device images of variants[r] for replica r.
    DeviceImages images(const std::vector<Variant>& variants, const std::vector<std::uint64_t>& seeds) {
        std::vector<const std::vector<std::uint8_t>*> sets;
        for (std::size_t r = 0; r < variants.size(); ++r) sets.push_back(&get(variants[r], seeds[r]));
        return DeviceImages::of_replicas(sets, int(set_.image_size()));
    }
    /// The same variant for all.
    DeviceImages images(Variant variant, const std::vector<std::uint64_t>& seeds) {
        return images(std::vector<Variant>(seeds.size(), variant), seeds);
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

// --- settings and names ----------------------------------------------------------------------------------------------

void add_settings(Settings& s, InvarianceOptions& o) {
    VariantOptions& v = o.variant;
    s.group("Models");
    s.add("train-set", o.train_sets, kTraining, one_of(kTrainSets), "what the VAEs are trained on");
    s.add("latents", o.latents, kTraining, whole(1, 4096), "latent sizes N");
    s.add_sequence("hidden", o.hidden, kTraining, whole(1, 65536),
                   "hidden widths of the encoder, from the image inwards; the decoder mirrors them");
    s.add("beta", o.beta, kTraining, number(at_least(0)), "weight of the divergence in the loss (beta-VAE)");
    add_pixel_likelihood(s, o.pixels);
    s.flag("binarise", o.binarise, kTraining, "draw black or white pixels anew at each step instead of grey ones");
    s.group("Transformed images");
    s.add("interpolation", v.interpolation, kTraining | kEvaluation,
          one_of<Interpolation>({{"bilinear", Interpolation::kBilinear}, {"nearest", Interpolation::kNearest}}),
          "how they are resampled");
    s.add("rotation-sense", v.clockwise, kTraining | kEvaluation,
          one_of<bool>({{"counter-clockwise", false}, {"clockwise", true}}),
          "the sense of +20 degrees as the image is shown");
    s.add("centre", v.centre, kTraining | kEvaluation,
          one_of<Centre>({{"pixels", Centre::kPixels}, {"half-size", Centre::kHalfSize}}),
          "what stays in place: the middle of the pixels (13.5) or half the size (14)");
    s.add("fixed-scale-by", v.fixed_scale, kTraining | kEvaluation,
          one_of<FixedScale>({{"affine", FixedScale::kAffine}, {"resize-crop", FixedScale::kResizeCrop}}),
          "how the images of fs are enlarged: resized to 31 and cropped to 28 (nearer to the paper), or about the "
          "centre");
    s.add("fixed-scale", v.scale, kTraining | kEvaluation, number({0.1, 10}), "scale of fs; above 1 enlarges");
    s.group("Evaluation");
    s.add("regularisation", o.C, kEvaluation, number(positive()),
          "C of the logistic regression: the inverse of its regularisation");
    s.add("benchmark", o.benchmarks, kNothing, one_of(kBenchmarks),
          "classifiers on pixels to compare with: dense, cnn (Feige 2019's), or none");
    s.add("reduced-to", o.reduced_to, kNothing, whole<std::size_t>(2, 1 << 30),
          "numbers of training images, the first of an order shuffled by the seed; at most all")
        .only({"reduced"});
    add_likelihood_settings(s, o.likelihood, {"likelihood"});
}

const char* benchmark_code(BenchmarkKind kind) { return kind == BenchmarkKind::kDense ? "dense" : "cnn"; }
const char* name_of(BenchmarkKind kind) { return kind == BenchmarkKind::kDense ? "pixels (MLP)" : "pixels (CNN)"; }
VariantOptions with_other_scale(VariantOptions options) {
    options.fixed_scale = options.fixed_scale == FixedScale::kAffine ? FixedScale::kResizeCrop : FixedScale::kAffine;
    return options;
}
std::string set_name(Variant variant, const std::string& dataset) {
    return (dataset == "mnist" ? "MNIST" : dataset) + "-" + variant_code(variant);
}

std::string InvarianceBenchmark::name() const {
    return std::string(variant_code(train)) + "-" + benchmark_code(kind) + "-seed" + std::to_string(seed);
}
std::string InvarianceReplica::group() const {
    return std::string(variant_code(train)) + "-z" + std::to_string(latents);
}

Values InvarianceReplica::own() const {
    Values own = unused_of(train);
    own.insert(own.end(), {{"train-set", variant_code(train)}, {"latents", std::to_string(latents)}});
    return own;
}

void InvarianceReplica::fields(Fields& f) {
    f("accuracy", accuracy);
    f("accuracy_other_scale", accuracy_other_scale);
    f("regression_gradient", certificate);
    f("regression_iterations", iterations);
    f("test_negative_elbo", test_elbo.negative_elbo);
    f("test_reconstruction", test_elbo.reconstruction);
    f("test_kl", test_elbo.kl);
    f("active_units", test_elbo.active_units);
    f("latent_kl", test_elbo.latent_kl);
}

// --- replicas on the device ------------------------------------------------------------------------------------------

namespace {

class InvarianceEnsemble : public Ensemble {
  public:
    InvarianceEnsemble(const InvarianceExperiment& experiment, const std::vector<Replica*>& replicas)
        : Ensemble(replicas, experiment.options().math),
          data_(experiment.data()),
          options_(experiment.of_paper()),
          replicas_(typed<InvarianceReplica>(replicas)),
          train_store_(data_.train, Part::kTrain, options_.variant),
          test_store_(data_.test, Part::kTest, options_.variant),
          other_scale_store_(data_.test, Part::kTest, with_other_scale(options_.variant)),
          train_images_(train_store_.images(train_sets(), seeds)),
          own_test_images_(test_store_.images(train_sets(), seeds)),
          vae_(experiment.config_of(*replicas_[0]), size(), experiment.options().batch, matmul) {}

    Model<float>& model() override { return vae_; }
    const DeviceImages& epoch_images() const override { return train_images_; }
    void choose(TrainerOptions& trainer) const override { trainer.binarise = options_.binarise; }
    std::vector<Json> after_epoch(int) override {
        return test_metrics(evaluate_elbo(vae_, own_test_images_, device_seeds));
    }
    void evaluate() override {
        const auto elbo = evaluate_elbo(vae_, own_test_images_, device_seeds);
        for (int r = 0; r < size(); ++r) replicas_[r]->test_elbo = elbo[r];
        for (std::size_t kind = 0; data_.labelled && kind < kFeatureKinds.size(); ++kind) read_classes(kind);
    }

  private:
    std::vector<Variant> train_sets() const {
        std::vector<Variant> variants;
        for (const InvarianceReplica* replica : replicas_) variants.push_back(replica->train);
        return variants;
    }
    /// Section 2.2 of the paper: a logistic regression on the latents of the model's own training set, then its
    /// accuracy on the latents of each version of the test set.
    void read_classes(std::size_t kind) {
        const DeviceImages train_labels = shared(data_.train.labels, 1), test_labels = shared(data_.test.labels, 1);
        const Matmul exact(stream);  // the regression is solved in fp32 whatever the model was trained in
        const LogisticRegressionOptions regression = {.C = options_.C, .classes = data_.train.classes()};
        const DeviceBuffer<float> features =
            extract_features(vae_, train_images_, kFeatureKinds[kind], device_seeds, 0);
        const LogisticRegressionFit fit =
            fit_logistic_regression(exact, features.data(), train_labels.table(), size(), train_labels.count(),
                                    replicas_[0]->latents, regression);
        for (int r = 0; r < size(); ++r) {
            replicas_[r]->certificate[kind] = fit.certificates[r].gradient_norm;
            replicas_[r]->iterations[kind] = fit.certificates[r].iterations;
            if (!fit.certificates[r].converged)
                log_warning("the logistic regression of " + replicas_[r]->name() + " stopped short of its optimum");
        }
        const auto accuracy_on = [&](const DeviceImages& test, int draw) {
            const DeviceBuffer<float> read = extract_features(vae_, test, kFeatureKinds[kind], device_seeds, draw);
            return logistic_regression_accuracy(exact, fit, read.data(), test_labels.table(), test_labels.count());
        };
        for (std::size_t t = 0; t < kTestSets; ++t) {
            const std::vector<double> accuracy = accuracy_on(test_store_.images(kVariants[t], seeds), int(t) + 1);
            for (int r = 0; r < size(); ++r) replicas_[r]->accuracy[kind][t] = accuracy[r];
        }
        const std::vector<double> other =
            accuracy_on(other_scale_store_.images(Variant::kFixedScale, seeds), int(kTestSets) + 1);
        for (int r = 0; r < size(); ++r) replicas_[r]->accuracy_other_scale[kind] = other[r];
    }

    const DataSet& data_;
    const InvarianceOptions& options_;
    const std::vector<InvarianceReplica*> replicas_;
    VariantStore train_store_, test_store_, other_scale_store_;
    const DeviceImages train_images_, own_test_images_;
    DenseVae<float> vae_;
};

}  // namespace

// --- the experiment --------------------------------------------------------------------------------------------------

InvarianceExperiment::InvarianceExperiment(const Run& run, const InvarianceOptions& options,
                                           const std::filesystem::path& part)
    : Experiment(run, kEvaluationVersion, part), options_(options) {}

std::unique_ptr<Ensemble> InvarianceExperiment::ensemble(const std::vector<Replica*>& replicas) {
    return std::make_unique<InvarianceEnsemble>(*this, replicas);
}

DenseVaeConfig InvarianceExperiment::config_of(const InvarianceReplica& replica) const {
    DenseVaeConfig c;
    c.height = data().train.height, c.width = data().train.width, c.channels = data().train.channels;
    c.hidden = options_.hidden;
    c.latents = replica.latents;
    c.beta = options_.beta;
    c.likelihood = options_.pixels;
    return c;
}

std::vector<std::uint8_t> InvarianceExperiment::test_images(const InvarianceReplica& replica) const {
    return make_variant(data().test, replica.train, options_.variant, replica.seed, Part::kTest);
}

LoadedVae::LoadedVae(const InvarianceExperiment& experiment, const InvarianceReplica& replica, int rows)
    : OnDevice(experiment.config_of(replica), 1, rows) {
    model.parameters().upload(0, experiment.weights(replica, model.parameters().layout()));
}

std::vector<InvarianceReplica> InvarianceExperiment::replicas() const {
    std::vector<InvarianceReplica> all;
    for (const int latents : options_.latents)
        for (int s = 0; s < options().seeds; ++s)
            for (const Variant train : options_.train_sets) {
                InvarianceReplica& replica = all.emplace_back();
                replica.train = train, replica.latents = latents, replica.seed = options().seed + s;
            }
    return all;
}

std::vector<InvarianceBenchmark> InvarianceExperiment::benchmarks_of(BenchmarkKind kind) const {
    std::vector<InvarianceBenchmark> all;
    const auto& wanted = options_.benchmarks;
    if (!data().labelled || std::ranges::find(wanted, kind) == wanted.end()) return all;
    for (const Variant train_set : options_.train_sets)
        for (int s = 0; s < options().seeds; ++s)
            all.push_back({kind, train_set, options().seed + std::uint64_t(s), {}});
    return all;
}

OtherResult InvarianceExperiment::result_of(InvarianceBenchmark& benchmark) const {
    const bool is_dense = benchmark.kind == BenchmarkKind::kDense;
    Values own = unused_of(benchmark.train);
    own.insert(own.end(), {{"train-set", variant_code(benchmark.train)},
                           {"seed", std::to_string(benchmark.seed)},
                           {"epochs", std::to_string(options().epochs)},
                           {"hidden", is_dense ? std::to_string(options_.hidden[0]) : ""},
                           {"latents", ""},
                           {"beta", ""},
                           {"kl-warmup", ""},
                           {"free-bits", ""},
                           {"likelihood", ""},
                           {"binarise", ""},
                           {"classifier", benchmark_code(benchmark.kind)}});
    return {benchmark.name() + "/result.json", origin(own, {{"regularisation", ""}}),
            [&benchmark](Fields& f) { f("accuracy", benchmark.accuracy); }};
}

std::vector<InvarianceBenchmark> InvarianceExperiment::benchmarks() {
    std::vector<InvarianceBenchmark> all;
    for (const BenchmarkKind kind :
         {BenchmarkKind::kDense, BenchmarkKind::kConvolutional}) {  // replicas of one group are of one kind
        std::vector<InvarianceBenchmark> of_kind = benchmarks_of(kind);
        std::vector<OtherResult> results;
        for (InvarianceBenchmark& benchmark : of_kind) results.push_back(result_of(benchmark));
        read_or_make(results, [&](const std::vector<std::size_t>& which) {
            std::vector<InvarianceBenchmark*> missing;
            for (const std::size_t i : which) missing.push_back(&of_kind[i]);
            train_benchmarks(missing);
        });
        all.insert(all.end(), of_kind.begin(), of_kind.end());
    }
    return all;
}

std::vector<InvarianceBenchmark> InvarianceExperiment::trained_benchmarks() const {
    std::vector<InvarianceBenchmark> all;
    for (const BenchmarkKind kind : {BenchmarkKind::kDense, BenchmarkKind::kConvolutional})
        for (InvarianceBenchmark& benchmark : benchmarks_of(kind)) {
            const auto [file, expected, fields] = result_of(benchmark);
            if (read_result(out() / file, expected, fields).found == Found::kSame) all.push_back(benchmark);
        }
    return all;
}

void InvarianceExperiment::train_benchmarks(const std::vector<InvarianceBenchmark*>& benchmarks) const {
    ImageClassifierConfig config;
    config.height = data().train.height, config.width = data().train.width, config.channels = data().train.channels;
    config.classes = data().train.classes();
    config.hidden = {options_.hidden[0]};
    if (benchmarks[0]->kind == BenchmarkKind::kConvolutional) {
        config.filters = {8, 16, 32, 64, 64};
        config.hidden = {128, 64};
        config.dropout = 0.5;
        config.rule = InitialRule::kLasagne;
    }
    const std::size_t R = benchmarks.size();
    std::vector<Variant> train_sets;
    ClassifierTraining training;
    for (const InvarianceBenchmark* benchmark : benchmarks) {
        train_sets.push_back(benchmark->train);
        training.seeds.push_back(benchmark->seed);
    }
    training.epochs = options().epochs;
    training.phases = {{0, options().batch}};
    training.learning_rate = options().learning_rate;
    training.graph = !options().no_graph;

    VariantStore train_store(data().train, Part::kTrain, options_.variant);
    VariantStore test_store(data().test, Part::kTest, options_.variant);
    const DeviceImages images = train_store.images(train_sets, training.seeds);
    const DeviceImages labels({&data().train.labels}, std::vector<int>(R, 0), 1),
        test_labels({&data().test.labels}, std::vector<int>(R, 0), 1);
    const ConvolutionDevice device;
    ImageClassifier<float> classifier(config, int(R), options().batch, labels, device.matmul, device.convolver);
    train_with_progress(classifier, images, device.matmul, training, group_label(benchmarks[0]->name(), R),
                        options().quiet);
    for (std::size_t t = 0; t < kTestSets; ++t) {
        const DeviceImages test = test_store.images(kVariants[t], training.seeds);
        const std::vector<double> accuracy = classifier_accuracy(classifier, test, test_labels, device.matmul);
        for (std::size_t r = 0; r < R; ++r) benchmarks[r]->accuracy[t] = accuracy[r];
    }
}

}  // namespace warpvae

// What is read from trained models: error rates, probes, and the classifiers that the paper compares with.
#include <algorithm>
#include <cmath>

#include "data/files.h"
#include "data/standardise.h"
#include "host/evaluate/classifier_training.h"
#include "host/evaluate/logistic_regression.h"
#include "host/experiment.h"
#include "host/feige/feige_group.h"
#include "host/show/progress.h"
#include "host/training_run.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kProbeImages = 10000;  ///< that a linear probe is fitted to
constexpr int kNeuralEpochs = 10;            ///< of the dropout net on frozen features
constexpr int kBenchmarkSteps = 2000;        ///< at least, where labels are few

ImageSet first_images(const ImageSet& set, std::size_t n) {
    ImageSet out = set;
    out.truncate(n);
    return out;
}

}  // namespace

double feige_mean(const std::vector<float>& x) {
    double sum = 0;
    for (const float value : x) sum += double(value);
    return sum / double(x.size());
}

PixelStatistics::PixelStatistics(const ImageSet& train) {
    if (train.channels == 1) return;
    Standardisation s = standardise(train);
    host_mean = std::move(s.mean), host_scale = std::move(s.scale);
    mean = DeviceBuffer<float>(host_mean, "pixel means");
    scale = DeviceBuffer<float>(host_scale, "pixel scales");
}

std::vector<float> PixelStatistics::levels(std::vector<float> pixels) const {
    for (std::size_t i = 0; i < pixels.size(); ++i) {
        const std::size_t at = host_mean.empty() ? 0 : i % host_mean.size();
        const float level =
            host_mean.empty() ? 1 / (1 + std::exp(-pixels[i])) : pixels[i] / host_scale[at] + host_mean[at];
        pixels[i] = std::clamp(level, 0.f, 1.f);
    }
    return pixels;
}

FeigeExperiment::Group::Group(const FeigeExperiment& experiment, const std::vector<FeigeReplica*>& replicas)
    : stream(stream_create()),
      matmul(stream, experiment.options_.math),
      convolver(stream, experiment.options_.math),
      pixels(experiment.split_.train) {
    const FeigeSplit& split = experiment.split_;
    const int R = int(replicas.size()), size = int(split.train.image_size()), K = split.classes;
    EquivaeConfig config = experiment.config_of(*replicas[0]);
    config.pixels = pixels.view();
    for (const FeigeReplica* r : replicas) seeds.push_back(r->seed);
    device_seeds = DeviceBuffer<std::uint64_t>(seeds, "seeds");
    evaluation_seeds = DeviceBuffer<std::uint64_t>(std::vector<std::uint64_t>(R, kFeigeEvaluationSeed), "seeds");

    std::vector<const std::vector<std::uint8_t>*> images, labels, unlabelled_images;
    std::vector<int> own(R);
    if (config.semi_supervised) {
        for (const FeigeReplica* r : replicas) splits.push_back(labelled_split(split.train, K, r->labels, r->seed));
        for (int r = 0; r < R; ++r) {
            images.push_back(&splits[r].labelled.images), labels.push_back(&splits[r].labelled.labels);
            unlabelled_images.push_back(&splits[r].unlabelled.images);
            own[r] = r;
        }
        unlabelled = DeviceImages(unlabelled_images, own, size);
    } else {
        images = {&split.train.images}, labels = {&split.train.labels};
    }
    labelled = DeviceImages(images, own, size);
    labelled_labels = DeviceImages(labels, own, 1);
    std::vector<const std::vector<std::uint8_t>*> label_sets;
    for (int r = 0; r < R; ++r) label_sets.push_back(labels[own[r]]);
    classes = std::make_unique<ClassSets>(label_sets, K);
    const EquivaeData data{&labelled, &labelled_labels, classes.get(), unlabelled.count()};
    const auto phases = experiment.phases_of(experiment.epochs_of(*replicas[0]));
    model = std::make_unique<Equivae<float>>(config, R, phases.back().batch, data, matmul, convolver);
}

// --- evaluation ------------------------------------------------------------------------------------------------------

namespace {

/// Accuracy on `test` of a logistic regression fitted to `train`, rows of d numbers with labels.
double probe(const Matmul& matmul, const std::vector<float>& train, const std::vector<std::uint8_t>& train_labels,
             const std::vector<float>& test, const std::vector<std::uint8_t>& test_labels, int classes) {
    const DeviceBuffer<float> fit_rows(train, "probe features"), test_rows(test, "probe features");
    const DeviceImages fit_labels({&train_labels}, {0}, 1), labels({&test_labels}, {0}, 1);
    LogisticRegressionOptions options;
    options.classes = classes;
    const int d = int(train.size() / train_labels.size());
    const auto fit =
        fit_logistic_regression(matmul, fit_rows.data(), fit_labels.table(), 1, train_labels.size(), d, options);
    return logistic_regression_accuracy(matmul, fit, test_rows.data(), labels.table(), test_labels.size())[0];
}

}  // namespace

void FeigeExperiment::evaluate_group(Group& group, const std::vector<FeigeReplica*>& replicas) {
    Equivae<float>& model = *group.model;
    const Matmul& matmul = group.matmul;
    const int R = int(replicas.size()), K = split_.classes;
    const ImageSet &train = split_.train, &test = data_.test, &held_out = split_.validation;
    const DeviceImages test_images = group.shared(test.images, test.image_size());

    // The validation set's bound, r from other images of it.
    const DeviceImages validation = group.shared(held_out.images, held_out.image_size());
    const auto held_out_latents = equivae_latents(model, validation, group.class_sets(held_out.labels, K),
                                                  kShownComplement, group.evaluation_seeds, matmul);
    for (int r = 0; r < R; ++r) {
        replicas[r]->validation_nll = feige_mean(held_out_latents[r].nll);
        replicas[r]->validation_kl = feige_mean(held_out_latents[r].kl);
        replicas[r]->active_units = active_dimensions(held_out_latents[r].v, model.config().latents);
    }
    if (replicas[0]->kind == FeigeKind::kAblation) return;

    // The class from f_inv(x) and the class means r_y of the labelled images, in two ways.
    const auto labelled = embed_images(model, group.labelled, matmul),
               embedded = embed_images(model, test_images, matmul);
    const bool semi = replicas[0]->kind == FeigeKind::kSemiSupervised;
    std::vector<std::vector<float>> means(R);
    std::vector<double> log_prior(K);
    for (int r = 0; r < R; ++r) {
        const std::vector<std::uint8_t>& labels = semi ? group.splits[r].labelled.labels : train.labels;
        means[r] = class_means(labelled[r], labels, K);
        for (int k = 0; k < K; ++k)
            log_prior[k] = std::log(double(std::count(labels.begin(), labels.end(), k)) / double(labels.size()));
    }
    const auto likely = most_likely_classes(model, test_images, means, log_prior, matmul);
    for (int r = 0; r < R; ++r) {
        const auto nearest = nearest_classes(embedded[r], means[r], K);
        replicas[r]->distance = error_rate(nearest, test.labels);
        replicas[r]->likelihood = error_rate(likely[r], test.labels);
        replicas[r]->agreement = 1 - error_rate(nearest, likely[r]);
    }
    if (semi) {
        const auto predicted = classify_images(model, test_images, matmul);
        for (int r = 0; r < R; ++r) replicas[r]->classifier = error_rate(predicted[r], test.labels);
    }

    // What a linear classifier reads from each latent.
    const Matmul exact(group.stream);
    const ImageSet some = first_images(train, kProbeImages);
    const DeviceImages some_images = group.shared(some.images, some.image_size());
    const auto fit = equivae_latents(model, some_images, group.class_sets(some.labels, K), kShownComplement,
                                     group.evaluation_seeds, matmul);
    const auto fit_r = embed_images(model, some_images, matmul);
    const auto tried = equivae_latents(model, test_images, group.class_sets(test.labels, K), kShownComplement,
                                       group.evaluation_seeds, matmul);
    for (int r = 0; r < R; ++r) {
        replicas[r]->probe_r = probe(exact, fit_r[r], some.labels, embedded[r], test.labels, K);
        replicas[r]->probe_v = probe(exact, fit[r].v, some.labels, tried[r].v, test.labels, K);
        replicas[r]->probe_v_sample = probe(exact, fit[r].v_sample, some.labels, tried[r].v_sample, test.labels, K);
    }
    if (semi) return;

    // A dropout net on frozen f_inv(x) (section 3.1).
    ImageClassifierConfig config;
    config.height = train.height, config.width = train.width, config.channels = train.channels;
    config.pixels = model.config().pixels;
    config.hidden = {128, 64};
    config.dropout = 0.5;
    config.classes = K;
    config.rule = InitialRule::kLasagne;
    FrozenFeatures<float> frozen;
    frozen.size = model.config().latents;
    frozen.minibatch = model.minibatch();
    frozen.features = [&](int N) {
        model.embed(N);
        return model.embedding();
    };
    ClassifierTraining training;
    training.epochs = std::min(kNeuralEpochs, epochs_of(*replicas[0]));
    training.phases = phases_of(training.epochs);
    training.learning_rate = options_.learning_rate;
    training.seeds = group.seeds;
    training.graph = options_.graph;
    const DeviceImages test_labels = group.shared(test.labels, 1);
    ImageClassifier<float> classifier(config, R, training.phases.back().batch, group.labelled_labels, matmul,
                                      group.convolver, frozen);
    Progress progress({.label = "classifier on f_inv(x)",
                       .total = std::int64_t(Schedule(train.count(), training.phases).epoch_start(training.epochs)),
                       .quiet = options_.quiet});
    training.after_step = [&](std::uint64_t done) { progress.update(std::int64_t(done)); };
    train_classifier(classifier, group.labelled, matmul, training);
    progress.finish();
    const auto accuracy = classifier_accuracy(classifier, test_images, test_labels, matmul);
    for (int r = 0; r < R; ++r) replicas[r]->neural = 1 - accuracy[r];
}

/// The paper's benchmark of a model, trained on the same labels: f_inv's layers with two of dropout, or q(y|x)'s. For
/// how long the paper does not say: until it has `converged`, or for the model's own number of passes.
double FeigeExperiment::benchmark(const FeigeReplica& replica, bool converged) const {
    const bool semi = replica.kind == FeigeKind::kSemiSupervised;
    const fs::path path =
        options_.out / ((converged ? "benchmark-" : "short-benchmark-") +
                        (semi ? "labels" + std::to_string(replica.labels) : std::string("supervised")) + "-seed" +
                        std::to_string(replica.seed) + ".json");
    const ImageSet labelled =
        semi ? labelled_split(split_.train, split_.classes, replica.labels, replica.seed).labelled : split_.train;
    ClassifierTraining training;
    training.epochs = epochs_of(replica);
    if (semi && converged && !options_.quick) {
        const int steps = int((labelled.count() + options_.batch - 1) / options_.batch);
        training.epochs = std::max(training.epochs, (kBenchmarkSteps + steps - 1) / steps);
    }
    if (semi)
        training.phases = {{0, std::min(options_.batch, int(labelled.count()))}};
    else
        training.phases = phases_of(training.epochs);
    double known = 0;
    const auto same = [&](const Json& json) {
        known = json.at("error");
        return json.at("epochs") == training.epochs && json.at("test_images") == data_.test.count();
    };
    if (options_.resume && read_result(path, same)) return known;
    const EquivaeConfig like = config_of(replica);
    const PixelStatistics pixels(split_.train);
    ImageClassifierConfig config;
    config.height = like.height, config.width = like.width, config.channels = like.channels;
    config.pixels = pixels.view();
    config.filters = like.filters;
    config.hidden = {like.trunk_hidden, like.hidden};
    if (semi) {
        config.hidden = {like.trunk_hidden};
        config.hidden.insert(config.hidden.end(), like.classifier_hidden.begin(), like.classifier_hidden.end());
    }
    config.dropout = like.dropout;
    config.classes = like.classes;
    config.rule = InitialRule::kLasagne;
    training.learning_rate = options_.learning_rate;
    training.seeds = {replica.seed};
    training.graph = options_.graph;

    struct OwnStream {
        Stream stream = stream_create();
        ~OwnStream() { stream_destroy(stream); }
    } own;
    const Matmul matmul(own.stream, options_.math);
    const Convolver convolver(own.stream, options_.math);
    const DeviceImages images({&labelled.images}, {0}, int(labelled.image_size())), labels({&labelled.labels}, {0}, 1);
    const DeviceImages test_images({&data_.test.images}, {0}, int(data_.test.image_size())),
        test_labels({&data_.test.labels}, {0}, 1);
    ImageClassifier<float> classifier(config, 1, training.phases.back().batch, labels, matmul, convolver);
    Progress progress({.label = "benchmark of " + replica.name(),
                       .total = std::int64_t(Schedule(labelled.count(), training.phases).epoch_start(training.epochs)),
                       .quiet = options_.quiet});
    training.after_step = [&](std::uint64_t done) { progress.update(std::int64_t(done)); };
    train_classifier(classifier, images, matmul, training);
    progress.finish();
    const double error = 1 - classifier_accuracy(classifier, test_images, test_labels, matmul)[0];
    write_result(path, {{"error", error}, {"epochs", training.epochs}, {"test_images", data_.test.count()}});
    return error;
}

// --- trained models --------------------------------------------------------------------------------------------------

FeigeExperiment::Loaded::Loaded(const EquivaeConfig& config, const ImageSet& train, int rows)
    : stream(stream_create()),
      matmul(stream),
      convolver(stream),
      pixels(train),
      model(
          [&] {
              EquivaeConfig own = config;
              own.pixels = pixels.view();
              return own;
          }(),
          1, rows, {}, matmul, convolver),
      seeds(std::vector<std::uint64_t>{kFeigeEvaluationSeed}, "seeds") {}
FeigeExperiment::Loaded::~Loaded() { stream_destroy(stream); }

bool FeigeExperiment::is_trained(const FeigeReplica& replica) const {
    return fs::exists(folder_of(replica) / "model.safetensors");
}

std::unique_ptr<FeigeExperiment::Loaded> FeigeExperiment::load(const FeigeReplica& replica) const {
    auto loaded = std::make_unique<Loaded>(config_of(replica), split_.train, 128);
    auto& parameters = loaded->model.parameters();
    parameters.upload(0, load_weights(folder_of(replica) / "model.safetensors", parameters.layout()));
    return loaded;
}

std::vector<float> FeigeExperiment::Loaded::decode(const std::vector<float>& r, const std::vector<float>& v) {
    const std::size_t Z = model.config().latents, n = v.size() / Z, D = model.image_size();
    std::vector<float> out(n * D);
    for (std::size_t first = 0; first < n; first += model.evaluation_rows()) {
        const std::size_t rows = std::min<std::size_t>(model.evaluation_rows(), n - first);
        check(copy_to_device(model.r(), r.data() + first * Z, rows * Z * sizeof(float), stream));
        check(copy_to_device(model.v(), v.data() + first * Z, rows * Z * sizeof(float), stream));
        model.decode(int(rows));
        check(copy_to_host(out.data() + first * D, model.pixels(), rows * D * sizeof(float), stream));
    }
    return pixels.levels(std::move(out));
}

EquivaeLatents FeigeExperiment::Loaded::latents(const ImageSet& set, int classes, int m) {
    const DeviceImages images({&set.images}, {0}, int(set.image_size()));
    const ClassSets sets({&set.labels}, classes);
    return equivae_latents(model, images, sets, m, seeds, matmul)[0];
}

}  // namespace warpvae

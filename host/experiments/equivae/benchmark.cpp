#include "host/experiments/equivae/benchmark.h"

#include "host/experiment/classifier_run.h"

namespace warpvae {
namespace {

ImageClassifierConfig config_like(const EquivaeConfig& like, const ImageSet& images, const PixelStatistics& pixels) {
    ImageClassifierConfig config;
    config.height = images.height, config.width = images.width, config.channels = images.channels;
    config.pixels = pixels.view();
    config.filters = like.filters;
    config.hidden = {like.trunk_hidden};
    if (like.semi_supervised)
        config.hidden.insert(config.hidden.end(), like.classifier_hidden.begin(), like.classifier_hidden.end());
    else
        config.hidden.push_back(like.hidden);
    config.dropout = like.dropout;
    config.classes = like.classes;
    config.rule = InitialRule::kLasagne;
    return config;
}

}  // namespace

BenchmarkClassifier::BenchmarkClassifier(const EquivaeExperiment& experiment, const EquivaeConfig& like,
                                         const ImageSet& labelled, int rows, Math math)
    : experiment_(experiment),
      device_(math),
      pixels_(experiment.split().train),
      images_({&labelled.images}, {0}, int(labelled.image_size())),
      labels_({&labelled.labels}, {0}, 1),
      classifier_(config_like(like, labelled, pixels_), 1, rows, labels_, device_.matmul, device_.convolver) {}

void BenchmarkClassifier::train(ClassifierTraining training, const std::string& label) {
    training.graph = !experiment_.options().no_graph;
    train_with_progress(classifier_, images_, device_.matmul, training, label, experiment_.options().quiet);
}

double BenchmarkClassifier::accuracy(const ImageSet& set) {
    const DeviceImages images({&set.images}, {0}, int(set.image_size())), labels({&set.labels}, {0}, 1);
    return classifier_accuracy(classifier_, images, labels, device_.matmul)[0];
}

double EquivaeExperiment::benchmark(const EquivaeReplica& of, bool converged) const {
    const bool semi = of.kind == EquivaeKind::kSemiSupervised;
    ClassifierTraining training;
    training.epochs = of.planned;
    training.phases = of.phases;
    training.learning_rate = options().learning_rate;
    training.seeds = {of.seed};
    if (semi) {
        const int batch = options().batch, steps = (of.labels + batch - 1) / batch;
        if (converged) training.epochs = std::max(of.planned, (options_.benchmark_steps + steps - 1) / steps);
        training.phases = {{0, std::min(batch, of.labels)}};
    }
    const std::string epochs = std::to_string(training.epochs),
                      name = "benchmark-" + (semi ? "labels" + std::to_string(of.labels) : "supervised") + "-z" +
                             std::to_string(of.latents) + "-" + epochs + "epochs-seed" + std::to_string(of.seed);
    const Values own = {{"kind", "benchmark"},
                        {"seed", std::to_string(of.seed)},
                        {"epochs", epochs},
                        {"labels", semi ? std::to_string(of.labels) : ""},
                        {"latents", std::to_string(of.latents)},
                        {"batch", ""},
                        {"phases", ""},
                        {"batches", text_of(training.phases)},
                        {"mixing", ""},
                        {"max-complement", ""},
                        {"deviation", ""}};
    double error = 0;
    const auto train = [&] {
        BenchmarkClassifier classifier(*this, of.config, labelled_images(of), training.phases.back().batch,
                                       options().math);
        classifier.train(training, name);
        error = 1 - classifier.accuracy(data().test);
    };
    read_or_make(
        name + "/result.json", origin(own, {{"benchmark-steps", ""}}), [&](Fields& f) { f("error", error); }, train);
    return error;
}

}  // namespace warpvae

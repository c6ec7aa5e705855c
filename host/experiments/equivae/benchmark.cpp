#include "host/experiments/equivae/benchmark.h"

#include <algorithm>

#include "host/core/training_run.h"
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
    config.dropout_from = std::max(int(config.hidden.size()) - 2, 0);  // two layers of dropout, at the end
    config.classes = like.classes;
    config.rule = InitialRule::kLasagne;
    return config;
}

/// The images or the labels of each replica's set.
DeviceImages on_device(const std::vector<const ImageSet*>& sets, std::vector<std::uint8_t> ImageSet::*part, int size) {
    std::vector<const std::vector<std::uint8_t>*> bytes;
    for (const ImageSet* set : sets) bytes.push_back(&(set->*part));
    return DeviceImages::of_replicas(bytes, size);
}

}  // namespace

BenchmarkClassifier::BenchmarkClassifier(const EquivaeExperiment& experiment, const EquivaeConfig& like,
                                         const std::vector<const ImageSet*>& labelled, int rows, Math math)
    : experiment_(experiment),
      device_(math),
      pixels_(experiment.split().train),
      images_(on_device(labelled, &ImageSet::images, int(labelled[0]->image_size()))),
      labels_(on_device(labelled, &ImageSet::labels, 1)),
      classifier_(config_like(like, *labelled[0], pixels_), int(labelled.size()), rows, labels_, device_.matmul,
                  device_.convolver) {}

void BenchmarkClassifier::train(ClassifierTraining training, const std::string& label) {
    training.graph = !experiment_.options().no_graph;
    train_with_progress(classifier_, images_, device_.matmul, training, label, experiment_.options().quiet);
}

std::vector<double> BenchmarkClassifier::accuracy(const ImageSet& set) {
    const std::vector<const ImageSet*> sets(std::size_t(classifier_.replicas()), &set);
    return classifier_accuracy(classifier_, on_device(sets, &ImageSet::images, int(set.image_size())),
                               on_device(sets, &ImageSet::labels, 1), device_.matmul);
}

std::vector<double> EquivaeExperiment::benchmarks(const std::vector<EquivaeReplica*>& of, bool converged) const {
    const EquivaeReplica& first = *of[0];
    const bool semi = first.kind == EquivaeKind::kSemiSupervised;
    ClassifierTraining training;
    training.epochs = converged && options_.benchmark_passes ? options_.benchmark_passes : first.planned;
    training.phases = phases_of(training.epochs);
    training.learning_rate = options().learning_rate;
    if (semi) {
        const int batch = options().batch, steps = (first.labels + batch - 1) / batch;
        if (converged) training.epochs = std::max(training.epochs, (options_.benchmark_steps + steps - 1) / steps);
        training.phases = {{0, std::min(batch, first.labels)}};
    }
    const std::string epochs = std::to_string(training.epochs), labels = semi ? std::to_string(first.labels) : "",
                      latents = std::to_string(first.latents);
    std::vector<double> errors(of.size());
    std::vector<std::string> names;
    std::vector<OtherResult> results;
    for (std::size_t i = 0; i < of.size(); ++i) {
        const std::string seed = std::to_string(of[i]->seed);
        names.push_back("benchmark-" + (semi ? "labels" + labels : "supervised") + "-z" + latents + "-" + epochs +
                        "epochs-seed" + seed);
        const Values own = {{"kind", "benchmark"},  {"seed", seed},
                            {"epochs", epochs},     {"labels", labels},
                            {"latents", latents},   {"batch", ""},
                            {"phases", ""},         {"batches", text_of(training.phases)},
                            {"mixing", ""},         {"max-complement", ""},
                            {"likelihood", ""},     {"kl-warmup", ""},
                            {"free-bits", ""},      {"labelled-weight", ""},
                            {"initialisation", ""}, {"normalisation", ""}};
        results.push_back({names[i] + "/result.json", origin(own, {{"benchmark-steps", ""}, {"benchmark-passes", ""}}),
                           [&error = errors[i]](Fields& f) { f("error", error); }});
    }
    read_or_make(results, [&](const std::vector<std::size_t>& which) {
        std::vector<ImageSet> drawn(semi ? which.size() : 0);  // few labels: each replica has its own
        std::vector<const ImageSet*> labelled(which.size(), &split_.train);
        training.seeds.clear();
        for (std::size_t r = 0; r < which.size(); ++r) {
            const EquivaeReplica& replica = *of[which[r]];
            training.seeds.push_back(replica.seed);
            if (semi) labelled[r] = &(drawn[r] = labelled_images(replica));
        }
        EquivaeConfig like = first.config;
        like.dropout = options_.benchmark_dropout;
        BenchmarkClassifier classifier(*this, like, labelled, training.phases.back().batch, options().math);
        classifier.train(training, group_label(names[which[0]], which.size()));
        const std::vector<double> accuracy = classifier.accuracy(data().test);
        for (std::size_t r = 0; r < which.size(); ++r) errors[which[r]] = 1 - accuracy[r];
    });
    return errors;
}

}  // namespace warpvae

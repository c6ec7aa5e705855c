#include "host/evaluate/classifier_training.h"

#include <algorithm>

#include "host/core/interrupt.h"
#include "host/core/phase.h"

namespace warpvae {

void train_classifier(ImageClassifier<float>& classifier, const DeviceImages& images, const Matmul& matmul,
                      const ClassifierTraining& training) {
    const InPhase phase(Phase::kTraining);
    classifier.parameters().initialise(training.seeds, matmul.stream());
    TrainerOptions options;
    options.phases = training.phases;
    options.learning_rates.assign(training.seeds.size(), float(training.learning_rate));
    options.graph = training.graph && matmul.stream();  // a null stream cannot be captured
    Trainer trainer(classifier, images, training.seeds, matmul, options);
    for (int e = 0; e < training.epochs; ++e)
        if (const std::uint64_t before = trainer.step(); !trainer.finish_epoch([&](std::uint64_t done) {
                if (training.after_step) training.after_step(before + done);
                return !interrupted();
            }))
            throw Interrupted();  // a classifier has no checkpoint: it is trained again
}

std::vector<double> classifier_accuracy(ImageClassifier<float>& classifier, const DeviceImages& images,
                                        const DeviceImages& labels, const Matmul& matmul) {
    const int R = classifier.replicas(), batch = classifier.max_rows();
    const ImageClassifierConfig& config = classifier.config();
    DeviceBuffer<std::uint8_t> predicted(std::size_t(R) * batch, "predictions");
    DeviceBuffer<unsigned long long> correct(R, "hits");
    correct.zero(matmul.stream());
    for (std::size_t first = 0; first < images.count(); first += batch) {
        const int rows = int(std::min<std::size_t>(batch, images.count() - first));
        check(gather_range(classifier.minibatch(), images.table(), first, R, rows,
                           config.height * config.width * config.channels, matmul.stream(), config.pixels));
        classifier.classify(rows);
        check(softmax_cross_entropy<float>({.predicted = predicted.data()}, classifier.logits(), nullptr, 0, {}, 1.f,
                                           ClassAxis::kLast, R, rows, config.classes, matmul.stream()));
        check(accumulate_correct(correct.data(), predicted.data(), labels.table(), first, R, rows, matmul.stream()));
    }
    std::vector<double> accuracy;
    for (unsigned long long hits : correct.download(matmul.stream()))
        accuracy.push_back(double(hits) / double(images.count()));
    return accuracy;
}

}  // namespace warpvae

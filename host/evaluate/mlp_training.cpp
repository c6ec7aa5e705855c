#include "host/evaluate/mlp_training.h"

#include <algorithm>

#include "host/core/trainer.h"
#include "models/mlp_classifier.h"

namespace warpvae {

std::vector<double> train_mlp_classifier(const DeviceImages& images, const ImageSet& train,
                                         const std::vector<DeviceImages>& tests, const ImageSet& test, int hidden,
                                         int epochs, int batch, double learning_rate, std::uint64_t seed,
                                         const std::function<void(std::uint64_t)>& after_step) {
    const Matmul matmul;
    const DeviceImages labels({&train.labels}, {0}, 1), test_labels({&test.labels}, {0}, 1);
    MlpClassifierConfig config;
    config.height = train.height;
    config.width = train.width;
    config.hidden = {hidden};
    config.classes = *std::max_element(train.labels.begin(), train.labels.end()) + 1;
    MlpClassifier<float> classifier(config, 1, batch, labels, matmul);
    classifier.parameters().initialise({seed}, matmul.stream());
    TrainerOptions options;
    options.batch = batch;
    options.learning_rates = {float(learning_rate)};
    options.graph = false;  // a null stream cannot be captured
    Trainer trainer(classifier, images, {seed}, matmul, options);
    for (int e = 0; e < epochs; ++e)
        trainer.finish_epoch([&](std::uint64_t) {
            if (after_step) after_step(trainer.step());
            return true;
        });

    std::vector<double> accuracy;
    DeviceBuffer<std::uint8_t> predicted(batch, "predictions");
    DeviceBuffer<unsigned long long> correct(1, "hits");
    for (const DeviceImages& set : tests) {
        correct.zero();
        for (std::size_t first = 0; first < set.count(); first += batch) {
            const int rows = int(std::min<std::size_t>(batch, set.count() - first));
            check(gather_range(classifier.minibatch(), set.table(), first, 1, rows, config.height * config.width,
                               matmul.stream()));
            classifier.forward(rows);
            check(softmax_cross_entropy<float>(nullptr, nullptr, predicted.data(), classifier.logits(), nullptr, 0,
                                               nullptr, 0, 1.f, ClassAxis::kLast, 1, rows, config.classes,
                                               matmul.stream()));
            check(accumulate_correct(correct.data(), predicted.data(), test_labels.table(), first, 1, rows,
                                     matmul.stream()));
        }
        accuracy.push_back(double(correct.download()[0]) / double(set.count()));
    }
    return accuracy;
}

}  // namespace warpvae

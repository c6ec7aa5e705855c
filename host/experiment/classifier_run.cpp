#include "host/experiment/classifier_run.h"

#include "host/show/progress.h"

namespace warpvae {

void train_with_progress(ImageClassifier<float>& classifier, const DeviceImages& images, const Matmul& matmul,
                         ClassifierTraining training, const std::string& label, bool quiet) {
    const std::uint64_t steps = Schedule(images.count(), training.phases).epoch_start(training.epochs);
    Progress progress({.label = label, .total = std::int64_t(steps), .quiet = quiet});
    training.after_step = [&](std::uint64_t done) { progress.update(std::int64_t(done)); };
    train_classifier(classifier, images, matmul, training);
}

}  // namespace warpvae

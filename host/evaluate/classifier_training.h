// Trains the classifiers that a model is compared with, and measures their accuracy.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "host/core/trainer.h"
#include "models/image_classifier.h"

namespace warpvae {

struct ClassifierTraining {
    int epochs = 10;
    std::vector<BatchPhase> phases = {{0, 128}};
    double learning_rate = 1e-3;
    std::vector<std::uint64_t> seeds;  ///< one per replica
    bool graph = true;
    std::function<void(std::uint64_t steps_done)> after_step;  ///< may throw
};

/// Initialises the classifier and trains it with Adam on `images`. The same seeds give the same weights.
void train_classifier(ImageClassifier<float>& classifier, const DeviceImages& images, const Matmul& matmul,
                      const ClassifierTraining& training);

/// Shares of `images` that each replica gives the class of `labels`, one byte an image.
std::vector<double> classifier_accuracy(ImageClassifier<float>& classifier, const DeviceImages& images,
                                        const DeviceImages& labels, const Matmul& matmul);

}  // namespace warpvae

// Training of a classifier that a program's models are compared with, as its user sees it.
#pragma once
#include <string>

#include "host/evaluate/classifier_training.h"

namespace warpvae {

/// train_classifier with a progress bar; `quiet`: without.
void train_with_progress(ImageClassifier<float>& classifier, const DeviceImages& images, const Matmul& matmul,
                         ClassifierTraining training, const std::string& label, bool quiet);

}  // namespace warpvae

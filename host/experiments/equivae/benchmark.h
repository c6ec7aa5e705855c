// The classifier that Feige (2019) compares with, trained on labelled images alone.
#pragma once
#include "host/evaluate/classifier_training.h"
#include "host/experiments/equivae/trained.h"
#include "models/image_classifier.h"

namespace warpvae {

/// f_inv's layers with two of dropout and, for a semi-supervised model, q(y | x)'s: of the widths that `like` has.
class BenchmarkClassifier {
  public:
    BenchmarkClassifier(const EquivaeExperiment& experiment, const EquivaeConfig& like, const ImageSet& labelled,
                        int rows, Math math = Math::kFp32);
    void train(ClassifierTraining training, const std::string& label);
    /// The share of images that it gives the class of their label.
    double accuracy(const ImageSet& images);
    ParameterArena<float>& parameters() { return classifier_.parameters(); }

  private:
    const EquivaeExperiment& experiment_;
    const ConvolutionDevice device_;
    const PixelStatistics pixels_;
    const DeviceImages images_, labels_;
    ImageClassifier<float> classifier_;
};

}  // namespace warpvae

// The classifier that Feige (2019) compares with, trained on labelled images alone; and as a judge of how often what a
// trained EQUIVAE makes is what it was asked for.
#pragma once
#include <optional>
#include <vector>

#include "host/evaluate/classifier_training.h"
#include "host/experiments/equivae/trained.h"
#include "models/image_classifier.h"

namespace warpvae {

/// f_inv's layers or, for a semi-supervised model, q(y | x)'s, of the widths that `like` has, with dropout behind the
/// last two hidden ones (section 3.1: "2 dropout layers"; q(y | x) has them behind its last two, appendix B). One
/// replica for each of the sets `labelled`, which are as large as each other and may be the same.
class BenchmarkClassifier {
  public:
    BenchmarkClassifier(const EquivaeExperiment& experiment, const EquivaeConfig& like,
                        const std::vector<const ImageSet*>& labelled, int rows, Math math = Math::kFp32);
    void train(ClassifierTraining training, const std::string& label);
    /// The share of images that each replica gives the class of their label.
    std::vector<double> accuracy(const ImageSet& images);
    ParameterArena<float>& parameters() { return classifier_.parameters(); }

  private:
    const EquivaeExperiment& experiment_;
    const ConvolutionDevice device_;
    const PixelStatistics pixels_;
    const DeviceImages images_, labels_;
    ImageClassifier<float> classifier_;
};

/// A classifier that knows nothing of the model: the paper's benchmark, trained for a few epochs on the training
/// images with a seed of its own. Its weights stay in the run's folder.
class Judge {
  public:
    explicit Judge(const EquivaeExperiment& experiment);
    /// The share of images that it gives the class of their label.
    double accuracy(const ImageSet& images) { return classifier_.accuracy(images)[0]; }

  private:
    BenchmarkClassifier classifier_;
};

/// Shares of made images whose class is read as the one that was asked for.
struct ClassShares {
    double distance = 0;          ///< by the model's own nearest r_y
    std::optional<double> judge;  ///< by an independent classifier
};
ClassShares read_shares(TrainedEquivae& model, Judge* judge, const ImageSet& images);
/// Samples of the prior at r_y, `each` of every class.
ClassShares sample_class_accuracy(TrainedEquivae& model, Judge* judge, int each = 100);
/// Pairs (r^i, v^j) of different classes i and j, from `sets` validation images of each class: class i is asked for.
ClassShares swap_class_accuracy(TrainedEquivae& model, Judge* judge, int sets = 10);

}  // namespace warpvae

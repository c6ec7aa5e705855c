// How often what a trained EQUIVAE makes is what it was asked for.
#pragma once
#include <optional>

#include "host/experiments/equivae/benchmark.h"

namespace warpvae {

/// A classifier that knows nothing of the model: the paper's benchmark, trained for a few epochs on the training
/// images with a seed of its own. Its weights stay in the run's folder.
class Judge {
  public:
    explicit Judge(const EquivaeExperiment& experiment);
    /// The share of images that it gives the class of their label.
    double accuracy(const ImageSet& images) { return classifier_.accuracy(images); }

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

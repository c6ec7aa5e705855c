// What a trainer asks of a model: where its minibatch goes, and one call that turns it into gradients.
#pragma once
#include <string>
#include <vector>

#include "models/parameters.h"

namespace warpvae {

/// One part of the loss: a number for each row of the minibatch, or for `count` rows of the model's own each step. An
/// epoch's figure is the mean over its rows, or the mean over its steps of scale * the sum of those.
template <class T>
struct LossTerm {
    std::string name;       ///< as metrics.jsonl calls it
    const T* rows;          ///< device [R, N], or R times `count` numbers `row_stride` apart
    double weight;          ///< in the loss
    bool per_step = false;  ///< rows of the model's own
    int count = 0;
    std::size_t row_stride = 0;  ///< 0: N
    double scale = 1;
};

template <class T>
class Model {
  public:
    virtual ~Model() = default;
    virtual ParameterArena<T>& parameters() = 0;
    virtual int replicas() const = 0;
    /// Rows that one call takes at most.
    virtual int max_rows() const = 0;
    virtual GatherOptions input_shape() const = 0;
    /// Device [R, batch_rows(N), D], pixels as input_shape() says: fill the first N rows of each replica, then call
    /// `gradients` or `evaluate` with that N.
    virtual T* minibatch() = 0;
    virtual int batch_rows(int N) const { return N; }
    /// Told before each step's gather: for models that gather more than images, or in several shapes. The answer names
    /// the shape of all that the step launches apart from N; a step is recorded once for each.
    virtual std::uint64_t begin_step(const MinibatchOrder& order, std::uint64_t step) {
        (void)order, (void)step;
        return 0;
    }
    /// Forward and backward: fills parameters().gradients() with the gradient of the loss averaged over the N rows.
    virtual void gradients(int N, const LatentNoise& noise) = 0;
    /// Forward alone: fills the rows of loss_terms().
    virtual void evaluate(int N, const LatentNoise& noise) = 0;
    virtual std::vector<LossTerm<T>> loss_terms() const = 0;
};

}  // namespace warpvae

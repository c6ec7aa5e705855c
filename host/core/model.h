// What a trainer asks of a model: where its minibatch goes, and one call that turns it into gradients.
#pragma once
#include <string>
#include <vector>

#include "host/core/parameters.h"

namespace warpvae {

/// One part of the loss, per row: the loss is the sum over terms of weight * rows.
template <class T>
struct LossTerm {
    std::string name;  ///< as metrics.jsonl calls it
    const T* rows;     ///< device [R, N]
    double weight;     ///< in the loss
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
    /// Device [R, N, D] in [0, 1]: fill it, then call `gradients` or `evaluate` with that N.
    virtual T* minibatch() = 0;
    /// Forward and backward: fills parameters().gradients() with the gradient of the loss averaged over the N rows.
    virtual void gradients(int N, const LatentNoise& noise) = 0;
    /// Forward alone: fills the rows of loss_terms().
    virtual void evaluate(int N, const LatentNoise& noise) = 0;
    virtual std::vector<LossTerm<T>> loss_terms() const = 0;
};

}  // namespace warpvae

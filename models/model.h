// The interface between a trainer and a model: the trainer fills the model's minibatch and asks for the gradients.
#pragma once
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "models/dense_layer.h"

namespace warpvae {

/// One part of the loss: a number for each row of the minibatch, or with `per_step` for each of `count` rows that the
/// model chooses. An epoch's figure is the mean over all rows of its minibatches; with `per_step` it is the mean over
/// its steps of scale * the sum over the `count` rows.
template <class T>
struct LossTerm {
    std::string name;       ///< as metrics.jsonl calls it
    const T* rows;          ///< device [R, N], or R times `count` numbers `row_stride` apart
    double weight;          ///< in the loss
    bool per_step = false;  ///< the rows are not those of the minibatch
    int count = 0;
    std::size_t row_stride = 0;  ///< 0: N times `parts`
    double scale = 1;
    int parts = 1;  ///< a row's number is the sum of so many, which lie beside each other
};

/// R replicas of one model, which train in the same launches. Each replica takes up to max_rows() images at a time.
template <class T>
class Model {
  public:
    virtual ~Model() = default;
    Model(Model&&) = default;
    ParameterArena<T>& parameters() { return parameters_; }
    int replicas() const { return R_; }
    int max_rows() const { return max_rows_; }
    /// The images' shape, and how their bytes become numbers.
    const GatherOptions& input_shape() const { return shape_; }
    /// D: the numbers of an image.
    int image_size() const { return shape_.height * shape_.width * shape_.channels; }
    Stream stream() const { return matmul_.stream(); }
    /// Device [R, batch_rows(N), D]. The caller fills the first N rows of each replica, then calls `gradients` or
    /// `evaluate` with that N.
    virtual T* minibatch() { return input_.data(); }
    virtual int batch_rows(int N) const { return N; }
    /// The trainer calls this before it gathers a step's images, for models that gather more than images or have steps
    /// of several shapes. The answer identifies the shape of what the step launches, N apart: the trainer records one
    /// graph for each answer.
    virtual std::uint64_t begin_step(const MinibatchOrder& order, std::uint64_t step) {
        (void)order, (void)step;
        return 0;
    }
    /// Whether a dense layer is the first that reads the minibatch in `gradients`, and can gather it on its way.
    virtual bool gathers_minibatch() const { return false; }
    /// The next `gradients` gathers its minibatch itself, from these rows; where gathers_minibatch().
    void gather_next(const MinibatchRows<T>& rows) { to_gather_ = rows; }
    bool has_gathered() const { return !to_gather_.batch; }
    /// Forward and backward: fills the gradients of parameters() with that of the loss, averaged over the N rows.
    virtual void gradients(int N, const LatentNoise& noise) = 0;
    /// Forward alone: fills the rows of loss_terms().
    virtual void evaluate(int N, const LatentNoise& noise) = 0;
    virtual std::vector<LossTerm<T>> loss_terms() const = 0;
    /// What to read instead after `gradients`, which may leave a row's number in parts and loss_terms()'s as they were.
    virtual std::vector<LossTerm<T>> training_terms() const { return loss_terms(); }
    /// How much of its latents' divergence `gradients` counts from now on, by the noise's step; `evaluate` and the loss
    /// terms count all of it. Throws std::invalid_argument where the loss has no divergence to weigh.
    virtual void schedule_divergence(const KlSchedule& schedule) {
        if (!schedule.counts_all()) throw std::invalid_argument("this model's loss has no divergence to weigh");
    }

  protected:
    static GatherOptions image_shape(int height, int width, int channels = 1, const PixelScale& pixels = {}) {
        GatherOptions shape;
        shape.height = height, shape.width = width, shape.channels = channels;
        shape.pixels = pixels;
        return shape;
    }
    Model(const GatherOptions& shape, int R, int max_rows, const Matmul& matmul)
        : shape_(shape), R_(R), max_rows_(max_rows), matmul_(matmul) {}

    /// x, for the layer that reads it first: where x is the minibatch and not there yet, that layer gathers it.
    LayerInput<T> first_read(const T* x) {
        if (!to_gather_.batch || x != to_gather_.batch) return x;
        return std::exchange(to_gather_, {});
    }

    const GatherOptions shape_;
    const int R_, max_rows_;
    const Matmul& matmul_;
    ParameterArena<T> parameters_;  ///< zero until `initialise` or an upload
    DeviceBuffer<T> input_;         ///< the minibatch

  private:
    MinibatchRows<T> to_gather_;
};

}  // namespace warpvae

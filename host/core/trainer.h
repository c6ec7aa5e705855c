// The training loop of any Model: minibatches by step number, an optimiser, metrics. The whole step is one graph per
// batch shape.
#pragma once
#include <functional>
#include <map>
#include <tuple>

#include "host/core/divergence_options.h"
#include "host/core/schedule.h"
#include "models/device_images.h"
#include "models/model.h"

namespace warpvae {

enum class Optimiser { kAdam, kAdadelta };

struct TrainerOptions {
    int batch = 128;
    std::vector<BatchPhase> phases;     ///< minibatches that grow; none: always `batch`
    std::vector<float> learning_rates;  ///< one per replica
    Optimiser optimiser = Optimiser::kAdam;
    AdamOptions adam;
    AdadeltaOptions adadelta;
    float clip_norm = 0;    ///< largest norm of a replica's gradient; 0: not clipped
    bool binarise = false;  ///< dynamic binarisation of the images
    DivergenceOptions divergence;
    Augmentation augmentation;
    bool graph = true;  ///< capture steps as CUDA graphs; off for profiling
    /// Steps that are launched as one, where so many of one shape follow each other; at most StepsInFlight::kHalf.
    int steps_per_graph = device_is_gpu() ? 8 : 1;
};

/// A loss or gradient stopped being a number: the line names step, replica and tensor.
struct DivergenceError : DeviceError {
    using DeviceError::DeviceError;
};

/// One replica's means over the rows of an epoch, in the order of Model::loss_terms().
struct ReplicaLoss {
    std::vector<double> terms;
    double loss = 0;  ///< the weighted sum
};

class Trainer {
  public:
    /// `seeds[r]` decides replica r's minibatches and noise. All references must outlive the trainer.
    Trainer(Model<float>& model, const DeviceImages& images, const std::vector<std::uint64_t>& seeds,
            const Matmul& matmul, TrainerOptions options);

    std::uint64_t step() const { return step_; }
    /// Whole epochs done.
    std::uint64_t epoch() const { return schedule_.epoch_of(step_); }
    /// The step that begins `epoch`.
    std::uint64_t epoch_start(std::uint64_t epoch) const { return schedule_.epoch_start(epoch); }

    /// Trains to the end of the running epoch. After each launch of steps `after_step(n)` hears that the first n steps
    /// of the epoch are done (on a GPU some are under way); if it answers false the epoch is left there (returns false:
    /// save a state and go on later). Interruption points within do nothing. Throws DivergenceError.
    bool finish_epoch(const std::function<bool(std::uint64_t)>& after_step);
    /// Each replica's means over the rows of this epoch so far; waits for the device.
    std::vector<ReplicaLoss> losses() const;
    /// Forgets the sums behind losses(): call at the end of an epoch.
    void reset_losses();
    /// Whether anything was summed up since.
    bool has_losses() const;

    /// All that a replica needs to go on as if it had never stopped.
    struct State {
        std::uint64_t step = 0;
        Optimiser optimiser = Optimiser::kAdam;
        /// [P] each; the optimiser's two arrays are Adam's m and v, or Adadelta's means of squares and of squared
        /// updates
        std::vector<float> values, first_moments, second_moments;
        std::vector<double> loss_sums;  ///< of the running epoch, one per loss term
    };
    State save(int replica) const;
    /// All replicas of a trainer must be restored to the same step.
    void restore(int replica, const State& state);

  private:
    void launch_step(int rows, const MinibatchOrder& order);
    void update_parameters(int rows);
    StepEnd end_of_step(int rows);
    Graph record_steps(int rows, const MinibatchOrder& order, int count);
    int steps_alike(const MinibatchOrder& order, int rows, std::uint64_t shape, std::uint64_t left);
    void check_finite() const;

    Model<float>& model_;
    const DeviceImages& images_;
    const Matmul& matmul_;
    TrainerOptions options_;
    GatherOptions gather_;
    Schedule schedule_;
    std::uint64_t step_ = 0;
    DeviceBuffer<std::uint64_t> seeds_, device_step_;
    DeviceBuffer<float> learning_rates_, first_moments_, second_moments_;
    DeviceBuffer<NonFinite> non_finite_;
    DeviceBuffer<double> loss_sums_;             // [R, terms]
    DeviceBuffer<unsigned int> blocks_arrived_;  // one: StepEnd's
    DeviceBuffer<double> norm_parts_;            // [R, kNormParts] where the gradient is clipped
    /// A graph for each (rows, the model's shape, steps); of the running phase only.
    std::map<std::tuple<int, std::uint64_t, int>, Graph> graphs_;
    int graph_batch_ = 0;
};

}  // namespace warpvae

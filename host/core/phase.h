// Where the time of a run goes. A run is in one phase at a time: one that begins within another pauses that.
#pragma once
#include <array>
#include <functional>
#include <optional>
#include <string>

#include "cuda/device/device.h"

namespace warpvae {

enum class Phase {
    kData,        ///< reading images, making sets of them, putting them and the models on the device
    kTraining,    ///< of models and of the classifiers that they are compared with
    kEvaluation,  ///< of what is trained
    kFigures,     ///< drawing, with what is computed for it
    kFiles        ///< writing weights, checkpoints, metrics, results, the report
};
inline constexpr std::size_t kPhases = 5;

/// Adds up the time of each phase.
class PhaseTimes {
  public:
    /// `seconds` is a clock that never goes back; none: a steady one.
    explicit PhaseTimes(std::function<double()> seconds = {});
    /// Counts all time from now on for `phase`, or for none. Returns the phase that was counted for until now.
    std::optional<Phase> enter(std::optional<Phase> phase);
    /// "time: data 0.4 s, training 6.1 s": of all phases that are left, but for those of less than 0.05 s. Empty where
    /// there is none.
    std::string line() const;

  private:
    std::function<double()> seconds_;
    std::optional<Phase> phase_;
    double began_ = 0;
    std::array<double, kPhases> spent_{};
};
/// Of this process. For the thread that runs the program.
PhaseTimes& run_times();

/// While one lives the run is in this phase, and an NVTX range of its name is open. Work on a GPU belongs to the phase
/// in which the host waits for it: end a phase with what reads its results.
class InPhase {
  public:
    explicit InPhase(Phase phase, PhaseTimes& times = run_times());
    ~InPhase() { times_.enter(outer_); }
    InPhase(const InPhase&) = delete;
    InPhase& operator=(const InPhase&) = delete;

  private:
    PhaseTimes& times_;
    const std::optional<Phase> outer_;
    const Range range_;
};

}  // namespace warpvae

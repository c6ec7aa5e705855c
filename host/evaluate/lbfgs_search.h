// L-BFGS solves a batch of problems on the device (cuda/lbfgs.cuh). This class decides on the host how one problem goes
// on: its line search and its end. The objective is convex, so its slope grows along a direction, and the search looks
// for a step where the slope is close enough to 0. Objectives and slopes may carry the rounding of float sums.
#pragma once
#include <vector>

#include "cuda/device/buffer.h"
#include "cuda/ops/linear_models.h"

namespace warpvae {

/// How a problem ended.
struct LbfgsCertificate {
    /// gradient_norm is within the tolerance, or within 100 times it where the rounding of float features (large ones,
    /// or far from 0) leaves no step that lowers the objective
    bool converged = false;
    double gradient_norm = 0;  ///< largest component of the objective's gradient
    double objective = 0;
    int iterations = 0, evaluations = 0;
};

class LbfgsSearch {
  public:
    LbfgsSearch() = default;
    /// A problem ends when the gradient's largest component is at most `gradient_tolerance` and the last step changed
    /// no unknown by more than `unknown_tolerance` times the largest, or after max_iterations.
    LbfgsSearch(double gradient_tolerance, double unknown_tolerance, int max_iterations)
        : tolerance_(gradient_tolerance), unknown_tolerance_(unknown_tolerance), max_iterations_(max_iterations) {}

    /// Starts from the trial point that `scalars` tells of, with no history.
    void start(LbfgsControl& control, const LbfgsScalars& scalars);
    /// After an evaluation: ends the problem, asks for another step, or accepts the trial point and asks for a new
    /// direction.
    void decide(LbfgsControl& control, const LbfgsScalars& scalars);
    const LbfgsCertificate& certificate() const { return certificate_; }

  private:
    void finish(LbfgsControl& control, double allowance = 1);

    LbfgsCertificate certificate_;
    double tolerance_ = 0, unknown_tolerance_ = 0;
    int max_iterations_ = 0;
    double objective_ = 0, slope_ = 0;  // at theta
    double low_ = 0, low_slope_ = 0;    // the longest step known to be too short
    double high_ = 0, high_slope_ = 0;  // the shortest known to be too long, 0 while there is none
    int trials_ = 0;
};

/// Q problems of P unknowns each, on the device: what two classifiers share. Memory is named for its user, `what`.
struct LbfgsProblems {
    LbfgsProblems(int problems, std::size_t unknowns, const char* what);

    bool any_active(int first, int count) const;
    bool any_active() const { return any_active(0, Q); }
    /// Whether problem q's preconditioner is renewed now: at its iterations 0, 1, 2, 4, 8, ...
    bool is_renewal_due(int q) const;
    /// All vectors become 0, and every problem active.
    void reset(Stream stream);
    /// Takes over the trial points that have been accepted.
    void accept(Stream stream);
    /// From trial points whose scalars the searches know, to the end of every problem: direct() makes directions,
    /// evaluate() the objectives at the trial points, and their scalars.
    template <class Direct, class Evaluate>
    void minimise(Stream stream, Direct direct, Evaluate evaluate) {
        while (any_active()) {
            accept(stream);
            direct();
            check(lbfgs_trial(state, device_control.data(), Q, P, stream));
            evaluate();
            for (int q = 0; q < Q; ++q)
                if (control[q].active) search[q].decide(control[q], scalars[q]);
        }
        accept(stream);
    }

    const int Q;
    const std::size_t P;
    std::vector<LbfgsControl> control;
    std::vector<LbfgsScalars> scalars;
    std::vector<LbfgsSearch> search;  ///< to be filled once the gradients at the start are known
    DeviceBuffer<double> theta, gradient, trial, trial_gradient, direction, product;  ///< [Q, P]
    DeviceBuffer<double> history_s, history_y, rho, alpha;
    DeviceBuffer<LbfgsControl> device_control;
    DeviceBuffer<LbfgsScalars> device_scalars;
    LbfgsState<double> state;
};

}  // namespace warpvae

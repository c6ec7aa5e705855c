// A batch of problems that L-BFGS solves on the device (cuda/lbfgs.cuh). How each goes on is decided there too
// (cuda/lbfgs_search.cuh), so the host launches one round after the other and asks only now and then whether all ended.
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

/// When a problem ends: once the gradient's largest component is at most `gradient_tolerance` and the last step changed
/// no unknown by more than `unknown_tolerance` times the largest, or after max_iterations.
struct LbfgsEnd {
    double gradient_tolerance, unknown_tolerance;
    int max_iterations;
};

/// Calls body(first, count) for each run of neighbours among 0..n-1 of which is_due(i) is true.
template <class IsDue, class Body>
void for_runs(int n, IsDue is_due, Body body) {
    for (int begin = 0, end = 0; begin < n; begin = end + 1) {
        for (end = begin; end < n && is_due(end);) ++end;
        if (end > begin) body(begin, end - begin);
    }
}

/// Q problems of P unknowns each, on the device: what two classifiers share. Memory is named for its user, `what`.
struct LbfgsProblems {
    LbfgsProblems(int problems, std::size_t unknowns, const char* what);

    /// As the host last saw it: a problem that has ended meanwhile counts still.
    bool any_active(int first, int count) const;
    bool any_active() const { return any_active(0, Q); }
    /// All vectors become 0, and every problem active.
    void reset(Stream stream);
    /// Fetches the scalars.
    void read_scalars(Stream stream) { device_scalars.download(scalars.data(), scalars.size(), 0, stream); }
    /// Problem q is to start from its trial point, which has been evaluated and whose scalars have been read.
    void start(int q, const LbfgsEnd& end);
    /// Problem q is left alone from now on.
    void stop(int q) { control[std::size_t(q)] = {}; }
    /// From what start() and stop() said of all problems to the end of each. A round, counted from 0, is: direct(round)
    /// makes directions where they are asked for, evaluate() the objectives at the trial points and their scalars.
    /// Neither may read what the device has done but through any_active().
    template <class Direct, class Evaluate>
    void minimise(Stream stream, Direct direct, Evaluate evaluate) {
        begin(stream);
        for (int round = 0; any_active(); ++round) {
            direct(round);
            check(lbfgs_trial(state, device_control.data(), Q, P, stream));
            evaluate();
            check(lbfgs_decide(device_search_.data(), device_control.data(), device_scalars.data(), Q, stream));
            check(lbfgs_accept(state, device_control.data(), Q, P, stream));
            if ((round + 1) % rounds_at_once == 0) read_control(stream);
        }
        end(stream);
    }
    /// Preconditioners are renewed in rounds 0, 1, 2, 4, 8, ...
    static bool is_renewal_due(int round) { return (round & (round - 1)) == 0; }
    LbfgsCertificate certificate(int q) const;

    const int Q;
    const std::size_t P;
    /// Rounds between two questions whether all have ended. A GPU goes on meanwhile, and an ended problem costs it next
    /// to nothing; on the CPU device the answer saves work.
    int rounds_at_once = device_is_gpu() ? 8 : 1;
    std::vector<LbfgsControl> control;                                                ///< as the host last saw it
    std::vector<LbfgsScalars> scalars;                                                ///< as the host last saw them
    DeviceBuffer<double> theta, gradient, trial, trial_gradient, direction, product;  ///< [Q, P]
    DeviceBuffer<double> history_s, history_y, rho, alpha;
    DeviceBuffer<LbfgsControl> device_control;
    DeviceBuffer<LbfgsScalars> device_scalars;
    LbfgsState<double> state;

  private:
    void begin(Stream stream);
    void read_control(Stream stream) { device_control.download(control.data(), control.size(), 0, stream); }
    void end(Stream stream);

    std::vector<LbfgsSearch> search_;
    DeviceBuffer<LbfgsSearch> device_search_;
};

}  // namespace warpvae

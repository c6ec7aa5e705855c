// How an L-BFGS problem goes on after an evaluation: its line search and its end, decided on the device, so that no
// round of a batch waits for the host. The objective is convex, so its slope grows along a direction, and the search
// looks for a step where the slope is close enough to 0 (the strong Wolfe conditions with 0.9 and 0.8; Nocedal and
// Wright 2006, section 3.1). A step that is too short is doubled; between one too short and one too long the next is
// where a straight line between their slopes is 0. Objectives and slopes may carry the rounding of float sums.
//
// Contract: block any, one thread per problem; deterministic; reads and writes 180 bytes a problem.
#pragma once
#include "cuda/device/loops.cuh"
#include "cuda/math.cuh"
#include "cuda/ops/linear_models.h"

namespace warpvae {

inline constexpr double kLbfgsRounding = 100;  // tolerances that the gradient may be off where rounding ends the search
inline constexpr int kLbfgsTrials = 20;        // of one line search

__device__ inline void finish_problem(LbfgsSearch& s, LbfgsControl& c, double allowance) {
    c.active = 0;
    s.converged = s.gradient_norm <= allowance * s.gradient_tolerance;
}

/// The trial point is accepted; the problem ends or asks for a new direction.
__device__ inline void accept_trial(LbfgsSearch& s, LbfgsControl& c, const LbfgsScalars& at) {
    s.objective = at.objective;
    s.gradient_norm = at.gradient_size;
    ++s.iterations;
    c.accept = 1;
    c.newest = (c.newest + 1) % kLbfgsMemory;
    c.pairs = c.pairs < kLbfgsMemory ? c.pairs + 1 : kLbfgsMemory;
    const bool still = c.step * at.direction_size <= s.unknown_tolerance * at.theta_size;
    if ((at.gradient_size <= s.gradient_tolerance && still) || s.iterations >= s.max_iterations)
        return finish_problem(s, c, 1);
    c.redirect = 1, c.step = 1;
}

/// Ends the problem, asks for another step, or accepts the trial point.
__device__ inline void decide(LbfgsSearch& s, LbfgsControl& c, const LbfgsScalars& at) {
    const bool has_new_direction = c.redirect;
    c.accept = c.redirect = 0;
    if (!c.active) return;
    ++s.evaluations;
    if (has_new_direction) {
        s.slope = s.low_slope = at.slope;
        s.low = s.high = s.high_slope = 0;
        s.trials = 0;
    }
    if (!(s.slope < 0)) {  // rounding has spoilt the history
        if (c.pairs == 0) return finish_problem(s, c, kLbfgsRounding);
        c.pairs = 0, c.redirect = 1, c.step = 1;
        return;
    }
    const bool finite = is_finite(at.objective) && is_finite(at.trial_slope);
    // The allowance is the rounding of the objective; near the optimum only the slopes are exact enough to decide.
    const double size = s.objective < 0 ? -s.objective : s.objective;
    const bool low_enough = finite && at.objective <= s.objective + 1e-7 * size;
    if (low_enough && at.trial_slope >= 0.9 * s.slope && at.trial_slope <= -0.8 * s.slope)
        return accept_trial(s, c, at);
    if (low_enough && at.trial_slope < 0)
        s.low = c.step, s.low_slope = at.trial_slope;
    else
        s.high = c.step, s.high_slope = finite && at.trial_slope > 0 ? at.trial_slope : -s.low_slope;
    if (s.high == 0) {
        c.step *= 2;
    } else {  // well inside
        const double share = s.low_slope / (s.low_slope - s.high_slope);
        c.step = s.low + (s.high - s.low) * (share < 0.1 ? 0.1 : share > 0.9 ? 0.9 : share);
    }
    if (++s.trials == kLbfgsTrials) finish_problem(s, c, kLbfgsRounding);  // a direction of descent without descent
}

template <class Scalars>
__global__ void lbfgs_decide_kernel(LbfgsSearch* search, LbfgsControl* control, const Scalars* scalars, int Q) {
    for (int q : grid_stride(Q)) decide(search[q], control[q], scalars[q]);
}

}  // namespace warpvae

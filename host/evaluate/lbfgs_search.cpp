#include "host/evaluate/lbfgs_search.h"

#include <algorithm>
#include <cmath>

namespace warpvae {

namespace {
constexpr double kRounding = 100;  // tolerances that the gradient may be off where rounding ends the search
}

void LbfgsSearch::start(LbfgsControl& control, const LbfgsScalars& scalars) {
    objective_ = scalars.objective;
    certificate_.converged = scalars.gradient_size <= tolerance_;
    certificate_.gradient_norm = scalars.gradient_size;
    certificate_.objective = scalars.objective;
    ++certificate_.evaluations;
    const int active = max_iterations_ > 0;
    control = {active, 1, active, 0, 0, 1.};
}

void LbfgsSearch::decide(LbfgsControl& c, const LbfgsScalars& s) {
    ++certificate_.evaluations;
    if (c.redirect) {
        slope_ = low_slope_ = s.slope;
        low_ = high_ = high_slope_ = 0;
        trials_ = 0;
    }
    c.accept = c.redirect = 0;
    if (!(slope_ < 0)) {  // rounding has spoilt the history
        if (c.pairs == 0) return finish(c, kRounding);
        c.pairs = 0, c.redirect = 1, c.step = 1;
        return;
    }
    const bool finite = std::isfinite(s.objective) && std::isfinite(s.trial_slope);
    // The allowance is the rounding of the objective; near the optimum only the slopes are exact enough to decide.
    const bool low_enough = finite && s.objective <= objective_ + 1e-7 * std::abs(objective_);
    if (low_enough && s.trial_slope >= 0.9 * slope_ && s.trial_slope <= -0.8 * slope_) {
        objective_ = s.objective;
        certificate_.objective = s.objective;
        certificate_.gradient_norm = s.gradient_size;
        ++certificate_.iterations;
        c.accept = 1;
        c.newest = (c.newest + 1) % kLbfgsMemory;
        c.pairs = std::min(c.pairs + 1, kLbfgsMemory);
        const bool still = c.step * s.direction_size <= unknown_tolerance_ * s.theta_size;
        if ((s.gradient_size <= tolerance_ && still) || certificate_.iterations >= max_iterations_) return finish(c);
        c.redirect = 1, c.step = 1;
        return;
    }
    if (low_enough && s.trial_slope < 0)
        low_ = c.step, low_slope_ = s.trial_slope;
    else
        high_ = c.step, high_slope_ = finite && s.trial_slope > 0 ? s.trial_slope : -low_slope_;
    if (high_ == 0)
        c.step *= 2;
    else  // where a straight line between the two slopes is 0, but well inside
        c.step = low_ + (high_ - low_) * std::clamp(low_slope_ / (low_slope_ - high_slope_), 0.1, 0.9);
    if (++trials_ == 20) finish(c, kRounding);  // rounding leaves nothing to gain along a direction of descent
}

void LbfgsSearch::finish(LbfgsControl& control, double allowance) {
    control.active = 0;
    certificate_.converged = certificate_.gradient_norm <= allowance * tolerance_;
}

LbfgsProblems::LbfgsProblems(int problems, std::size_t unknowns, const char* what)
    : Q(problems), P(unknowns), control(std::size_t(Q)), scalars(std::size_t(Q)), device_control(Q), device_scalars(Q) {
    for (auto* vector : {&theta, &gradient, &trial, &trial_gradient, &direction, &product})
        *vector = DeviceBuffer<double>(Q * P, what);
    for (auto* vectors : {&history_s, &history_y}) *vectors = DeviceBuffer<double>(Q * P * kLbfgsMemory, what);
    for (auto* numbers : {&rho, &alpha}) *numbers = DeviceBuffer<double>(std::size_t(Q) * kLbfgsMemory, what);
    state = {theta.data(),     gradient.data(),  trial.data(), trial_gradient.data(), direction.data(),
             history_s.data(), history_y.data(), rho.data(),   alpha.data()};
}

bool LbfgsProblems::any_active(int first, int count) const {
    return std::any_of(control.begin() + first, control.begin() + first + count,
                       [](const LbfgsControl& c) { return c.active; });
}

bool LbfgsProblems::is_renewal_due(int q) const {
    const int iteration = search[q].certificate().iterations;
    return control[q].redirect && (iteration & (iteration - 1)) == 0;
}

void LbfgsProblems::reset(Stream stream) {
    for (auto* vector : {&theta, &gradient, &trial, &trial_gradient, &direction}) vector->zero(stream);
    device_scalars.zero(stream);
    control.assign(std::size_t(Q), LbfgsControl{1, 0, 0, 0, 0, 1.});
    device_control.upload(control, stream);
}

void LbfgsProblems::accept(Stream stream) {
    device_control.upload(control, stream);
    check(lbfgs_accept(state, device_control.data(), Q, P, stream));
}

}  // namespace warpvae

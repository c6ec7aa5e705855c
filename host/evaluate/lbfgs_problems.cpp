#include "host/evaluate/lbfgs_problems.h"

#include <algorithm>

namespace warpvae {

LbfgsProblems::LbfgsProblems(int problems, std::size_t unknowns, const char* what)
    : Q(problems),
      P(unknowns),
      control(std::size_t(Q)),
      scalars(std::size_t(Q)),
      device_control(Q),
      device_scalars(Q),
      search_(std::size_t(Q)),
      device_search_(Q) {
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

void LbfgsProblems::reset(Stream stream) {
    for (auto* vector : {&theta, &gradient, &trial, &trial_gradient, &direction}) vector->zero(stream);
    device_scalars.zero(stream);
    control.assign(std::size_t(Q), LbfgsControl{1, 0, 0, 0, 0, 1.});
    device_control.upload(control, stream);
}

void LbfgsProblems::start(int q, const LbfgsEnd& end) {
    const LbfgsScalars& at = scalars[q];
    LbfgsSearch& search = search_[q];
    search = {};
    search.gradient_tolerance = end.gradient_tolerance;
    search.unknown_tolerance = end.unknown_tolerance;
    search.max_iterations = end.max_iterations;
    search.objective = at.objective;
    search.gradient_norm = at.gradient_size;
    search.evaluations = 1;
    search.converged = at.gradient_size <= end.gradient_tolerance;
    const int active = end.max_iterations > 0;
    control[q] = {active, 1, active, 0, 0, 1.};
}

void LbfgsProblems::begin(Stream stream) {
    device_search_.upload(search_, stream);
    device_control.upload(control, stream);
    check(lbfgs_accept(state, device_control.data(), Q, P, stream));  // the points that they start from
}

void LbfgsProblems::end(Stream stream) {
    device_search_.download(search_.data(), search_.size(), 0, stream);
    read_scalars(stream);
}

LbfgsCertificate LbfgsProblems::certificate(int q) const {
    const LbfgsSearch& s = search_[q];
    return {s.converged != 0, s.gradient_norm, s.objective, s.iterations, s.evaluations};
}

}  // namespace warpvae

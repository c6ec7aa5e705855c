#include "host/core/phase.h"

#include <chrono>
#include <cstdio>
#include <utility>

namespace warpvae {
namespace {

constexpr std::array<const char*, kPhases> kNames = {"data", "training", "evaluation", "figures", "files"};
constexpr double kShown = 0.05;  ///< seconds: less would be shown as 0.0

double steady_seconds() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

const char* name_of(Phase phase) { return kNames[std::size_t(phase)]; }

}  // namespace

PhaseTimes::PhaseTimes(std::function<double()> seconds) : seconds_(seconds ? std::move(seconds) : steady_seconds) {}

std::optional<Phase> PhaseTimes::enter(std::optional<Phase> phase) {
    const double now = seconds_();
    if (phase_) spent_[std::size_t(*phase_)] += now - began_;
    began_ = now;
    return std::exchange(phase_, phase);
}

std::string PhaseTimes::line() const {
    std::string line;
    for (std::size_t i = 0; i < kPhases; ++i) {
        if (spent_[i] < kShown) continue;
        char text[48];
        std::snprintf(text, sizeof text, "%s%s %.1f s", line.empty() ? "time: " : ", ", kNames[i], spent_[i]);
        line += text;
    }
    return line;
}

PhaseTimes& run_times() {
    static PhaseTimes times;
    return times;
}

InPhase::InPhase(Phase phase, PhaseTimes& times) : times_(times), outer_(times.enter(phase)), range_(name_of(phase)) {}

}  // namespace warpvae

#include "host/experiment/rehearsal.h"

#include <algorithm>
#include <chrono>

#include "host/core/interrupt.h"
#include "host/show/format.h"
#include "host/show/progress.h"

namespace warpvae {
namespace {

constexpr double kProbeSeconds = 1;
constexpr int kMostEpochs = 1000;  // of a set of a few images

std::string size_text(std::size_t bytes) {
    return bytes < 1e9 ? formatted("%.0f MB", double(bytes) / 1e6) : formatted("%.1f GB", double(bytes) / 1e9);
}

}  // namespace

double seconds_a_step(Trainer& trainer) {
    using Clock = std::chrono::steady_clock;
    Clock::time_point begin;
    std::uint64_t begun = 0;
    double seconds = 0;
    const auto goes_on = [&](std::uint64_t) {
        if (!begun) {          // the first steps choose kernels and record graphs
            trainer.losses();  // waits for the device
            begin = Clock::now();
            begun = trainer.step();
        }
        seconds = std::chrono::duration<double>(Clock::now() - begin).count();
        return seconds < kProbeSeconds && !interrupted();
    };
    for (int epoch = 0; epoch < kMostEpochs && trainer.finish_epoch(goes_on) && seconds < kProbeSeconds; ++epoch)
        interruption_point();
    if (trainer.step() == begun) trainer.finish_epoch([](std::uint64_t) { return false; });
    trainer.losses();
    interruption_point();
    seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    return seconds / double(trainer.step() - begun);
}

std::string plan_text(const std::vector<RehearsedGroup>& groups) {
    std::size_t width = std::string("models").size();
    for (const RehearsedGroup& g : groups) width = std::max(width, display_width(g.label));
    const int w = int(width);
    std::string text = formatted("%-*s  %6s  %6s  %12s  %8s  %9s\n", w, "models", "groups", "epochs", "parameters",
                                 "memory", "training");
    double all = 0;
    for (const RehearsedGroup& g : groups) {
        all += g.groups * g.seconds;
        text += formatted("%-*s  %6d  %6d  %12zu  %8s  %9s\n", w, g.label.c_str(), g.groups, g.epochs, g.parameters,
                          size_text(g.bytes).c_str(), clock_time(g.groups * g.seconds).c_str());
    }
    return text + formatted("%-*s  %6s  %6s  %12s  %8s  %9s\n", w, "in all", "", "", "", "", clock_time(all).c_str());
}

}  // namespace warpvae

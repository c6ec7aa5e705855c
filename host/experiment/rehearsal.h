// What a training would cost, found by a second of it: --dry-run.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "host/core/trainer.h"

namespace warpvae {

/// Models that would train in the same launches, and what that costs.
struct RehearsedGroup {
    std::string label;  ///< "s-z20-seed1 + 9 more"
    int groups = 1;     ///< so many of them, one after another
    int models = 1;     ///< in each
    int epochs = 0;
    std::size_t parameters = 0;  ///< of one model
    std::size_t bytes = 0;       ///< of device memory while they train
    double seconds = 0;          ///< of training, of one group
};

/// Seconds of a step, by a second of training. The trainer's state is spoilt. Throws DivergenceError, Interrupted.
double seconds_a_step(Trainer& trainer);

/// The plan as lines for a terminal: a row for each group, then the sum.
std::string plan_text(const std::vector<RehearsedGroup>& groups);

}  // namespace warpvae

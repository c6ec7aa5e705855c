// When a measured mean agrees with the number that a paper prints: one rule, for every table.
#pragma once
#include <optional>
#include <string>

namespace warpvae {

enum class Agreement {
    kAgrees,
    kDiffers,  ///< better than the paper's is no agreement either
    kSpreads,  ///< too wide over seeds for their mean to say that it agrees
};

/// What is held against each other, in the units of the table.
struct Comparison {
    double paper = 0;
    double paper_error = 0;  ///< standard error that the paper states; 0: it states none
    double mean = 0;         ///< ours; NaN differs from everything
    double std = 0;          ///< over seeds, n - 1 in the denominator
    int n = 1;               ///< seeds, 1 at least
    double absolute = 0;     ///< difference that is stated to be none, whatever the seeds do
};

/// The largest difference that agrees: the larger of `absolute` and two standard errors of the difference. One seed has
/// no standard error: there it is `absolute` and the paper's error alone.
double allowed_difference(const Comparison& c);
/// Two-sided. The deviation over seeds is never a tolerance: where it is larger than `absolute`, the cell spreads, and
/// that is a finding. So our part of the standard error never allows more than sqrt(2) times `absolute`.
Agreement agreement(const Comparison& c);

/// "agrees", "differs", "spreads": in JSON.
const char* name_of(Agreement agreement);
/// The rule in one sentence, beneath tables.
const char* agreement_rule();

}  // namespace warpvae

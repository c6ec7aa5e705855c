// A paper's statements, and whether the measured models bear them out, seed by seed; and findings, statements of our
// own that the paper could not make.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "host/mean.h"

namespace warpvae {

/// The number that a statement is about.
struct Measured {
    std::string quantity = {};        ///< "gain in accuracy on MNIST-fr"
    std::vector<double> values = {};  ///< one for each seed, or each model
    std::optional<double> paper = {};

    double mean() const { return mean_of(values); }
    double std() const { return std_of(values); }
};

/// One statement of a paper and what the measured replicas say of it.
struct Statement {
    std::string id, text;  ///< "C1", ...
    std::string reason;    ///< numbers, in one sentence; of an untested one what is missing
    bool tested = false, holds = false;
    double p = 1;  ///< of the one-sided sign test over seeds; 1 where there is none
    std::string rule = {};
    Measured measured = {};
    std::string paper = {};     ///< its author and year
    std::string dataset = {};   ///< whose images were measured, as "mnist"
    std::string origin = {};    ///< of one that a later command of the run may keep: digest of all that decided it
    std::string settings = {};  ///< that decided it alone, beside those of `origin`: "draws = 500"
    std::string picture = {};   ///< of a finding: a PNG that shows it, in the run's folder; empty: not drawn
};

/// Why a statement was not tested that a number of it was not measured for.
inline constexpr const char* kUnmeasured =
    "A number that it rests on was not measured; without labels no classifier is.";
/// These statements, untested where a number that they rest on was not measured (NaN).
std::vector<Statement> as_far_as_measured(std::vector<Statement> statements);

/// Probability of at least `successes` heads in `trials` fair tosses.
double sign_test(int successes, int trials);

inline constexpr const char* kSeeds = "seeds";
/// A statement that holds where most seeds (or what else `trials` counts, as `of` says) say so. `reason` is followed by
/// the count, and of seeds by the sign test; it is left out where nothing was tried.
Statement judged(std::string id, std::string text, std::string reason, int successes, int trials,
                 Measured measured = {}, const std::string& of = kSeeds);

}  // namespace warpvae

// A paper's statements, and whether the measured models bear them out, seed by seed.
#pragma once
#include <string>

namespace warpvae {

/// One statement of a paper and what the measured replicas say of it.
struct Claim {
    std::string name, statement;  ///< "C1", ...
    std::string evidence;         ///< numbers, in one sentence
    bool tested = false, holds = false;
    double p = 1;  ///< of the one-sided sign test over seeds, 1 where there is none
};
/// Probability of at least `successes` heads in `trials` fair tosses.
double sign_test(int successes, int trials);

/// A claim that holds where most seeds say so. `evidence` is followed by the count of seeds and the sign test; it is
/// left out where no seed was tried.
Claim judged(std::string name, std::string statement, std::string evidence, int successes, int trials);

}  // namespace warpvae

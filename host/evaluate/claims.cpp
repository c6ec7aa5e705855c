#include "host/evaluate/claims.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace warpvae {

constexpr double kSignificant = 0.05;

double sign_test(int successes, int trials) {
    double p = 0, term = std::pow(0.5, trials);  // C(trials, trials) / 2^trials, then downwards
    for (int k = trials; k >= successes; --k) {
        p += term;
        term *= double(k) / double(trials - k + 1);
    }
    return std::min(p, 1.0);
}

Claim judged(std::string name, std::string statement, std::string evidence, int successes, int trials) {
    Claim claim{std::move(name), std::move(statement), std::move(evidence)};
    if (!trials) {
        claim.evidence = "This run trained no models for this comparison.";
        return claim;
    }
    claim.tested = true;
    claim.p = sign_test(successes, trials);
    claim.holds = 2 * successes > trials;
    char line[128];
    std::snprintf(line, sizeof line, " It holds for %d of %d seeds (sign test p = %.3g%s).", successes, trials, claim.p,
                  claim.holds && claim.p > kSignificant ? ", too few seeds to be significant" : "");
    claim.evidence += line;
    return claim;
}

}  // namespace warpvae

#include "host/evaluate/statement.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace warpvae {

constexpr double kSignificant = 0.05;

std::vector<Statement> as_far_as_measured(std::vector<Statement> statements) {
    for (Statement& s : statements) {
        const std::vector<double>& values = s.measured.values;
        if (std::none_of(values.begin(), values.end(), [](double value) { return std::isnan(value); })) continue;
        s.tested = s.holds = false;
        s.p = 1;
        s.reason = kUnmeasured;
        s.measured.values.clear();
    }
    return statements;
}

double sign_test(int successes, int trials) {
    double p = 0, log_term = -trials * std::log(2.);  // of C(trials, trials) / 2^trials, then downwards
    for (int k = trials; k >= successes; --k) {
        p += std::exp(log_term);  // the term itself would underflow from 1075 trials on
        log_term += std::log(double(k) / double(trials - k + 1));
    }
    return std::min(p, 1.0);
}

Statement judged(std::string id, std::string text, std::string reason, int successes, int trials, Measured measured,
                 const std::string& of) {
    Statement statement{.id = std::move(id), .text = std::move(text), .reason = std::move(reason)};
    statement.rule = "in more than half of the " + of;
    if (!trials) {
        statement.reason = "This run trained no models for this comparison.";
        return statement;
    }
    statement.tested = true;
    statement.holds = 2 * successes > trials;
    statement.measured = std::move(measured);
    char line[192];
    std::snprintf(line, sizeof line, " It holds for %d of %d %s", successes, trials, of.c_str());
    statement.reason += line;
    if (of == kSeeds) {  // models that share a seed, or images of one model, are no independent trials
        statement.p = sign_test(successes, trials);
        std::snprintf(line, sizeof line, " (sign test p = %.3g%s)", statement.p,
                      statement.holds && statement.p > kSignificant ? ", too few to be significant" : "");
        statement.reason += line;
    }
    statement.reason += ".";
    return statement;
}

}  // namespace warpvae

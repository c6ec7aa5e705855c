#include "host/show/agreement.h"

#include <algorithm>
#include <cmath>

namespace warpvae {

double allowed_difference(const Comparison& c) {
    const double own = c.n > 1 ? c.std / std::sqrt(double(c.n)) : 0;
    return std::max(c.absolute, 2 * std::hypot(own, c.paper_error));
}

Agreement agreement(const Comparison& c) {
    // What floating-point numbers of this size differ by where their decimals do not.
    const double rounding = 1e-12 * std::max(1., std::abs(c.paper));
    if (!(std::abs(c.mean - c.paper) <= allowed_difference(c) + rounding)) return Agreement::kDiffers;
    return c.n > 1 && c.std > c.absolute + rounding ? Agreement::kSpreads : Agreement::kAgrees;
}

const char* name_of(Agreement agreement) {
    const char* const names[] = {"agrees", "differs", "spreads"};
    return names[int(agreement)];
}

const char* agreement_rule() {
    return "A mean agrees with the paper's number if it lies, above or below, within the larger of the cell's stated "
           "difference and two standard errors of the difference (of one seed there is none of ours, so the stated "
           "difference decides); where it does, but the deviation over seeds is larger than the stated difference, the "
           "cell spreads (≈), which is no agreement.";
}

}  // namespace warpvae

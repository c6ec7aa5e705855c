// The best linear map from features to targets (ordinary least squares with an intercept), and how much of held-out
// targets it explains. For some tens of features: normal equations in double on the host.
//
//   y ~ b + W x,   (C + ridge I) w = c  for each target,
//
// C and c being correlations of the features, centred and divided by their deviations, with each other and with the
// target. The ridge, 1e-10 of the diagonal, is far below what a fit can show; it lets features that are copies of one
// another share a weight. A feature that is constant gets the weight 0.
#pragma once
#include <vector>

namespace warpvae {

struct LinearFit {
    int features = 0, targets = 0;
    std::vector<double> weights;     ///< W [T, F]
    std::vector<double> intercepts;  ///< b [T]
};

/// features [n, F], targets [n, T]. Throws Error, naming row and column, where a number is not finite, and where n is
/// below 1 or the lengths do not fit.
LinearFit fit_linear(const std::vector<float>& features, const std::vector<double>& targets, int F, int T);
/// [n, T] of features [n, F].
std::vector<double> predict_linear(const LinearFit& fit, const std::vector<float>& features);

/// [T]: R^2 = 1 - sum (y - y')^2 / sum (y - mean y)^2 over the rows of predicted y' and targets y, both [n, T]: 1 is
/// perfect, 0 no better than the mean, below 0 worse. NaN for a target that does not vary.
std::vector<double> r_squared(const std::vector<double>& predicted, const std::vector<double>& targets, int T);

}  // namespace warpvae

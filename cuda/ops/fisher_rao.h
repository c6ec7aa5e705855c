// The manifold of diagonal Gaussians under the Fisher-Rao metric: a product of hyperbolic half planes (mu / sqrt 2,
// sigma), scaled by sqrt 2 (Skovgaard 1981; Costa et al. 2015). Letters and conventions: cuda/ops.h.
#pragma once
#include "cuda/device/device.h"

namespace warpvae {

// --- fisher_rao.cuh --------------------------------------------------------------------------------------------------
// A Gaussian is 2Z numbers: the means, then the standard deviations, all above 0. n Gaussians [n, 2Z].

/// Curves from one Gaussian to another.
enum class GaussianCurve {
    kFisherRao,  ///< the geodesic, at constant speed
    kArgo,  ///< as argo draws it: half circles of (mu, sigma) itself, uniform in their angle (equal means: straight)
    kStraight,  ///< the line of means and deviations
};
/// distance[i] between a[i] and b[i]: the square root of sum_j d_j^2, d_j = 2 sqrt 2 asinh(sqrt(q)), q = ((mu1 - mu2)^2
/// / 2 + (s1 - s2)^2) / (4 s1 s2).
template <class T>
Status fisher_rao_distance(T* distance, const T* a, const T* b, int n, int Z, Stream stream);
/// points [n, steps, 2Z]: the curve from a[i] (time 0) to b[i] (time 1) at `times` [steps], device; times outside [0,
/// 1] go on along it.
template <class T>
Status gaussian_curve(T* points, const T* a, const T* b, const T* times, GaussianCurve curve, int n, int steps, int Z,
                      Stream stream);
/// points[i] where the geodesic from base[i] with initial velocity tangent[i] = (dmu, dsigma) [n, 2Z] is at time 1.
template <class T>
Status fisher_rao_exp(T* points, const T* base, const T* tangent, int n, int Z, Stream stream);
/// The inverse: tangent[i] at base[i] that leads to points[i].
template <class T>
Status fisher_rao_log(T* tangent, const T* base, const T* points, int n, int Z, Stream stream);

struct KarcherOptions {
    int max_iterations = 100;
    double tolerance = 1e-7;  ///< on the length of the mean log map, in each dimension
};
/// The Karcher mean of n Gaussians, n from 1: mean [2Z] where the sum of squared distances is least. residual [Z]: the
/// length of the mean log map that is left; above the tolerance: too few iterations; NaN: a point was not finite.
template <class T>
Status karcher_mean(T* mean, T* residual, const T* points, const KarcherOptions& options, int n, int Z, Stream stream);

}  // namespace warpvae

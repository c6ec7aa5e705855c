// What the moments (mu, s) of a diagonal Gaussian say: sigma and what follows from it, for each meaning of s (Spread).
// All kernels of Gaussian posteriors read s through these functions and nowhere else.
//
// Contract: device functions, no block contract; a few operations and at most two exponentials each.
#pragma once
#include <type_traits>

#include "cuda/math.cuh"
#include "cuda/ops/latent.h"

namespace warpvae {

inline constexpr double kSmallestDeviation = 1e-6;
inline constexpr double kSmallestLogDeviation = -13.815510557964274;  // log 1e-6

/// body(constant), where decltype(constant)::value is `spread`, which is known at run time: by the host before a
/// launch, or by a kernel in which that costs nothing beside a product.
template <class Body>
constexpr auto with_spread(Spread spread, Body body) {
    switch (spread) {
        case Spread::kLogVariance:
            return body(std::integral_constant<Spread, Spread::kLogVariance>());
        case Spread::kLogDeviation:
            return body(std::integral_constant<Spread, Spread::kLogDeviation>());
        case Spread::kLogDeviationFromOne:
            return body(std::integral_constant<Spread, Spread::kLogDeviationFromOne>());
        default:
            return body(std::integral_constant<Spread, Spread::kVariance>());
    }
}

template <class T>
struct Deviation {
    T sigma, log_sigma;
    bool bounded;  ///< the bound on s is active: sigma does not change with s
};
template <Spread spread, class T>
__device__ inline Deviation<T> deviation_of(T s) {
    if constexpr (spread == Spread::kLogVariance) return {exp_(T(0.5) * s), T(0.5) * s, false};
    if constexpr (spread == Spread::kVariance) return {sqrt_(s), T(0.5) * log_(s), false};
    const T least = T(spread == Spread::kLogDeviation ? kSmallestLogDeviation : kSmallestDeviation);
    const bool bounded = s < least;
    const T kept = bounded ? least : s;
    return {exp_(kept), kept, bounded};
}

/// factor * sigma^2.
template <Spread spread, class T>
__device__ inline T times_variance(T factor, T s) {
    if constexpr (spread == Spread::kLogVariance) return factor * exp_(s);
    if constexpr (spread == Spread::kVariance) return factor * s;
    const T sigma = deviation_of<spread>(s).sigma;
    return factor * sigma * sigma;
}

/// dlog sigma/ds where no bound is active.
template <Spread spread, class T>
__device__ inline T log_sigma_slope(T s) {
    if constexpr (spread == Spread::kLogVariance) return T(0.5);
    if constexpr (spread == Spread::kVariance) return T(0.5) / s;
    return T(1);
}

/// One latent's KL(N(mu, sigma^2) || N(nu, tau^2)), from mu - nu, log sigma - log tau and 1 / tau^2.
template <class T>
__device__ inline T divergence_of(T off, T log_ratio, T inverse_variance) {
    return T(0.5) * (inverse_variance * off * off + above_tangent_of_exp(T(2) * log_ratio));
}

}  // namespace warpvae

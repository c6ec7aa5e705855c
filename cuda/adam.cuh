// Adam (Kingma and Ba 2015, algorithm 1, as torch.optim.Adam computes it) on a whole arena of R models in one launch.
//
//   m = b1 m + (1 - b1) g,   v = b2 v + (1 - b2) g^2,   p -= lr / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps)
//
// Every array is [R, P]. A gradient whose square is not finite is recorded as (step, lowest offset), by an integer
// minimum, which is the same in any order. The host reads the record once an epoch.
//
// Contract: block any; deterministic; reads 16 and writes 12 bytes per parameter.
#pragma once
#include <cmath>

#include "cuda/device/loops.cuh"
#include "cuda/math.cuh"
#include "cuda/ops/optimiser.h"

namespace warpvae {

/// AdamOptions with the logarithms of both betas, which the host takes once: on a GPU each thread would, in double.
struct AdamRule {
    AdamOptions options;
    double log_beta1, log_beta2;
    explicit AdamRule(const AdamOptions& o)
        : options(o), log_beta1(std::log(double(o.beta1))), log_beta2(std::log(double(o.beta2))) {}
};
/// 1 - b^t from x = t log b. As a power in float it would lose half its digits for b = 0.999 and small t.
template <class T>
__device__ inline auto one_minus_power(double x) {
#ifdef __CUDA_ARCH__
    if constexpr (sizeof(T) == 4)
        return -expm1f(float(x));  // x is exact to float, and so is this
    else
#endif
        return -expm1(x);
}
/// One replica's step: updates p, m and v of an element from its gradient, and returns the square to watch.
template <class T>
struct AdamUpdate {
    T rate, inverse_root, b1, b2, epsilon;
    __device__ AdamUpdate(const AdamRule& rule, T learning_rate, std::uint64_t step)
        : b1(T(rule.options.beta1)), b2(T(rule.options.beta2)), epsilon(T(rule.options.epsilon)) {
        const double t = double(step) + 1;
        auto mean = one_minus_power<T>(t * rule.log_beta1), square = one_minus_power<T>(t * rule.log_beta2);
        rate = T(quick_divide(decltype(mean)(learning_rate), mean));
        inverse_root = T(quick_divide(decltype(square)(1), quick_sqrt(square)));
    }
    __device__ T operator()(T& p, T& m, T& v, T gradient) const {
        const T mean = m + (T(1) - b1) * (gradient - m);
        const T square = b2 * v + (T(1) - b2) * gradient * gradient;
        m = mean;
        v = square;
        p -= quick_divide(rate * mean, quick_sqrt(square) * inverse_root + epsilon);
        return square;
    }
};

template <class T>
__global__ void adam_kernel(T* parameters, T* m, T* v, NonFinite* non_finite, const T* gradients,
                            const T* learning_rate, const std::uint64_t* step, AdamRule rule, std::size_t P) {
    const std::size_t base = blockIdx.y * P;
    T* __restrict__ p = parameters + base;
    T* __restrict__ m1 = m + base;
    T* __restrict__ m2 = v + base;
    const T* __restrict__ g = gradients + base;
    const AdamUpdate<T> update(rule, learning_rate[blockIdx.y], *step);

    // x - x is 0 for a finite x and NaN otherwise: one check after the loop instead of one in it. The square overflows
    // before the gradient does, and the update would then be 0.
    T poison = T(0);
    const auto elements = grid_stride(P);
    WARPVAE_SIMD(reduction(+ : poison))
    for (std::size_t i = elements.first; i < elements.last; i += elements.step) {
        const T square = update(p[i], m1[i], m2[i], g[i]);
        poison += square - square;
    }
    if (poison == T(0)) return;
    for (std::size_t i : elements) {
        if (is_finite(m2[i])) continue;
        atomicMin(&non_finite[blockIdx.y].key, static_cast<unsigned long long>(*step << 32 | i));
        break;
    }
}

}  // namespace warpvae

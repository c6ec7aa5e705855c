// Adadelta (Zeiler 2012) in Lasagne's exact form, on a whole arena of R models in one launch.
//
//   a = rho a + (1 - rho) g^2,   u = g sqrt(d + eps) / sqrt(a + eps),   p -= lr u,   d = rho d + (1 - rho) u^2
//
// with the new a and the old d (lasagne.updates.adadelta; torch.optim.Adadelta is the same). Every array is [R, P]. The
// first gradient whose square is not finite is recorded as in adam.cuh.
//
// Contract: block any; deterministic; reads 16 and writes 12 bytes per parameter.
#pragma once
#include "cuda/device/loops.cuh"
#include "cuda/math.cuh"
#include "cuda/ops/optimiser.h"

namespace warpvae {

/// One replica's step: updates p and the two means of an element from its gradient, and returns the square to watch.
template <class T>
struct AdadeltaUpdate {
    T rate, rho, epsilon;
    __device__ AdadeltaUpdate(const AdadeltaOptions& options, T learning_rate, std::uint64_t)
        : rate(learning_rate), rho(T(options.rho)), epsilon(T(options.epsilon)) {}
    __device__ T operator()(T& p, T& squares, T& updates, T gradient) const {
        const T square = rho * squares + (T(1) - rho) * gradient * gradient;
        const T update = quick_divide(gradient * quick_sqrt(updates + epsilon), quick_sqrt(square + epsilon));
        squares = square;
        updates = rho * updates + (T(1) - rho) * update * update;
        p -= rate * update;
        return square;
    }
};

template <class T>
__global__ void adadelta_kernel(T* parameters, T* squares, T* updates, NonFinite* non_finite, const T* gradients,
                                const T* learning_rate, const std::uint64_t* step, AdadeltaOptions options,
                                std::size_t P) {
    const std::size_t base = blockIdx.y * P;
    T* __restrict__ p = parameters + base;
    T* __restrict__ a = squares + base;
    T* __restrict__ d = updates + base;
    const T* __restrict__ g = gradients + base;
    const AdadeltaUpdate<T> step_of(options, learning_rate[blockIdx.y], *step);

    // x - x is 0 for a finite x and NaN otherwise: one check after the loop instead of one in it. The square overflows
    // before the gradient does, and the update would then be 0.
    T poison = T(0);
    const auto elements = grid_stride(P);
    WARPVAE_SIMD(reduction(+ : poison))
    for (std::size_t i = elements.first; i < elements.last; i += elements.step) {
        const T square = step_of(p[i], a[i], d[i], g[i]);
        poison += square - square;
    }
    if (poison == T(0)) return;
    for (std::size_t i : elements) {
        if (is_finite(a[i])) continue;
        atomicMin(&non_finite[blockIdx.y].key, static_cast<unsigned long long>(*step << 32 | i));
        break;
    }
}

}  // namespace warpvae

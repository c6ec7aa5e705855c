// Limited-memory BFGS (Nocedal and Wright, algorithm 7.4) for Q independent problems of P unknowns, one block for each:
// the whole two-loop recursion stays on the device. The caller applies its own approximation B of the inverse Hessian
// between the two loops:
//
//   q = g;   newest to oldest:  a_i = rho_i s_i.q,  q -= a_i y_i
//   r = B q                                                      (the caller's)
//   oldest to newest:  r += s_i (a_i - rho_i y_i.r);   direction = -r
//
// Contract: block any, one block per problem; deterministic. Element i of every vector is touched by one thread only
// (block_stride deals them out alike), so the reductions' barriers are the only ones. A loop reads 32
// and writes 8 bytes per unknown and pair of the history. In double: P is a few thousand,
// the rows of data are what costs. history_s, history_y [Q, M, P] and rho, alpha [Q, M] with M = kLbfgsMemory are
// rings, the newest pair at control.newest.
#pragma once
#include "cuda/device/reduce.cuh"
#include "cuda/ops/linear_models.h"

namespace warpvae {

template <class T>
__device__ inline T block_dot(const T* a, const T* b, std::size_t n) {
    const auto share = block_stride(n);
    T sum = T(0);
    WARPVAE_SIMD(reduction(+ : sum))
    for (std::size_t i = share.first; i < share.last; i += share.step) sum += a[i] * b[i];
    return block_sum(sum);
}

template <class T>
__device__ inline T block_largest(const T* a, std::size_t n) {
    T largest = T(0);
    for (std::size_t i : block_stride(n)) {
        const T size = a[i] < T(0) ? -a[i] : a[i];
        largest = (size > largest || size != size) ? size : largest;
    }
    return block_max(largest);
}

/// theta := trial, gradient := trial_gradient where control says so, and the pair (s, y) enters the history.
template <class T>
__global__ void lbfgs_accept_kernel(LbfgsState<T> state, const LbfgsControl* control, std::size_t P) {
    const std::size_t q = blockIdx.x;
    const LbfgsControl c = control[q];
    if (!c.accept) return;
    T* theta = state.theta + q * P;
    T* gradient = state.gradient + q * P;
    const T* trial = state.trial + q * P;
    const T* trial_gradient = state.trial_gradient + q * P;
    const std::size_t slot = q * kLbfgsMemory + c.newest;
    T* s = state.history_s + slot * P;
    T* y = state.history_y + slot * P;
    for (std::size_t i : block_stride(P)) {
        s[i] = trial[i] - theta[i];
        y[i] = trial_gradient[i] - gradient[i];
        theta[i] = trial[i];
        gradient[i] = trial_gradient[i];
    }
    const T product = block_dot(s, y, P);
    if (threadIdx.x == 0) state.rho[slot] = T(1) / product;
}

/// direction := q, the first loop.
template <class T>
__global__ void lbfgs_first_loop_kernel(LbfgsState<T> state, const LbfgsControl* control, std::size_t P) {
    const std::size_t q = blockIdx.x;
    const LbfgsControl c = control[q];
    if (!c.redirect) return;
    T* direction = state.direction + q * P;
    const T* gradient = state.gradient + q * P;
    for (std::size_t i : block_stride(P)) direction[i] = gradient[i];
    for (int age = 0; age < c.pairs; ++age) {
        const std::size_t slot = q * kLbfgsMemory + (c.newest - age + kLbfgsMemory) % kLbfgsMemory;
        const T* y = state.history_y + slot * P;
        const T alpha = state.rho[slot] * block_dot(state.history_s + slot * P, direction, P);
        if (threadIdx.x == 0) state.alpha[slot] = alpha;
        for (std::size_t i : block_stride(P)) direction[i] -= alpha * y[i];
    }
}

/// direction := minus the second loop's result, from r; then the numbers that the line search needs.
template <class T>
__global__ void lbfgs_second_loop_kernel(LbfgsState<T> state, LbfgsScalars* scalars, const T* r,
                                         const LbfgsControl* control, std::size_t P) {
    const std::size_t q = blockIdx.x;
    const LbfgsControl c = control[q];
    if (!c.redirect) return;
    T* direction = state.direction + q * P;
    for (std::size_t i : block_stride(P)) direction[i] = r[q * P + i];
    for (int age = c.pairs - 1; age >= 0; --age) {
        const std::size_t slot = q * kLbfgsMemory + (c.newest - age + kLbfgsMemory) % kLbfgsMemory;
        const T* s = state.history_s + slot * P;
        const T beta = state.rho[slot] * block_dot(state.history_y + slot * P, direction, P);
        const T step = state.alpha[slot] - beta;
        for (std::size_t i : block_stride(P)) direction[i] += step * s[i];
    }
    for (std::size_t i : block_stride(P)) direction[i] = -direction[i];
    const T slope = block_dot(state.gradient + q * P, direction, P);
    const T step_size = block_largest(direction, P);
    const T theta_size = block_largest(state.theta + q * P, P);
    if (threadIdx.x == 0) {
        scalars[q].slope = double(slope);
        scalars[q].direction_size = double(step_size);
        scalars[q].theta_size = double(theta_size);
    }
}

/// trial := theta + step * direction.
template <class T>
__global__ void lbfgs_trial_kernel(LbfgsState<T> state, const LbfgsControl* control, std::size_t P) {
    const std::size_t q = blockIdx.y;
    if (!control[q].active) return;
    const T step = T(control[q].step);
    for (std::size_t i : grid_stride(P))
        state.trial[q * P + i] = state.theta[q * P + i] + step * state.direction[q * P + i];
}

}  // namespace warpvae

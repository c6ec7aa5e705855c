// The divergence of a diagonal Gaussian from the standard normal, in closed form (Kingma and Welling 2014, appendix B):
//
//   KL(N(mu, sigma^2) || N(0, 1)) = 1/2 sum_j (mu_j^2 + sigma_j^2 - 1 - log sigma_j^2)
//
// The terms in sigma are computed as the height of e^x above its tangent (above_tangent_of_exp), which is never below
// 0. moments [R, N, 2Z] holds mu, then logvar = log sigma^2.
//
// Contract: one block per row, block any; reads 8 Z bytes a row, writes 4; the backward reads and writes 8 Z more.
// Deterministic.
#pragma once
#include "cuda/device/reduce.cuh"
#include "cuda/math.cuh"
#include "cuda/ops/latent.h"

namespace warpvae {

/// One latent's divergence, and its derivatives dkl/dmu = mu and dkl/dlogvar as below.
template <class T>
__device__ inline T gaussian_kl_of(T mu, T logvar) {
    return T(0.5) * (mu * mu + above_tangent_of_exp(logvar));
}
template <class T>
__device__ inline T gaussian_kl_dlogvar(T logvar) {
    return T(0.5) * (exp_(logvar) - T(1));
}

template <class T>
__global__ void gaussian_kl_forward_kernel(T* kl, const T* moments, int Z) {
    const std::size_t row = std::size_t(blockIdx.y) * gridDim.x + blockIdx.x;
    const T* mu = moments + row * 2 * Z;
    const T* logvar = mu + Z;
    T total = T(0);
    const auto latents = block_stride(Z);
    WARPVAE_SIMD(reduction(+ : total))
    for (int j = latents.first; j < latents.last; j += latents.step) total += gaussian_kl_of(mu[j], logvar[j]);
    total = block_sum(total);
    if (threadIdx.x == 0) kl[row] = total;
}

template <class T>
__global__ void gaussian_kl_backward_kernel(T* dmoments, const T* moments, T weight, int Z) {
    const std::size_t row = std::size_t(blockIdx.y) * gridDim.x + blockIdx.x;
    const T* mu = moments + row * 2 * Z;
    T* dmu = dmoments + row * 2 * Z;
    for (int j : block_stride(Z)) {
        dmu[j] += weight * mu[j];
        dmu[Z + j] += weight * gaussian_kl_dlogvar(mu[Z + j]);
    }
}

}  // namespace warpvae

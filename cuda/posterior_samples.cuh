// Several draws of a diagonal Gaussian posterior, the part of each draw's log weight that is not the likelihood, and
// the gradient of Renyi's bound through the draws (Li and Turner 2016, section 4):
//
//   variance v = e^raw or log(1 + e^raw), at least 1e-10;   z_k = mu + sigma epsilon_k,   sigma = sqrt(v)
//   ratio_k = log p(z_k) - log q(z_k|x) = 1/2 sum_j (epsilon_kj^2 + log v_j - z_kj^2)
//
// Let L = scale sum_n loss[n], W_k = dloss/dnll_k = -dloss/dratio_k, and dz_k the part of L's gradient that comes
// through the likelihood. Then, as dratio_k/dmu_j = -z_kj and dratio_k/dlog sigma_j = 1 - z_kj (z_kj - mu_j),
//
//   g_kj = dz_kj + scale W_k z_kj,   dmu_j = sum_k g_kj,   dlog sigma_j = sum_k g_kj (z_kj - mu_j) - scale sum_k W_k
//
// Where the divergence is analytic, the terms with W are not there; scale mu is added to dmu, and scale (v - 1) to
// dlog sigma.
//
// The factor dlog sigma/draw of the head follows from v alone: it is 1/2 for e^raw, and (1 - e^-v) / (2 v) for
// log(1 + e^raw), whose derivative is 1 - e^-v. Where the bound on v is active it is 0.
//
// moments, dheads [R, N, 2Z]: mu, then v or raw; z, dz [R, N, K, Z]; ratio, weights [R, N, K]; kl [R, N].
//
// Contract: block any; one block per row, or per four draws, which share a Philox block and may be of two images. Reads
// and writes 4 Z bytes a draw forward, 8 Z backward, and each row's moments from the cache. Deterministic.
#pragma once
#include "cuda/device/reduce.cuh"
#include "cuda/math.cuh"
#include "cuda/ops/renyi.h"
#include "cuda/philox.cuh"

namespace warpvae {

template <class T>
__device__ inline T variance_of(T raw, VarianceHead head) {
    const bool is_exp = head == VarianceHead::kExp;
    const T e = exp_(is_exp || raw < T(0) ? raw : -raw);
    const T variance = is_exp ? e : (raw > T(0) ? raw : T(0)) + log1p_(e);
    return variance < T(kSmallestVariance) ? T(kSmallestVariance) : variance;
}

/// (1 - e^-v) / v for v > 0. For small v (1 - u) / -log u with u = e^-v rounded (Kahan): its error is that of one
/// logarithm, as the ratio hardly changes with u.
template <class T>
__device__ inline T one_minus_exp_over(T v) {
    const T u = exp_(-v);
    const T small = (u - T(1)) / log_(u == T(1) ? T(0.5) : u);
    return u < T(0.5) ? (T(1) - u) / v : (u == T(1) ? T(1) : small);
}

/// dlog sigma/draw at variance v.
template <class T>
__device__ inline T dlog_sigma(T v, VarianceHead head) {
    const T slope = T(0.5) * (head == VarianceHead::kExp ? T(1) : one_minus_exp_over(v));
    return v <= T(kSmallestVariance) ? T(0) : slope;
}

template <class T>
__global__ void variance_head_kernel(T* moments, T* kl, VarianceHead head, int Z) {
    const std::size_t row = std::size_t(blockIdx.y) * gridDim.x + blockIdx.x;
    const T* mu = moments + row * 2 * Z;
    T* variance = moments + row * 2 * Z + Z;
    T total = T(0);
    const auto latents = block_stride(Z);
    WARPVAE_SIMD(reduction(+ : total))
    for (int j = latents.first; j < latents.last; j += latents.step) {
        const T v = variance_of(variance[j], head);
        variance[j] = v;
        total += T(0.5) * (mu[j] * mu[j] + above_tangent_of_log(v));
    }
    total = block_sum(total);
    if (kl && threadIdx.x == 0) kl[row] = total;
}

/// Blocks (x) of four draws for each replica (y).
constexpr std::size_t posterior_samples_blocks(std::size_t draws) { return (draws + 3) / 4; }
template <class T>
__global__ void posterior_samples_kernel(T* z, T* ratio, const T* moments, LatentNoise noise, int N, int K, int Z) {
    const int r = blockIdx.y, first = 4 * blockIdx.x, draws = N * K - first < 4 ? N * K - first : 4;
    const std::uint64_t step = noise.step ? *noise.step : 0;
    z += (std::size_t(r) * N * K + first) * Z;
    const auto latents = block_stride(Z);
    for (int j : latents) {  // the noise first, in z's place: the loop after it vectorises
        Normal4 epsilon{};
        if (noise.seeds)
            epsilon = latent_noise(noise.seeds[r], noise.purpose, step, (noise.first_row + first) / 4, j, Z);
#pragma unroll
        for (int k = 0; k < 4; ++k)
            if (k < draws) z[k * Z + j] = T(epsilon.v[k]);
    }
    for (int k = 0; k < draws; ++k, z += Z) {
        const T* mu = moments + (std::size_t(r) * N + (first + k) / K) * 2 * Z;
        T total = T(0);
        WARPVAE_SIMD(reduction(+ : total))
        for (int j = latents.first; j < latents.last; j += latents.step) {
            const T e = z[j], v = mu[Z + j], x = mu[j] + sqrt_(v) * e;
            z[j] = x;
            total += T(0.5) * (e * e + log_(v) - x * x);
        }
        if (!ratio) continue;
        total = block_sum(total);
        if (threadIdx.x == 0) ratio[std::size_t(r) * N * K + first + k] = total;
    }
}

template <class T>
__global__ void posterior_backward_kernel(T* dheads, const T* dz, const T* z, const T* moments, const T* weights,
                                          RenyiOrders orders, VarianceHead head, T scale, int K, int Z) {
    const int r = blockIdx.y;
    const std::size_t row = std::size_t(r) * gridDim.x + blockIdx.x;
    const T* mu = moments + row * 2 * Z;
    T* out = dheads + row * 2 * Z;
    dz += row * K * Z, z += row * K * Z, weights += row * K;
    const bool analytic = orders.analytic_kl && orders.alphas[r] == 1;
    const T of_draws = analytic ? T(0) : scale, of_kl = analytic ? scale : T(0);
    const auto latents = block_stride(Z);
    for (int j : latents) out[j] = of_kl * mu[j], out[Z + j] = of_kl * (mu[Z + j] - T(1));
    for (int k = 0; k < K; ++k, dz += Z, z += Z) {
        const T w = of_draws * weights[k];
        WARPVAE_SIMD()
        for (int j = latents.first; j < latents.last; j += latents.step) {
            const T g = dz[j] + w * z[j];
            out[j] += g;
            out[Z + j] += g * (z[j] - mu[j]) - w;
        }
    }
    WARPVAE_SIMD()
    for (int j = latents.first; j < latents.last; j += latents.step) out[Z + j] *= dlog_sigma(mu[Z + j], head);
}

}  // namespace warpvae

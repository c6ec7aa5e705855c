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
// Contract: block any; one block per row, or a warp for four draws, which share a Philox block and may be of two
// images. The backward gives each lane a latent and adds the draws in their order, with the loads of several on the way
// at a time. Writes 4 Z bytes a draw forward, reads 8 Z backward, and each row's moments from the cache. Deterministic.
#pragma once
#include "cuda/device/dependent_launch.cuh"
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

/// One latent's KL(N(mu, v) || N(0, 1)).
template <class T>
__device__ inline T divergence_of_variance(T mu, T v) {
    return T(0.5) * (mu * mu + above_tangent_of_log(v));
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
        total += divergence_of_variance(mu[j], v);
    }
    total = block_sum(total);
    if (kl && threadIdx.x == 0) kl[row] = total;
}

/// One latent of one draw, and its part of the ratio.
template <class T>
struct Draw {
    T z, ratio;
};
template <class T>
__device__ inline Draw<T> draw_of(T mu, T variance, T epsilon) {
    const T z = mu + sqrt_(variance) * epsilon;
    return {z, T(0.5) * (epsilon * epsilon + log_(variance) - z * z)};
}

/// K draws of each of N images; ratio may be null.
template <class T>
struct PosteriorDraws {
    T *z, *ratio;
    LatentNoise noise;
    int N, K, Z;

    WARPVAE_HOST_DEVICE int quads() const { return (N * K + 3) / 4; }

    /// The draws 4 quad to 4 quad + 3 of replica r, as far as there are so many, by one warp. moments_of(n): image n's
    /// mu, Z before its variances.
    template <class Moments>
    __device__ void draw(int r, int quad, Moments moments_of) const {
        const int first = 4 * quad, draws = N * K - first < 4 ? N * K - first : 4;
        const std::size_t row0 = std::size_t(r) * N * K + first;
        const std::uint64_t seed = noise.seeds ? noise.seeds[r] : 0, step = noise.step ? *noise.step : 0;
        const auto noise_of = [&](int j) {
            if (!noise.seeds) return Normal4{};
            return latent_noise(seed, noise.purpose, step, noise.first_row / 4 + quad, j, Z);
        };
        const auto latents = warp_stride(Z);
        T total[4] = {};
        if (lanes_per_warp() == 1) {
            for (int j : latents) {  // the noise first, in z's place: the loop after it vectorises
                const Normal4 epsilon = noise_of(j);
                for (int k = 0; k < draws; ++k) z[(row0 + k) * Z + j] = T(epsilon.v[k]);
            }
            for (int k = 0; k < draws; ++k) {
                const T* mu = moments_of((first + k) / K);
                T *sample = z + (row0 + k) * Z, sum = T(0);
                WARPVAE_SIMD(reduction(+ : sum))
                for (int j = latents.first; j < latents.last; j += latents.step) {
                    const Draw<T> d = draw_of(mu[j], mu[Z + j], sample[j]);
                    sample[j] = d.z;
                    sum += d.ratio;
                }
                total[k] = sum;
            }
        } else {
            for (int j : latents) {
                const Normal4 epsilon = noise_of(j);
#pragma unroll
                for (int k = 0; k < 4; ++k) {
                    if (k >= draws) continue;
                    const T* mu = moments_of((first + k) / K);
                    const Draw<T> d = draw_of(mu[j], mu[Z + j], T(epsilon.v[k]));
                    z[(row0 + k) * Z + j] = d.z;
                    total[k] += d.ratio;
                }
            }
        }
        if (!ratio) return;
#pragma unroll
        for (int k = 0; k < 4; ++k) {
            const T sum = warp_sum(total[k]);
            if (k < draws && lane_index() == 0) ratio[row0 + k] = sum;
        }
    }
};
template <class T>
__global__ void posterior_samples_kernel(PosteriorDraws<T> draws, const T* moments) {
    wait_for_previous_launch();
    let_next_launch_begin();
    const int r = blockIdx.y, quads = draws.quads();
    const auto moments_of = [&](int n) { return moments + (std::size_t(r) * draws.N + n) * 2 * draws.Z; };
    for (int quad = blockIdx.x * warps_per_block() + warp_index(); quad < quads; quad += gridDim.x * warps_per_block())
        draws.draw(r, quad, moments_of);
}

/// What a draw weighs in the gradient, and the divergence where it is analytic.
template <class T>
struct PathScales {
    T of_draws;
    KlWeight<T> of_kl;
};
template <class T>
__device__ inline PathScales<T> path_scales(const PosteriorPath<T>& path, int r) {
    const bool analytic = path.orders.analytic_kl && path.orders.alphas[r] == 1;
    return {analytic ? T(0) : path.scale, {analytic ? path.scale : T(0), path.kl_factors}};
}
/// One latent's dmu and dlog sigma: the divergence's part, then the draws one by one, w = scale W.
template <class T>
struct PathSums {
    T dmu, dsigma;
    __device__ void begin(T of_kl, T mu, T variance) { dmu = of_kl * mu, dsigma = of_kl * (variance - T(1)); }
    __device__ void add(T dz, T w, T z, T mu) {
        const T g = dz + w * z;
        dmu += g;
        dsigma += g * (z - mu) - w;
    }
};

/// Neighbours that a thread takes together: as many as its vectors want on the CPU device.
#ifdef __CUDACC__
inline constexpr int kLatentTile = 1;
#else
inline constexpr int kLatentTile = 16;
#endif
template <class T>
__global__ void __launch_bounds__(1024)  // for registers enough to have the loads of several draws on the way
    posterior_backward_kernel(T* dheads, const T* dz, PosteriorPath<T> path, int K, int Z) {
    wait_for_previous_launch();
    let_next_launch_begin();
    const std::size_t row = std::size_t(blockIdx.y) * gridDim.x + blockIdx.x;
    const T *mu = path.moments + row * 2 * Z, *z = path.z + row * K * Z, *weights = path.weights + row * K;
    T* out = dheads + row * 2 * Z;
    dz += row * K * Z;
    const PathScales<T> scales = path_scales(path, blockIdx.y);
    for (int tile : block_stride((Z + kLatentTile - 1) / kLatentTile)) {
        const int first = tile * kLatentTile, left = Z - first;
        const int count = kLatentTile == 1 || left > kLatentTile ? kLatentTile : left;
        const T *mean = mu + first, *variance = mean + Z;
        PathSums<T> sums[kLatentTile];
        for (int c = 0; c < count; ++c) sums[c].begin(scales.of_kl.of(blockIdx.y, first + c, Z), mean[c], variance[c]);
#pragma unroll 8
        for (int k = 0; k < K; ++k) {
            const T w = scales.of_draws * weights[k];
            const T *to = dz + std::size_t(k) * Z + first, *at = z + std::size_t(k) * Z + first;
            WARPVAE_SIMD()
            for (int c = 0; c < count; ++c) sums[c].add(to[c], w, at[c], mean[c]);
        }
        WARPVAE_SIMD()
        for (int c = 0; c < count; ++c) {
            out[first + c] = sums[c].dmu;
            out[Z + first + c] = sums[c].dsigma * dlog_sigma(variance[c], path.head);
        }
    }
}

}  // namespace warpvae

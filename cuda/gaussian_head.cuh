// The end of a Gaussian encoder, fused: both heads, the reparameterised sample and the divergence in one pass over the
// last hidden layer (Kingma and Welling 2014, eq. 10 and appendix B). As kernels of their own these are two thin matrix
// products, a bias, a noise kernel and a reduction: five launches for a thousandth of a step's arithmetic.
//
//   [mu, logvar] = h W^T + b,   z = mu + exp(logvar / 2) epsilon,   kl = sum_j KL(N(mu_j, sigma_j^2) || N(0, 1))
//
// h [R, N, H]; W [2Z, H] and b [2Z] at stride P (rows 0..Z-1 make mu, Z..2Z-1 logvar); moments [R, N, 2Z]; z [R, N, Z];
// kl [R, N]. The backward through the products is dense_backward on dmoments.
//
// Contract: one block per four rows and replica, block any. A warp takes one latent at a time: its lanes share the two
// dot products of all four rows (6 loads for 8 sums), then lanes 0..3 finish one row each. No shared memory but the
// reduction's. Reads h once per latent (from L1) and W once per block (from L2). Deterministic.
#pragma once
#include "cuda/device/reduce.cuh"
#include "cuda/gaussian_sample.cuh"
#include "cuda/philox.cuh"

namespace warpvae {

inline constexpr int kHeadRows = 4;
/// Blocks (x) of the forward for each replica (y).
constexpr int gaussian_head_blocks(int N) { return (N + kHeadRows - 1) / kHeadRows; }

template <class T>
__global__ void gaussian_head_forward_kernel(T* moments, T* z, T* kl, const T* h, const T* W, const T* b, std::size_t P,
                                             LatentNoise noise, int N, int H, int Z) {
    const int r = blockIdx.y, first = kHeadRows * blockIdx.x;
    const int rows = N - first < kHeadRows ? N - first : kHeadRows;
    const std::size_t row0 = std::size_t(r) * N + first;
    // A tail of fewer than four rows repeats its last row, so that the loop below needs no condition.
    const T* h0 = h + row0 * H;
    const T* h1 = h0 + (rows > 1 ? 1 : 0) * std::size_t(H);
    const T* h2 = h0 + (rows > 2 ? 2 : 0) * std::size_t(H);
    const T* h3 = h0 + (rows > 3 ? 3 : 0) * std::size_t(H);
    const T* bias = b + r * P;
    const std::uint64_t seed = noise.seeds ? noise.seeds[r] : 0, step = noise.step ? *noise.step : 0;
    const int lane = lane_index(), lanes = lanes_per_warp();
    const auto inputs = warp_stride(H);
    T divergence[kHeadRows] = {};

    for (int j = warp_index(); j < Z; j += warps_per_block()) {
        const T* w_mu = W + r * P + std::size_t(j) * H;
        const T* w_logvar = w_mu + std::size_t(Z) * H;
        T m0 = 0, m1 = 0, m2 = 0, m3 = 0, v0 = 0, v1 = 0, v2 = 0, v3 = 0;
        WARPVAE_SIMD(reduction(+ : m0, m1, m2, m3, v0, v1, v2, v3))
        for (int k = inputs.first; k < inputs.last; k += inputs.step) {
            const T wm = w_mu[k], wv = w_logvar[k];
            m0 += wm * h0[k], m1 += wm * h1[k], m2 += wm * h2[k], m3 += wm * h3[k];
            v0 += wv * h0[k], v1 += wv * h1[k], v2 += wv * h2[k], v3 += wv * h3[k];
        }
        const T mu[kHeadRows] = {warp_sum(m0) + bias[j], warp_sum(m1) + bias[j], warp_sum(m2) + bias[j],
                                 warp_sum(m3) + bias[j]};
        const T logvar[kHeadRows] = {warp_sum(v0) + bias[Z + j], warp_sum(v1) + bias[Z + j], warp_sum(v2) + bias[Z + j],
                                     warp_sum(v3) + bias[Z + j]};
        Normal4 epsilon{};
        if (noise.seeds) epsilon = latent_noise(seed, noise.purpose, step, (noise.first_row + first) / 4, j, Z);
#pragma unroll
        for (int n = 0; n < kHeadRows; ++n) {  // n is known at compile time: the arrays stay in registers
            if (n >= rows || n % lanes != lane) continue;
            const std::size_t row = row0 + n;
            moments[row * 2 * Z + j] = mu[n];
            moments[row * 2 * Z + Z + j] = logvar[n];
            divergence[n] += draw_latent<Spread::kLogVariance>(z[row * Z + j], mu[n], logvar[n], T(epsilon.v[n]),
                                                               noise.seeds != nullptr, {T(0), T(1), T(0)});
        }
    }
#pragma unroll
    for (int n = 0; n < kHeadRows; ++n) {
        const T total = block_sum(divergence[n]);
        if (threadIdx.x == 0 && n < rows) kl[row0 + n] = total;
    }
}

}  // namespace warpvae

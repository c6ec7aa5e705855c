// The reparameterised sample of a diagonal Gaussian (Kingma and Welling 2014, eq. 10): z = mu + sigma * epsilon, with
// sigma = exp(logvar / 2) and epsilon standard normal from Philox. No noise is stored: sigma * epsilon is z - mu, so
//
//   dz/dmu = 1,   dz/dlogvar = sigma epsilon / 2 = (z - mu) / 2
//
// moments [R, N, 2Z] holds mu, then logvar; z [R, N, Z].
//
// Contract: one block per four rows, which share a Philox block; block any; reads 8 and writes 4 bytes per latent.
// Deterministic.
#pragma once
#include "cuda/ops/latent.h"
#include "cuda/philox.cuh"

namespace warpvae {

template <class T>
__device__ inline T reparameterised(T mu, T logvar, T epsilon) {
    return mu + exp_(T(0.5) * logvar) * epsilon;
}

template <class T>
__global__ void reparameterise_forward_kernel(T* z, const T* moments, LatentNoise noise, int N, int Z) {
    const int r = blockIdx.y, first = 4 * blockIdx.x;
    const int rows = N - first < 4 ? N - first : 4;
    const std::uint64_t step = noise.step ? *noise.step : 0;
    for (int j : block_stride(Z)) {
        Normal4 epsilon{};
        if (noise.seeds)
            epsilon = latent_noise(noise.seeds[r], noise.purpose, step, (noise.first_row + first) / 4, j, Z);
        for (int n = 0; n < 4; ++n) {
            if (n >= rows) break;
            const std::size_t row = std::size_t(r) * N + first + n;
            const T mu = moments[row * 2 * Z + j], logvar = moments[row * 2 * Z + Z + j];
            z[row * Z + j] = noise.seeds ? reparameterised(mu, logvar, T(epsilon.v[n])) : mu;
        }
    }
}

template <class T>
__global__ void reparameterise_backward_kernel(T* dmoments, const T* dz, const T* z, const T* moments, int Z) {
    const std::size_t row = std::size_t(blockIdx.y) * gridDim.x + blockIdx.x;
    const T* mu = moments + row * 2 * Z;
    T* dmu = dmoments + row * 2 * Z;
    for (int j : block_stride(Z)) {
        const T g = dz[row * Z + j];
        dmu[j] = g;
        dmu[Z + j] = T(0.5) * g * (z[row * Z + j] - mu[j]);
    }
}

}  // namespace warpvae

// Random numbers without state: Philox4x32-10 (Salmon et al. 2011) addressed by (seed, purpose, step, element). The
// same 32-bit stream on both devices: Random123's function on the CPU, cuRAND's on the GPU (tests/kernel/philox_*_test
// holds both to one known-answer table).
//
//   key = seed (64 bits);  counter = (element / 4, purpose << 16 | element bits 34.., step low, step high)
//
// Contract: block any; deterministic. Writes each number once and reads none.
#pragma once
#include "cuda/math.cuh"
#include "cuda/ops/random.h"
#ifdef __CUDACC__
#include <curand_philox4x32_x.h>
#else
#include <Random123/philox.h>
#endif

namespace warpvae {

struct Random4 {
    std::uint32_t v[4];
};

/// The four words of block `block` of the stream (seed, purpose, step).
__device__ inline Random4 philox(std::uint64_t seed, Purpose purpose, std::uint64_t step, std::uint64_t block) {
    const auto low = [](std::uint64_t x) { return static_cast<std::uint32_t>(x); };
    const std::uint32_t second = (static_cast<std::uint32_t>(purpose) << 16) | (low(block >> 32) & 0xffffu);
#ifdef __CUDACC__
    const uint4 r = curand_Philox4x32_10(make_uint4(low(block), second, low(step), low(step >> 32)),
                                         make_uint2(low(seed), low(seed >> 32)));
    return {{r.x, r.y, r.z, r.w}};
#else
    const r123::Philox4x32::ctr_type counter{{low(block), second, low(step), low(step >> 32)}};
    const r123::Philox4x32::key_type key{{low(seed), low(seed >> 32)}};
    const r123::Philox4x32::ctr_type r = r123::Philox4x32()(counter, key);
    return {{r[0], r[1], r[2], r[3]}};
#endif
}

/// A float in [0, 1), a multiple of 2^-24.
__device__ inline float uniform_from(std::uint32_t bits) {
    return static_cast<float>(bits >> 8) * 5.9604644775390625e-8f;
}

/// Four independent standard normals (Box and Muller) from four words.
struct Normal4 {
    float v[4];
};
__device__ inline Normal4 normal_from(Random4 r) {
    Normal4 out;
    for (int pair = 0; pair < 2; ++pair) {
        // (0, 1]: the logarithm never sees 0. The largest draw is sqrt(2 * 24 log 2) = 5.8.
        const float u = (static_cast<float>(r.v[2 * pair] >> 8) + 1.f) * 5.9604644775390625e-8f;
        const float radius = sqrtf(-2.f * log_(u));
        float sine, cosine;
        sincos_turn(uniform_from(r.v[2 * pair + 1]), sine, cosine);
        out.v[2 * pair] = radius * cosine;
        out.v[2 * pair + 1] = radius * sine;
    }
    return out;
}

/// Noise of latent j for the four rows 4q..4q+3 of a batch with Z latents: what LatentNoise means by element (n, j).
__device__ inline Normal4 latent_noise(std::uint64_t seed, Purpose purpose, std::uint64_t step, std::uint64_t row_quad,
                                       int j, int Z) {
    return normal_from(philox(seed, purpose, step, row_quad * std::uint64_t(Z) + std::uint64_t(j)));
}

/// Numbers that one block of the stream makes.
template <class T>
struct alignas(4 * sizeof(T)) Four {
    T v[4];
};
/// out[4 q + k] = four.v[k] as far as n goes, in one store where out lies as a Four does.
template <class T>
__device__ inline void store_four(T* out, std::size_t n, std::size_t q, const Four<T>& four) {
    T* const to = out + 4 * q;
    if (n - 4 * q >= 4 && reinterpret_cast<std::uintptr_t>(out) % alignof(Four<T>) == 0) {
        *reinterpret_cast<Four<T>*>(to) = four;
        return;
    }
#pragma unroll
    for (int k = 0; k < 4; ++k)
        if (4 * q + k < n) to[k] = four.v[k];
}

/// out[i] = normal draw of element i; one block of the stream makes four neighbours.
template <class T>
__global__ void philox_normal_kernel(T* out, std::size_t n, std::uint64_t seed, Purpose purpose, std::uint64_t step) {
    for (std::size_t q : grid_stride((n + 3) / 4)) {
        const Normal4 draws = normal_from(philox(seed, purpose, step, q));
        store_four(out, n, q, {T(draws.v[0]), T(draws.v[1]), T(draws.v[2]), T(draws.v[3])});
    }
}

template <class T>
__global__ void philox_uniform_kernel(T* out, std::size_t n, T low, T high, std::uint64_t seed, Purpose purpose,
                                      std::uint64_t step) {
    for (std::size_t q : grid_stride((n + 3) / 4)) {
        const Random4 r = philox(seed, purpose, step, q);
        Four<T> draws;
#pragma unroll
        for (int k = 0; k < 4; ++k) draws.v[k] = low + (high - low) * T(uniform_from(r.v[k]));
        store_four(out, n, q, draws);
    }
}

}  // namespace warpvae

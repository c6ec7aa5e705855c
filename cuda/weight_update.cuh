// What is done with a weight's gradient once it is summed, in the epilogue of the kernels that sum it
// (weight_gradients.cuh, convolution_weights.cuh): it is kept, or an optimiser's step is made with it at once.
//
// A rule has of(r), what a thread holds of replica r: update(at, g, count) takes the gradients of up to four elements
// from `at` on of the arena, and finish() ends the thread's work. expect(r, at) brings what update() will want of the
// 128 bytes at `at` into the L2 cache. of(r) waits for memory: it belongs behind the product.
#pragma once
#include "cuda/adadelta.cuh"
#include "cuda/adam.cuh"
#include "cuda/dense_tile.cuh"
#include "cuda/ops/weight_gradients.h"

namespace warpvae {

/// gradients[at..] = what was summed.
struct StoreGradient {
    float* gradients;  ///< [R, P]
    std::size_t P;
    struct Local {
        float* gradients;
        __device__ bool takes_quads() const { return true; }  // store_quad looks for itself
        template <int kQuads>
        __device__ void update_together(const std::size_t (&at)[kQuads], const float (&g)[kQuads][4]) {
#pragma unroll
            for (int q = 0; q < kQuads; ++q) update(at[q], g[q], 4);
        }
        __device__ void update(std::size_t at, const float (&g)[4], int count) { store_quad(gradients + at, g, count); }
        __device__ void finish() const {}
    };
    __device__ Local of(int r) const { return {gradients + r * P}; }
    __device__ void expect(int, std::size_t) const {}
    __device__ const float* existing(int r) const { return gradients + r * P; }
};

/// One optimiser's three arrays, updated four elements at a time by `Update` (AdamUpdate, AdadeltaUpdate).
template <class Update, class Options>
struct UpdateParameters {
    float *parameters, *first, *second;  ///< [R, P]
    NonFinite* non_finite;               ///< [R]
    const float *gradients, *learning_rate;
    const std::uint64_t* step;
    Options options;
    std::size_t P;

    struct Local {
        float *parameters, *first, *second;
        NonFinite* non_finite;
        std::uint64_t step;
        Update rule;
        unsigned int worst = ~0u;  // the lowest element whose gradient is not finite

        /// Whether elements at multiples of 4 are 16-byte aligned, which update_together asks for.
        __device__ bool takes_quads() const {
            return detail::is_quad_aligned(parameters) && detail::is_quad_aligned(first) &&
                   detail::is_quad_aligned(second);
        }
        /// As update(at[q], g[q], 4) for each, all 16-byte aligned: all reads are under way before one is waited for.
        template <int kQuads>
        __device__ void update_together(const std::size_t (&at)[kQuads], const float (&g)[kQuads][4]) {
            float p[kQuads][4], a[kQuads][4], b[kQuads][4];
#pragma unroll
            for (int q = 0; q < kQuads; ++q) {
                detail::load_quad(p[q], parameters + at[q]);
                detail::load_quad(a[q], first + at[q]);
                detail::load_quad(b[q], second + at[q]);
            }
#pragma unroll
            for (int q = 0; q < kQuads; ++q) {
                step_of(at[q], p[q], a[q], b[q], g[q], 4);
                store_quad(parameters + at[q], p[q], 4);
                store_quad(first + at[q], a[q], 4);
                store_quad(second + at[q], b[q], 4);
            }
        }
        __device__ void update(std::size_t at, const float (&g)[4], int count) {
            float p[4] = {}, a[4] = {}, b[4] = {};
            read_quad(p, parameters + at, count);
            read_quad(a, first + at, count);
            read_quad(b, second + at, count);
            step_of(at, p, a, b, g, count);
            store_quad(parameters + at, p, count);
            store_quad(first + at, a, count);
            store_quad(second + at, b, count);
        }
        __device__ void step_of(std::size_t at, float (&p)[4], float (&a)[4], float (&b)[4], const float (&g)[4],
                                int count) {
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                const float watched = rule(p[i], a[i], b[i], g[i]);
                const unsigned int place = static_cast<unsigned int>(at) + i;
                if (i < count && !is_finite(watched) && place < worst) worst = place;
            }
        }
        __device__ void finish() const {
            if (worst != ~0u) atomicMin(&non_finite->key, static_cast<unsigned long long>(step << 32 | worst));
        }
    };
    __device__ void expect(int r, std::size_t at) const {
        for (const float* array : {parameters, first, second}) prefetch_to_l2(array + r * P + at);
    }
    __device__ Local of(int r) const {
        return {parameters + r * P, first + r * P, second + r * P,
                non_finite + r,     *step,         Update(options, learning_rate[r], *step)};
    }
    __device__ const float* existing(int r) const { return gradients + r * P; }
};

using AdamStep = UpdateParameters<AdamUpdate<float>, AdamRule>;
using AdadeltaStep = UpdateParameters<AdadeltaUpdate<float>, AdadeltaOptions>;

}  // namespace warpvae

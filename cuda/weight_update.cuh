// What is done with a weight's gradient once it is summed, in the epilogue of the kernels that sum it
// (weight_gradients.cuh, convolution_weights.cuh): it is kept, or an optimiser's step is made with it at once.
//
// A rule has of(r), what a thread holds of replica r: update(at, g, count) takes the gradients of up to four elements
// from `at` on of the arena, expect(at) brings what update() will want of the 128 bytes at `at` into the L2 cache, and
// finish() ends the thread's work.
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
        __device__ void expect(std::size_t) const {}
        __device__ void update(std::size_t at, const float (&g)[4], int count) { store_quad(gradients + at, g, count); }
        __device__ void finish() const {}
    };
    __device__ Local of(int r) const { return {gradients + r * P}; }
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
        std::size_t worst = ~std::size_t(0);  // the lowest element whose gradient is not finite

        /// Brings what update() will want of the 128 bytes at `at` into the L2 cache.
        __device__ void expect(std::size_t at) const {
            for (const float* array : {parameters, first, second}) prefetch_to_l2(array + at);
        }
        __device__ void update(std::size_t at, const float (&g)[4], int count) {
            float p[4] = {}, a[4] = {}, b[4] = {};
            read_quad(p, parameters + at, count);
            read_quad(a, first + at, count);
            read_quad(b, second + at, count);
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                const float watched = rule(p[i], a[i], b[i], g[i]);
                if (i < count && !is_finite(watched) && at + i < worst) worst = at + i;
            }
            store_quad(parameters + at, p, count);
            store_quad(first + at, a, count);
            store_quad(second + at, b, count);
        }
        __device__ void finish() const {
            if (worst != ~std::size_t(0))
                atomicMin(&non_finite->key, static_cast<unsigned long long>(step << 32 | worst));
        }
    };
    __device__ Local of(int r) const {
        return {parameters + r * P, first + r * P, second + r * P,
                non_finite + r,     *step,         Update(options, learning_rate[r], *step)};
    }
    __device__ const float* existing(int r) const { return gradients + r * P; }
};

using AdamStep = UpdateParameters<AdamUpdate<float>, AdamRule>;
using AdadeltaStep = UpdateParameters<AdadeltaUpdate<float>, AdadeltaOptions>;

}  // namespace warpvae

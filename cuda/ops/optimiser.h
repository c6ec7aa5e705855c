// Optimiser steps over the whole arena, and sums over rows. Letters and conventions: cuda/ops.h.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "cuda/device/device.h"

namespace warpvae {

// --- optimisers: adam.cuh, adadelta.cuh ------------------------------------------------------------------------------

/// The first gradient of a replica that is not finite, or whose square is not (in float from some 1e20 on): all ones
/// while there is none (fill its bytes with 255 before training), else the step in the high half and the lowest such
/// offset in the arena in the low half.
struct NonFinite {
    unsigned long long key;
    bool found() const { return key != ~0ull; }
    std::uint64_t step() const { return key >> 32; }
    std::uint64_t element() const { return key & 0xffffffffu; }
};
struct AdamOptions {
    float beta1 = 0.9f, beta2 = 0.999f, epsilon = 1e-8f;
};
/// What Adam updates.
template <class T>
struct AdamState {
    T *parameters, *m, *v;  ///< [R, P]; m and v start at 0
    NonFinite* non_finite;  ///< [R]
};
/// One Adam step (Kingma and Ba, algorithm 1; as torch.optim.Adam) of the whole arena [R, P] in one launch:
///   m = b1 m + (1-b1) g, v = b2 v + (1-b2) g^2, p -= lr / (1-b1^t) * m / (sqrt(v / (1-b2^t)) + eps), t = *step + 1.
/// gradients [R, P]; learning_rate [R].
template <class T>
Status adam(const AdamState<T>& state, const T* gradients, const T* learning_rate, const std::uint64_t* step,
            const AdamOptions& options, int R, std::size_t P, Stream stream);

struct AdadeltaOptions {
    float rho = 0.95f, epsilon = 1e-6f;
};
template <class T>
struct AdadeltaState {
    T *parameters, *squares, *updates;  ///< [R, P]; squares and updates start at 0
    NonFinite* non_finite;              ///< [R]
};
/// One Adadelta step in Lasagne's form, see adadelta.cuh; the rest as adam.
template <class T>
Status adadelta(const AdadeltaState<T>& state, const T* gradients, const T* learning_rate, const std::uint64_t* step,
                const AdadeltaOptions& options, int R, std::size_t P, Stream stream);

/// Gradients [R, P] whose norm over a replica's whole arena exceeds max_norm are scaled to it (Pascanu et al. 2013, as
/// torch.nn.utils.clip_grad_norm_ without its epsilon): clip_norm.cuh. Padding must be 0. A norm that is not finite
/// leaves that replica's gradients as they are, for the optimiser to name. partial_squares: scratch [R, kNormParts].
inline constexpr int kNormParts = 64;
template <class T>
Status clip_norm(T* gradients, double* partial_squares, T max_norm, int R, std::size_t P, Stream stream);

// --- reductions: reduction.cuh ---------------------------------------------------------------------------------------

/// totals[r * stride] += scale * sum over n of values[r, n], in double and in a fixed order. A replica's values begin
/// `value_stride` after the one's before; 0: N.
template <class T>
Status accumulate_sum(double* totals, std::size_t stride, const T* values, int R, int N, Stream stream,
                      std::size_t value_stride = 0, double scale = 1);
/// What accumulate_sums adds up: `count` values of each replica, which begin `stride` after those of the one before.
template <class T>
struct RowValues {
    const T* values;
    int count;
    std::size_t stride;
    double scale = 1;
};
inline constexpr std::size_t kMostSums = 8;
/// The end of a training step in one launch: totals[r, i] += scale * sum of term i's values of replica r, as
/// accumulate_sum, and *step += 1. totals [R, terms.size()], at most kMostSums terms.
template <class T>
Status accumulate_sums(double* totals, std::uint64_t* step, const std::vector<RowValues<T>>& terms, int R,
                       Stream stream);
/// Sums of x and of x^2 over the rows: sums [R, 2, D] += x [R, N, x_stride], its first D columns. In double; for means,
/// variances and active units.
template <class T>
Status accumulate_moments(double* sums, const T* x, int R, int N, int D, int x_stride, Stream stream);
/// correct[r] += how many predicted[r, n] equal labels[r][first + n].
Status accumulate_correct(unsigned long long* correct, const std::uint8_t* predicted, const std::uint8_t* const* labels,
                          std::size_t first, int R, int N, Stream stream);

}  // namespace warpvae

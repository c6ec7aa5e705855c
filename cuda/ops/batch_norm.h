// Batch normalisation of pixels with channels (Ioffe and Szegedy 2015), as torch.nn.BatchNorm2d has it. Letters and
// conventions: cuda/ops.h; M is the number of pixels of a replica, over all of its images, and C that of channels.
#pragma once
#include "cuda/ops/dense.h"

namespace warpvae {

// --- batch_norm.cuh --------------------------------------------------------------------------------------------------

/// Added to a variance: torch's.
inline constexpr double kNormEpsilon = 1e-5;
/// What a step counts in the running averages: torch's.
inline constexpr double kNormMomentum = 0.1;

/// Means and variances [C] of each replica, `stride` numbers apart: a batch's, or running averages.
template <class T>
struct NormStatistics {
    const T *mean, *variance;
    std::size_t stride;
};
/// What follows the normalisation: scale [C], shift [C] at stride P.
template <class T>
struct NormParameters {
    const T *scale, *shift;
    std::size_t P;
};
/// Numbers of scratch for each replica: sums of the blocks, then of them all.
std::size_t batch_norm_scratch(std::size_t M, int C);

/// statistics [R, 2, C] = means and variances (divided by M) over the pixels of x [R, M, C]; 0 of no pixels. scratch:
/// R * batch_norm_scratch(M, C). Here and below: C from 1 to 256, activations kNone and kRelu.
template <class T>
Status batch_norm_statistics(T* statistics, double* scratch, const T* x, int R, std::size_t M, int C, Stream stream);
/// y [R, M, C] = activation(scale (x - mean) / sqrt(variance + kNormEpsilon) + shift); x's place is allowed.
template <class T>
Status batch_norm_forward(T* y, const T* x, const NormStatistics<T>& statistics, const NormParameters<T>& parameters,
                          Activation activation, int R, std::size_t M, int C, Stream stream);
/// Through a normalisation by the batch's own statistics: dx [R, M, C] in dy's place, dscale and dshift [C] at stride
/// P. dy is the gradient of the normalisation's output, before its activation, or, where y, the output of a ReLU, is
/// given, that of y.
template <class T>
Status batch_norm_backward(T* dy, T* dscale, T* dshift, double* scratch, const T* x, const T* y,
                           const NormStatistics<T>& statistics, const NormParameters<T>& parameters, int R,
                           std::size_t M, int C, Stream stream);

/// The running averages of a normalisation.
template <class T>
struct RunningStatistics {
    T *mean, *variance;  ///< [C] at stride P
    std::size_t P;
    T* before;            ///< [R, 2, C]: what they were before the last step that counts
    std::uint64_t* next;  ///< [R]: the number of the step after that one; 0: none yet
};
/// Moves them by kNormMomentum towards statistics [R, 2, C] of M pixels, the variance times M / (M - 1), at step
/// `*step` (0 where that is null). A step that is computed twice in a row counts once, with its last statistics.
template <class T>
Status batch_norm_update(const RunningStatistics<T>& running, const T* statistics, const std::uint64_t* step, int R,
                         std::size_t M, int C, Stream stream);

}  // namespace warpvae

// The weights' gradients of a whole step in one launch, float. Letters and conventions: cuda/ops.h.
#pragma once
#include <vector>

#include "cuda/ops/dense.h"
#include "cuda/ops/optimiser.h"

namespace warpvae {

// --- weight_gradients.cuh --------------------------------------------------------------------------------------------

/// Fills the layers' part of gradients [R, P].
Status weight_gradients(float* gradients, const std::vector<DenseWeightGradient<float>>& layers, int R, std::size_t P,
                        Stream stream);
/// As weight_gradients, then adam (or adadelta) on the whole arena: what is no layer's has its gradient in `gradients`.
/// The layers' own part of that is neither read nor written. Where there are more than 16 layers, the step takes
/// several launches.
Status weight_gradients_adam(const AdamState<float>& state, const float* gradients,
                             const std::vector<DenseWeightGradient<float>>& layers, const float* learning_rate,
                             const std::uint64_t* step, const AdamOptions& options, int R, std::size_t P,
                             Stream stream);
Status weight_gradients_adadelta(const AdadeltaState<float>& state, const float* gradients,
                                 const std::vector<DenseWeightGradient<float>>& layers, const float* learning_rate,
                                 const std::uint64_t* step, const AdadeltaOptions& options, int R, std::size_t P,
                                 Stream stream);

}  // namespace warpvae

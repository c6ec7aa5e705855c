// The weights' gradients of a whole step in one or two launches, float. Letters and conventions: cuda/ops.h.
#pragma once
#include <vector>

#include "cuda/ops/convolution.h"
#include "cuda/ops/dense.h"
#include "cuda/ops/optimiser.h"

namespace warpvae {

// --- convolution_weights.cuh -----------------------------------------------------------------------------------------

/// Where blocks leave their parts of a convolution's gradient. Scratch memory of one layer.
struct PartialGradients {
    float* parts;           ///< [R, partial_gradients(shape, transposed, N).parts]
    unsigned int* arrived;  ///< [R, ... .arrived], 0 before the first call; every call leaves it so
};
struct PartialGradientSizes {
    std::size_t parts, arrived;  ///< of one replica
};
/// The room that N images take. It is enough for fewer.
PartialGradientSizes partial_gradients(const ConvolutionShape& shape, bool transposed, int N);

/// What the gradient of a convolution's parameters is made of: dW as convolution_backward_weights has it of y's side
/// and x's, db = sums over the pixels of the layer's output: y's side, or of a transposed convolution x's.
template <class T>
struct ConvolutionWeightGradient {
    std::size_t weight, bias;  ///< where W [y_channels, kernel, kernel, x_channels] and b lie in a replica's arena
    const T *y_side, *x_side;
    ConvolutionShape shape;
    bool transposed;
    int N;
    PartialGradients scratch;
};

// --- weight_gradients.cuh --------------------------------------------------------------------------------------------

/// The layers whose weights' gradients a step computes together.
template <class T>
struct WeightLayers {
    std::vector<DenseWeightGradient<T>> dense;
    std::vector<ConvolutionWeightGradient<T>> convolutions;
};

/// The end of a training step, as part of its last launch: what accumulate_sums does, to the same meaning.
struct StepEnd {
    double* totals;  ///< [R, terms.size()]
    std::uint64_t* step;
    std::vector<RowValues<float>> terms;  ///< at most kMostSums
    unsigned int* arrived;                ///< one number, 0 before the first call; every call leaves it so
};

/// Fills the layers' part of gradients [R, P].
Status weight_gradients(float* gradients, const WeightLayers<float>& layers, int R, std::size_t P, MathStream stream);
/// As weight_gradients, then adam (or adadelta) on the whole arena: what is no layer's has its gradient in `gradients`.
/// The layers' own part of that is neither read nor written. One launch for up to 16 dense layers, one for up to 12
/// convolutions. With `end`, the last launch ends the step, too, once all have read its number.
Status weight_gradients_adam(const AdamState<float>& state, const float* gradients, const WeightLayers<float>& layers,
                             const float* learning_rate, const std::uint64_t* step, const AdamOptions& options, int R,
                             std::size_t P, MathStream stream, const StepEnd* end = nullptr);
Status weight_gradients_adadelta(const AdadeltaState<float>& state, const float* gradients,
                                 const WeightLayers<float>& layers, const float* learning_rate,
                                 const std::uint64_t* step, const AdadeltaOptions& options, int R, std::size_t P,
                                 MathStream stream, const StepEnd* end = nullptr);

}  // namespace warpvae

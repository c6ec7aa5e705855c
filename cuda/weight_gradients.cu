#include "cuda/weight_gradients.cuh"

#include <algorithm>

#include "cuda/convolution_weights.cuh"

namespace warpvae {
namespace {

using DenseLayers = std::vector<DenseWeightGradient<float>>;
using Convolutions = std::vector<ConvolutionWeightGradient<float>>;

std::size_t bias_count(const ConvolutionWeightGradient<float>& layer) {
    return layer.transposed ? layer.shape.x_channels : layer.shape.y_channels;
}

/// The runs of 0..P-1 that belong to none of the layers.
std::vector<WeightWork::Elements> others_of(const WeightLayers<float>& layers, std::size_t P) {
    std::vector<WeightWork::Elements> taken, others;
    for (const DenseWeightGradient<float>& layer : layers.dense) {
        taken.push_back({layer.weight, std::size_t(layer.out) * layer.in, 0});
        taken.push_back({layer.bias, std::size_t(layer.out), 0});
    }
    for (const ConvolutionWeightGradient<float>& layer : layers.convolutions) {
        taken.push_back({layer.weight, layer.shape.weights(), 0});
        taken.push_back({layer.bias, bias_count(layer), 0});
    }
    taken.push_back({P, 0, 0});
    std::sort(taken.begin(), taken.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    std::size_t at = 0;
    for (const WeightWork::Elements& run : taken) {
        if (run.first > at) others.push_back({at, run.first - at, 0});
        at = run.first + run.count;
    }
    return others;
}

template <class Rule>
Status run(const Rule& rule, const WeightWork& work, int R, MathStream stream) {
    if (!work.blocks) return {};
    int K = 0;  // the layer of most rows decides for all of the launch: it needs the most memory
    for (int i = 0; i < work.layer_count; ++i) K = std::max(K, work.layers[i].of.N);
    // Slices that one tile's groups of warps sum at a time: more where rows are many and tiles few.
    const bool few = std::size_t(work.blocks) * R < 4 * std::size_t(device_parallelism());
    const int owners = few ? WeightTile::owners_for(K) : 1;
    return launch_dependent(weight_gradients_kernel<Rule>,
                            for_blocks(work.blocks, R, Block::fixed(owners * WeightTile::kGroupThreads),
                                       WeightTile::shared_bytes(K, owners)),
                            stream, work, rule);
}

/// The blocks that end a step; one at least, for somebody must count it.
void add_end(WeightWork& work, const StepEnd& end) {
    work.sums = {end.totals, end.step, end.arrived, {}, int(end.terms.size()), work.blocks};
    std::copy(end.terms.begin(), end.terms.end(), work.sums.terms.of);
    work.blocks += std::max(work.sums.count, work.blocks ? 0 : 1);
}

/// All dense layers, then all other elements, then the step's end, in as few launches as hold them.
template <class Rule>
Status run_dense(const Rule& rule, const DenseLayers& layers, const std::vector<WeightWork::Elements>& others, int R,
                 MathStream stream, const StepEnd* end) {
    WeightWork work;
    Status status;
    work.is_exact = stream.is_exact();
    const auto flush = [&] {
        if (status.ok()) status = run(rule, work, R, stream);
        work = WeightWork();
        work.is_exact = stream.is_exact();
    };
    for (const DenseWeightGradient<float>& layer : layers) {
        if (layer.N < 0 || layer.in < 0 || layer.out < 0) return {kInvalidValue};
        // Without inputs there is no weight, but a bias all the same: a tile whose columns are all outside.
        const int across = std::max(1, (layer.in + WeightTile::kColumns - 1) / WeightTile::kColumns);
        if (work.layer_count == WeightWork::kMost) flush();
        work.layers[work.layer_count++] = {layer, work.blocks, across};
        work.blocks += (across + (layer.row_weights ? 1 : 0)) * weight_tiles_down(layer.out);
    }
    for (const WeightWork::Elements& run_of : others) {
        if (work.elements_count == WeightWork::kMost) flush();
        work.elements[work.elements_count++] = {run_of.first, run_of.count, work.blocks};
        work.blocks += int((run_of.count + WeightWork::kPerBlock - 1) / WeightWork::kPerBlock);
    }
    if (end) add_end(work, *end);
    flush();
    return status;
}

template <class Rule>
Status run_all(const Rule& rule, const WeightLayers<float>& layers, const std::vector<WeightWork::Elements>& others,
               int R, std::size_t P, MathStream stream, const StepEnd* end = nullptr) {
    if (R < 0 || P >> 32 || (end && end->terms.size() > kMostSums)) return {kInvalidValue};
    const Status status = run_convolution_weights(rule, layers.convolutions, R, stream);
    return status.ok() ? run_dense(rule, layers.dense, others, R, stream, end) : status;
}

}  // namespace

Status weight_gradients(float* gradients, const WeightLayers<float>& layers, int R, std::size_t P, MathStream stream) {
    return run_all(StoreGradient{gradients, P}, layers, {}, R, P, stream);
}

Status weight_gradients_adam(const AdamState<float>& state, const float* gradients, const WeightLayers<float>& layers,
                             const float* learning_rate, const std::uint64_t* step, const AdamOptions& options, int R,
                             std::size_t P, MathStream stream, const StepEnd* end) {
    return run_all(AdamStep{state.parameters, state.m, state.v, state.non_finite, gradients, learning_rate, step,
                            AdamRule(options), P},
                   layers, others_of(layers, P), R, P, stream, end);
}

Status weight_gradients_adadelta(const AdadeltaState<float>& state, const float* gradients,
                                 const WeightLayers<float>& layers, const float* learning_rate,
                                 const std::uint64_t* step, const AdadeltaOptions& options, int R, std::size_t P,
                                 MathStream stream, const StepEnd* end) {
    return run_all(AdadeltaStep{state.parameters, state.squares, state.updates, state.non_finite, gradients,
                                learning_rate, step, options, P},
                   layers, others_of(layers, P), R, P, stream, end);
}

}  // namespace warpvae

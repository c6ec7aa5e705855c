#include "cuda/convolution_weights.cuh"

#include <algorithm>

namespace warpvae {
namespace {

constexpr std::size_t kMostDirectBytes = 96 * 1024;  ///< two blocks on a multiprocessor, and one on the smallest cards

template <int J>
constexpr std::size_t shared_bytes(int K, int owners) {
    return ConvolutionWeightTile<J>::shared_bytes(K, owners);
}
std::size_t shared_bytes(int outputs, int K, int owners) {
    const int columns = output_columns(outputs);
    return columns == 8    ? shared_bytes<1>(K, owners)
           : columns == 16 ? shared_bytes<2>(K, owners)
                           : shared_bytes<4>(K, owners);
}

int tiles_across(int outputs) { return (outputs + output_columns(outputs) - 1) / output_columns(outputs); }
/// Shared memory of a layer whose weights are summed directly; 0 where they are not.
std::size_t direct_bytes(const ConvolutionShape& s) {
    std::size_t bytes = 0;
    const Windows windows = windows_of_x(nullptr, s, 1);
    if (windows.taps_h * windows.taps_w <= 32)
        with_direct_weights(s.x_channels, s.y_channels,
                            [&](auto weights) { bytes = decltype(weights)::bytes(windows); });
    return bytes <= kMostDirectBytes ? bytes : 0;
}
int tiles_of(const ConvolutionShape& s) {
    if (direct_bytes(s)) return 1;
    const int numbers = s.kernel * s.kernel * s.x_channels;
    return (numbers + kWindowRows - 1) / kWindowRows * tiles_across(s.y_channels);
}
std::size_t tile_floats(const ConvolutionShape& s) { return std::size_t(kWindowRows) * output_columns(s.y_channels); }

int y_pixels(const ConvolutionShape& s, int N) { return N * s.y_height() * s.y_width(); }
/// The pixels of the layer's output, its channels, and how many runs its biases' sums take.
struct BiasRows {
    int rows, channels, runs;
};
BiasRows bias_rows(const ConvolutionShape& s, bool transposed, int N) {
    const int rows = transposed ? N * s.x_height * s.x_width : y_pixels(s, N),
              channels = transposed ? s.x_channels : s.y_channels, run = column_run(channels);
    return {rows, channels, std::max(1, (rows + run - 1) / run)};
}
Runs weight_runs(const ConvolutionShape& s, int N) {
    return direct_bytes(s) ? image_runs_of(N) : runs_of(y_pixels(s, N));
}
std::size_t weight_parts(const ConvolutionShape& s, int N) {
    if (direct_bytes(s))
        return std::size_t(weight_runs(s, N).count) * direct_part(s.kernel * s.kernel * s.x_channels * s.y_channels);
    return tiles_of(s) * weight_runs(s, N).count * tile_floats(s);
}

template <class Rule>
Status run(const Rule& rule, const ConvolutionWeightWork& work, int R, MathStream stream) {
    if (!work.layers) return {};
    const int threads = ConvolutionWeightTile<1>::kGroupThreads;
    const auto bytes = [&](int owners) {
        std::size_t most = 0;
        for (int i = 0; i < work.layers; ++i) {
            const auto& layer = work.weights[i];
            most = std::max(
                most, layer.direct_bytes ? layer.direct_bytes : shared_bytes(layer.outputs, layer.runs.length, owners));
        }
        return most;
    };
    // Two groups of warps share a run's slices where blocks are few.
    const bool few = std::size_t(work.blocks) * R < 4 * std::size_t(device_parallelism());
    const int owners = few && bytes(2) <= device_shared_bytes() ? 2 : 1;
    return launch_dependent(convolution_weights_kernel<Rule>,
                            for_blocks(work.blocks, R, Block::fixed(owners * threads), bytes(owners)), stream, work,
                            rule);
}

}  // namespace

PartialGradientSizes partial_gradients(const ConvolutionShape& s, bool transposed, int N) {
    const BiasRows bias = bias_rows(s, transposed, N);
    return {weight_parts(s, N) + std::size_t(bias.runs) * bias.channels, std::size_t(tiles_of(s)) + 1};
}

template <class Rule>
Status run_convolution_weights(const Rule& rule, const std::vector<ConvolutionWeightGradient<float>>& layers, int R,
                               MathStream stream) {
    for (std::size_t begin = 0; begin < layers.size(); begin += ConvolutionWeightWork::kMost) {
        const std::size_t end = std::min(layers.size(), begin + ConvolutionWeightWork::kMost);
        ConvolutionWeightWork work;
        work.is_exact = stream.is_exact();
        for (std::size_t i = begin; i < end; ++i) {
            const ConvolutionWeightGradient<float>& layer = layers[i];
            const ConvolutionShape& s = layer.shape;
            if (layer.N < 0) return {kInvalidValue};
            const Windows windows = windows_of_x(layer.x_side, s, layer.N);
            const Runs runs = weight_runs(s, layer.N);
            const std::size_t direct = direct_bytes(s);
            work.weights[work.layers++] = {windows,
                                           layer.y_side,
                                           layer.weight,
                                           layer.scratch.parts,
                                           layer.scratch.arrived,
                                           s.y_channels,
                                           tiles_of(s),
                                           tiles_across(s.y_channels),
                                           runs,
                                           work.blocks,
                                           direct};
            work.blocks += tiles_of(s) * runs.count;
        }
        for (std::size_t i = begin; i < end; ++i) {
            const ConvolutionWeightGradient<float>& layer = layers[i];
            const BiasRows bias = bias_rows(layer.shape, layer.transposed, layer.N);
            work.biases[i - begin] = {layer.transposed ? layer.x_side : layer.y_side,
                                      layer.bias,
                                      layer.scratch.parts + R * weight_parts(layer.shape, layer.N),
                                      layer.scratch.arrived + std::size_t(R) * tiles_of(layer.shape),
                                      bias.rows,
                                      bias.channels,
                                      bias.runs,
                                      work.blocks};
            work.blocks += bias.runs;
        }
        const Status status = run(rule, work, R, stream);
        if (!status.ok()) return status;
    }
    return {};
}

template Status run_convolution_weights(const StoreGradient&, const std::vector<ConvolutionWeightGradient<float>>&, int,
                                        MathStream);
template Status run_convolution_weights(const AdamStep&, const std::vector<ConvolutionWeightGradient<float>>&, int,
                                        MathStream);
template Status run_convolution_weights(const AdadeltaStep&, const std::vector<ConvolutionWeightGradient<float>>&, int,
                                        MathStream);

}  // namespace warpvae

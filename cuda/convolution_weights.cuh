// The gradients of all convolutions' weights of a step in one launch, and where wanted the optimiser in its epilogue:
// as weight_gradients.cuh for dense layers.
//
//   dW[o, i, j, c] = sum over pixels of dy[pixel, o] x[its window, (i, j, c)]    a tile: 64 (i, j, c), 8 J outputs
//   db[c]          = sum over pixels of the gradient of the layer's output
//
// There are few weights and many pixels. So the pixels are cut into runs, of a length that follows from their number
// alone; each run is a block. It leaves its sum in memory, and the last block of a tile adds the runs in their order
// (device/ticket.cuh) and hands the gradient to the rule (weight_update.cuh). Where a layer has so few channels that
// tiles would be mostly empty, its blocks are runs of images (direct_convolution_weights.cuh).
//
// Contract: block fixed (128 threads for each owner of slices), two blocks of 256 threads a multiprocessor, 128
// registers and no spills; dynamic shared memory as the tile or direct_convolution_weights.cuh says; deterministic; a
// replica's bits depend on nothing beside it. Reads x and dy once for every tile of a run.
#pragma once
#include "cuda/convolution_operands.cuh"
#include "cuda/device/ticket.cuh"
#include "cuda/direct_convolution_weights.cuh"
#include "cuda/weight_update.cuh"

namespace warpvae {

/// How M rows are cut into runs: `count` of `length`; the last may be shorter.
struct Runs {
    int count, length;
};
inline constexpr int kShortestRun = 256, kMostRuns = 64;
WARPVAE_HOST_DEVICE constexpr Runs runs_of(int rows) {
    int length = (rows + kMostRuns - 1) / kMostRuns;
    length = length < kShortestRun ? kShortestRun : (length + kLongestSlice - 1) / kLongestSlice * kLongestSlice;
    return {rows > 0 ? (rows + length - 1) / length : 1, length};
}

/// Images in runs, where weights are summed directly (direct_convolution_weights.cuh): `length` is 1 to begin with.
inline constexpr int kMostImageRuns = 128;
WARPVAE_HOST_DEVICE constexpr Runs image_runs_of(int N) {
    const int length = N > kMostImageRuns ? (N + kMostImageRuns - 1) / kMostImageRuns : 1;
    return {N > 0 ? (N + length - 1) / length : 1, length};
}

/// The tile of J times 8 outputs: as many as a layer has, up to 32.
template <int J>
using ConvolutionWeightTile = DenseTile<Along::kSlow, Along::kSlow, 4, 1, 2, J>;
inline constexpr int kWindowRows = ConvolutionWeightTile<1>::kRows;
WARPVAE_HOST_DEVICE constexpr int output_columns(int outputs) { return outputs <= 8 ? 8 : outputs <= 16 ? 16 : 32; }

/// Floats that a run of images leaves: whole quads.
WARPVAE_HOST_DEVICE constexpr int direct_part(int count) { return (count + 3) / 4 * 4; }

/// Threads that sum the columns of [rows, C] in one block, whatever its size, and how many rows; C is at most 128.
inline constexpr int kColumnThreads = 128;
WARPVAE_HOST_DEVICE constexpr int column_run(int C) { return 64 * (kColumnThreads / C); }

/// What one launch does: tiles of layers' weights, then their biases.
struct ConvolutionWeightWork {
    static constexpr int kMost = 12;
    struct Weights {
        Windows windows;
        const float* dy;  ///< [R, pixels, outputs]
        std::size_t weight;
        float* parts;  ///< [R, tiles, runs, tile], of this layer; arrived [R, tiles]
        unsigned int* arrived;
        int outputs, tiles, across;  ///< tiles in all, and in a row of (i, j, c)
        Runs runs;                   ///< of pixels; of images where the sums are direct
        int first_block;
        std::size_t direct_bytes;  ///< of shared memory; 0: the sums are tiles
    };
    struct Bias {
        const float* dy;  ///< [R, rows, channels]
        std::size_t bias;
        float* parts;  ///< [R, runs, channels]; arrived [R]
        unsigned int* arrived;
        int rows, channels, runs;
        int first_block;
    };
    Weights weights[kMost];
    Bias biases[kMost];
    int layers = 0, blocks = 0;
    bool is_exact = true;
};

/// visit(o, number, g) for each four numbers of a window from `number` on of output o of a tile, whose sums are sum(g,
/// down, o) of its rows from `down` on. Neighbouring threads visit neighbours in memory and few rows of the tile.
template <class Tile, class Sum, class Visit>
__device__ void for_weight_quads(Sum sum, Visit visit) {
    constexpr int kSide = 4;  // quads that neighbouring threads take of one output
    for (int e = threadIdx.x; e < Tile::kRows / 4 * Tile::kColumns; e += blockDim.x) {
        const int o = e / kSide % Tile::kColumns, down = 4 * (e / (kSide * Tile::kColumns) * kSide + e % kSide);
        float g[4];
        sum(g, down, o);
        visit(o, down, g);
    }
}

/// to = the sum of `count` runs' parts, `stride` floats apart, in their order.
__device__ inline void add_runs(float (&to)[4], const float* parts, int count, std::size_t stride) {
    for (float& x : to) x = 0;
#pragma unroll 8
    for (int i = 0; i < count; ++i) {
        float part[4];
        read_quad_of_other_block(part, parts + i * stride);
#pragma unroll
        for (int k = 0; k < 4; ++k) to[k] += part[k];
    }
}

/// One block: a run of one tile of a layer's weights.
template <int J, class Rule>
__device__ void convolution_weight_tile(const Rule& rule, const ConvolutionWeightWork::Weights& layer, bool is_exact,
                                        int r, int block) {
    using Tile = ConvolutionWeightTile<J>;
    const int tile_index = block / layer.runs.count, run = block % layer.runs.count;
    const int row0 = tile_index / layer.across * Tile::kRows, column0 = tile_index % layer.across * Tile::kColumns;
    const int pixels = layer.windows.count(), first = run * layer.runs.length,
              count = pixels - first < layer.runs.length ? pixels - first : layer.runs.length;
    const int numbers = layer.windows.numbers();
    WindowColumns windows(layer.windows, first, count);
    windows.data +=
        std::size_t(r) * layer.windows.N * layer.windows.height * layer.windows.width * layer.windows.channels;
    const Operand dy{layer.dy + (std::size_t(r) * pixels + first) * layer.outputs, layer.outputs, count};
    const float* const tile = Tile::sum(windows, dy, row0, column0, is_exact, [] {});

    auto local = rule.of(r);
    const auto update = [&](int o, int down, const float(&g)[4]) {
        const int row = row0 + down, left = numbers - row;
        if (column0 + o < layer.outputs && left > 0)
            local.update(layer.weight + std::size_t(column0 + o) * numbers + row, g, left < 4 ? left : 4);
    };
    const auto own = [&](float(&g)[4], int down, int o) {
#pragma unroll
        for (int i = 0; i < 4; ++i) g[i] = tile[(down + i) * Tile::kPitch + o];
    };
    if (layer.runs.count > 1) {
        constexpr int kFloats = Tile::kRows * Tile::kColumns;  // [column][row]
        const std::size_t at = std::size_t(r) * layer.tiles + tile_index;
        float* const parts = layer.parts + at * layer.runs.count * kFloats;
        for_weight_quads<Tile>(own, [&](int o, int down, const float(&g)[4]) {
            store_quad(parts + run * kFloats + o * Tile::kRows + down, g, 4);
        });
        if (!is_last_block(layer.arrived + at, layer.runs.count)) return;
        const auto all = [&](float(&g)[4], int down, int o) {
            add_runs(g, parts + o * Tile::kRows + down, layer.runs.count, kFloats);
        };
        for_weight_quads<Tile>(all, update);
    } else {
        for_weight_quads<Tile>(own, update);
    }
    local.finish();
}

/// One block: a run of images of a layer of few channels.
template <class Rule>
__device__ void direct_convolution_weights(const Rule& rule, const ConvolutionWeightWork::Weights& layer, int r,
                                           int run) {
    Windows windows = layer.windows;
    windows.data += std::size_t(r) * windows.N * windows.height * windows.width * windows.channels;
    const float* const dy = layer.dy + std::size_t(r) * windows.count() * layer.outputs;
    const int first = run * layer.runs.length, left = windows.N - first,
              end = first + (left < layer.runs.length ? left : layer.runs.length),
              count = windows.numbers() * layer.outputs;
    const float* sums = nullptr;
    with_direct_weights(windows.channels, layer.outputs,
                        [&](auto weights) { sums = decltype(weights)::sum(windows, dy, first, end); });
    const std::size_t stride = direct_part(count);
    float* const parts = layer.parts + r * layer.runs.count * stride;
    if (layer.runs.count > 1) {
        for (int e = 4 * threadIdx.x; e < count; e += 4 * blockDim.x) {
            float g[4];
            detail::load_quad(g, sums + e);
            store_quad(parts + run * stride + e, g, 4);
        }
        if (!is_last_block(layer.arrived + r, layer.runs.count)) return;
    }
    auto local = rule.of(r);
    for (int e = 4 * threadIdx.x; e < count; e += 4 * blockDim.x) {
        float g[4];
        if (layer.runs.count > 1)
            add_runs(g, parts + e, layer.runs.count, stride);
        else
            detail::load_quad(g, sums + e);
        local.update(layer.weight + e, g, count - e < 4 ? count - e : 4);
    }
    local.finish();
}

/// sums[c] = sums over `rows` of x[row, c], for the block; read(x + i) reads a number. `sums` is shared, kColumnThreads
/// of them.
template <class Read>
__device__ void block_column_sums(float* sums, const float* x, int rows, int C, Read read) {
    const int thread = threadIdx.x, walkers = kColumnThreads / C, walker = thread / C, c = thread % C;
    float sum = 0;
    if (walker < walkers)
#pragma unroll 8
        for (int row = walker; row < rows; row += walkers) sum += read(x + std::size_t(row) * C + c);
    if (walker < walkers) sums[thread] = sum;
    __syncthreads();
    float total = 0;
    if (thread < C)
        for (int i = 0; i < walkers; ++i) total += sums[i * C + c];
    __syncthreads();
    if (thread < C) sums[c] = total;
    __syncthreads();
}

/// One block: a run of the rows that a layer's biases are summed over.
template <class Rule>
__device__ void convolution_bias(const Rule& rule, const ConvolutionWeightWork::Bias& layer, int r, int run) {
    __shared__ float sums[kColumnThreads];
    const int C = layer.channels, length = column_run(C), first = run * length,
              count = layer.rows - first < length ? layer.rows - first : length;
    block_column_sums(sums, layer.dy + (std::size_t(r) * layer.rows + first) * C, count, C,
                      [](const float* from) { return *from; });
    if (layer.runs > 1) {
        float* const parts = layer.parts + std::size_t(r) * layer.runs * C;
        for (int c = threadIdx.x; c < C; c += blockDim.x) parts[run * C + c] = sums[c];
        if (!is_last_block(layer.arrived + r, layer.runs)) return;
        block_column_sums(sums, parts, layer.runs, C, read_of_other_block);
    }
    auto local = rule.of(r);
    for (int c = 4 * threadIdx.x; c < C; c += 4 * blockDim.x) {
        float g[4] = {};
        const int left = C - c < 4 ? C - c : 4;
        for (int i = 0; i < left; ++i) g[i] = sums[c + i];
        local.update(layer.bias + c, g, left);
    }
    local.finish();
}

template <class Rule>
__global__ void __launch_bounds__(ConvolutionWeightTile<1>::kMostThreads, 2)
    convolution_weights_kernel(const __grid_constant__ ConvolutionWeightWork work, Rule rule) {
    wait_for_previous_launch();
    const int block = blockIdx.x, r = blockIdx.y;
    for (int i = work.layers - 1; i >= 0; --i)
        if (block >= work.biases[i].first_block)
            return convolution_bias(rule, work.biases[i], r, block - work.biases[i].first_block);
    int i = work.layers - 1;
    while (block < work.weights[i].first_block) --i;
    const ConvolutionWeightWork::Weights& layer = work.weights[i];
    if (layer.direct_bytes) return direct_convolution_weights(rule, layer, r, block - layer.first_block);
    switch (output_columns(layer.outputs)) {
        case 8:
            return convolution_weight_tile<1>(rule, layer, work.is_exact, r, block - layer.first_block);
        case 16:
            return convolution_weight_tile<2>(rule, layer, work.is_exact, r, block - layer.first_block);
        default:
            return convolution_weight_tile<4>(rule, layer, work.is_exact, r, block - layer.first_block);
    }
}

/// The layers' gradients to the rule, in as few launches as hold them: convolution_weights.cu.
template <class Rule>
Status run_convolution_weights(const Rule& rule, const std::vector<ConvolutionWeightGradient<float>>& layers, int R,
                               MathStream stream);

}  // namespace warpvae

// The gradients of all weights of a step in one launch, and where wanted the optimiser in its epilogue: a gradient is
// then never written, and parameters and moments are read and written once.
//
//   dW = dy^T x,  db = dy^T 1    summed over the N rows, tile by tile (dense_tile.cuh); db from the same tile
//   db = dy^T w                  with row weights w, from blocks of its own
//   then a rule: StoreGradient keeps them; Adam and Adadelta (adam.cuh, adadelta.cuh) update in place
//
// A step's end is blocks of the same launch as well: one for each sum of losses and replica, and the last block to end
// counts the step (device/ticket.cuh), whose number all the others have read by then.
//
// A layer's input gradient reads W, so this launch comes after the last of them: the layers' dy and x must still be
// there. What is no dense layer's (convolutions' weights, a prior's parameters) has its gradient in the arena already;
// runs of such elements are blocks of the same launch.
//
// Contract: block fixed (DenseTile 32 x 64), 128 registers and no spills: four blocks of 128 threads a multiprocessor,
// or one of four groups where rows are many and tiles few; dynamic shared memory as the tile says; reads dy and x once
// per tile, from L2; the rule's own bytes are those of its optimiser, less the gradient's 8 a parameter. Deterministic;
// a replica's bits depend on nothing beside it.
#pragma once
#include "cuda/dense_tile.cuh"
#include "cuda/device/ticket.cuh"
#include "cuda/ops/weight_gradients.h"
#include "cuda/reduction.cuh"
#include "cuda/weight_update.cuh"

namespace warpvae {

using WeightTile = DenseTile<Along::kSlow, Along::kSlow, 2, 2, 4>;

WARPVAE_HOST_DEVICE constexpr int weight_tiles_down(int out) {
    return (out + WeightTile::kRows - 1) / WeightTile::kRows;
}

/// What one launch does: the tiles of some dense layers, then runs of other elements of the arena, then a step's sums.
struct WeightWork {
    static constexpr int kMost = 16;
    struct Layer {
        DenseWeightGradient<float> of;
        int first_block, across;  ///< blocks before this layer's; its tiles in a row. Its weighted biases follow them
    };
    struct Elements {
        std::size_t first, count;
        int first_block;
    };
    struct Sums {
        double* totals;
        std::uint64_t* step;  ///< null: not the step's end
        unsigned int* arrived;
        SumTerms<float> terms;
        int count, first_block;
    };
    Layer layers[kMost];
    Elements elements[kMost];
    Sums sums{};
    int layer_count = 0, elements_count = 0, blocks = 0;
    bool is_exact = true;
    static constexpr int kPerBlock = 2048;  ///< elements
};

/// One block: the biases' gradient of WeightTile::kRows outputs from `column0` on, where the rows have weights. Sum s
/// of 32 is over the rows s, s + 32, ..., and then they are added in order, whatever the block's size.
template <class Rule>
__device__ void weighted_biases(const Rule& rule, const DenseWeightGradient<float>& of, int r, int column0) {
    constexpr int kSums = 32, kColumns = WeightTile::kRows;
    let_next_launch_begin();
    float* const sums = dynamic_shared<float>();  // [kSums, kColumns]
    const float* const dy = of.dy + std::size_t(r) * of.N * of.out;
    const float* const weights = of.row_weights + std::size_t(r) * of.N;
    const bool wide = of.out % 4 == 0 && detail::is_quad_aligned(dy);
    for (int e = threadIdx.x; e < kSums * kColumns / 4; e += blockDim.x) {
        const int first = e / (kColumns / 4), across = 4 * (e % (kColumns / 4)), left = of.out - column0 - across;
        const float* const column = dy + column0 + across;
        float total[4] = {};
        if (wide && left > 0) {
#pragma unroll 8
            for (int n = first; n < of.N; n += kSums) {
                float g[4];
                detail::load_quad(g, column + std::size_t(n) * of.out);
#pragma unroll
                for (int i = 0; i < 4; ++i) total[i] += weights[n] * g[i];
            }
        } else {
            for (int n = first; n < of.N; n += kSums)
#pragma unroll
                for (int i = 0; i < 4; ++i)
                    if (i < left) total[i] += weights[n] * column[std::size_t(n) * of.out + i];
        }
        store_quad(sums + first * kColumns + across, total, 4);
    }
    __syncthreads();
    auto local = rule.of(r);
    for (int c = 4 * threadIdx.x; c < kColumns && column0 + c < of.out; c += 4 * blockDim.x) {
        float g[4] = {}, next[4];
        for (int s = 0; s < kSums; ++s) {
            detail::load_quad(next, sums + s * kColumns + c);
#pragma unroll
            for (int i = 0; i < 4; ++i) g[i] += next[i];
        }
        const int left = of.out - column0 - c;
        local.update(of.bias + column0 + c, g, left < 4 ? left : 4);
    }
    local.finish();
}

/// One block: a tile of a layer's weights, with the biases of its rows where it is the first of its row of tiles.
template <class Rule>
__device__ void weight_tile(const Rule& rule, const WeightWork::Layer& layer, bool is_exact, int r, int block) {
    const DenseWeightGradient<float>& of = layer.of;
    const int tiles = layer.across * weight_tiles_down(of.out);
    if (block >= tiles) return weighted_biases(rule, of, r, (block - tiles) * WeightTile::kRows);
    const int row0 = block / layer.across * WeightTile::kRows, column0 = block % layer.across * WeightTile::kColumns;
    const std::size_t rows = std::size_t(r) * of.N;
    const Operand dy{of.dy + rows * of.out, of.out, of.N}, x{of.x + rows * of.in, of.in, of.N};
    const auto place_of = [&](int row, int column) { return of.weight + std::size_t(row) * of.in + column; };
    const auto expect_all = [&] {
        constexpr int kLines = WeightTile::kColumns / 32;  // of 128 bytes in a row of the tile
        for (int e = threadIdx.x; e < WeightTile::kRows * kLines; e += blockDim.x) {
            const int row = row0 + e / kLines, column = column0 + e % kLines * 32;
            if (row < of.out && column < of.in) rule.expect(r, place_of(row, column));
        }
    };
    const float* const tile = column0 == 0 ? WeightTile::sum<true>(dy, x, row0, column0, is_exact, expect_all)
                                           : WeightTile::sum<false>(dy, x, row0, column0, is_exact, expect_all);
    auto local = rule.of(r);
    constexpr int kAtOnce = 4, kAcross = WeightTile::kColumns / 4, kQuads = WeightTile::kRows * kAcross;
    const bool is_whole = row0 + WeightTile::kRows <= of.out && column0 + WeightTile::kColumns <= of.in &&
                          of.in % 4 == 0 && of.weight % 4 == 0 && local.takes_quads() &&
                          kQuads % (kAtOnce * blockDim.x) == 0;
    if (is_whole)
        for (int first = threadIdx.x; first < kQuads; first += kAtOnce * blockDim.x) {
            std::size_t at[kAtOnce];
            float g[kAtOnce][4];
#pragma unroll
            for (int q = 0; q < kAtOnce; ++q) {
                const int e = first + q * blockDim.x, down = e / kAcross, across = 4 * (e % kAcross);
                at[q] = place_of(row0 + down, column0 + across);
                detail::load_quad(g[q], tile + down * WeightTile::kPitch + across);
            }
            local.update_together(at, g);
        }
    else
        for_quads<WeightTile>(tile, row0, column0, of.out, of.in, [&](int row, int column, float(&g)[4], int count) {
            if (count) local.update(place_of(row, column), g, count);
        });
    if (column0 == 0 && !of.row_weights)  // with row weights, weighted_biases() has them
        for (int row = 4 * threadIdx.x; row < WeightTile::kRows && row0 + row < of.out; row += 4 * blockDim.x) {
            float g[4];
            for (int i = 0; i < 4; ++i) g[i] = tile[(row + i) * WeightTile::kPitch + WeightTile::kColumns];
            const int left = of.out - row0 - row;
            local.update(of.bias + row0 + row, g, left < 4 ? left : 4);
        }
    local.finish();
}

template <class Rule>
__device__ void update_elements(const Rule& rule, const WeightWork::Elements& run, int r, int block) {
    let_next_launch_begin();
    auto local = rule.of(r);
    const float* const gradients = rule.existing(r);
    for (int e = 4 * threadIdx.x; e < WeightWork::kPerBlock; e += 4 * blockDim.x) {
        const std::size_t i = std::size_t(block) * WeightWork::kPerBlock + e;
        if (i >= run.count) break;
        const std::size_t left = run.count - i;
        const int count = left < 4 ? int(left) : 4;
        float g[4] = {};
        read_quad(g, gradients + run.first + i, count);
        local.update(run.first + i, g, count);
    }
    local.finish();
}

template <class Rule>
__device__ void weight_block(const WeightWork& work, const Rule& rule, int r, int block) {
    if (block >= work.sums.first_block && work.sums.step) {
        let_next_launch_begin();
        const int term = block - work.sums.first_block;
        if (term < work.sums.count)
            // Of a block, as many threads as the smallest has, so that the sum does not depend on its size.
            add_sum(work.sums.totals + r * work.sums.count + term, work.sums.terms.of[term], r,
                    WeightTile::kGroupThreads);
        return;
    }
    for (int i = work.elements_count - 1; i >= 0; --i)
        if (block >= work.elements[i].first_block)
            return update_elements(rule, work.elements[i], r, block - work.elements[i].first_block);
    for (int i = work.layer_count - 1; i >= 0; --i)
        if (block >= work.layers[i].first_block)
            return weight_tile(rule, work.layers[i], work.is_exact, r, block - work.layers[i].first_block);
}

template <class Rule>
__global__ void __launch_bounds__(WeightTile::kMostThreads, 1)
    weight_gradients_kernel(const __grid_constant__ WeightWork work, Rule rule) {
    wait_for_previous_launch();
    weight_block(work, rule, blockIdx.y, blockIdx.x);
    if (work.sums.step && is_last_block(work.sums.arrived, gridDim.x * gridDim.y) && threadIdx.x == 0)
        *work.sums.step += 1;
}

}  // namespace warpvae

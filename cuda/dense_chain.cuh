// Small dense layers in a row, and the maps that join them, in one kernel: a block takes 16 rows through all steps. As
// launches of their own such layers are mostly gaps, for a layer of 64 units on 32 rows is a microsecond's work.
//
//   layer     y = activation(x W^T + b), or dx = (dy W) f'(x)            products and epilogues of fused_dense.cuh
//   row sum   y = (y +) sum of rows of x / divisor, through a ReLU       concatenation, set means, their gradients
//   sample    z = mu + sigma epsilon and kl, or the moments' gradient    gaussian_sample.cuh
//   dropout   x in place                                                 dropout.cuh
//
// Every step leaves its rows in global memory, where the backward wants them anyway; after a barrier the same block
// reads them from the L2 cache in its next step. What other blocks wrote comes from earlier launches.
//
// Contract: block fixed (DenseTile); one block per 16 rows, the replica along y. Reads all weights once per block, from
// L2. 512 threads (at most 128 registers, 126 KB), or 256 where there is less shared memory (136 registers, 68 KB); no
// spills. Deterministic; a replica's bits depend on nothing beside it, and are those of the steps' own kernels.
#pragma once
#include "cuda/dropout.cuh"
#include "cuda/fused_dense.cuh"
#include "cuda/ops/dense_chain.h"
#include "cuda/pairs.cuh"

namespace warpvae {

inline constexpr int kChainRows = 16;

/// A tile of 16 x 128 that a block has to itself, with the bits of DenseTile::sum. Groups of four warps sum chunks of K
/// side by side, so that with four groups a layer of up to 128 inputs takes as long as one chunk.
template <Along kB, int kGroups>
struct ChainTile {
    using Chunk = DenseTile<Along::kFast, kB, 1, 4, 1>;
    static constexpr int kRows = kChainRows, kColumns = Chunk::kColumns, kPitch = Chunk::kPitch;
    static constexpr int kThreads = kGroups * Chunk::kGroupThreads;
    static constexpr std::size_t kSharedBytes =
        sizeof(float) * (kGroups * (Chunk::kStageFloats + Chunk::kSumFloats) + Chunk::kSumFloats);
    static constexpr int kQuads = kRows * kColumns / 4 / kThreads;  // that a thread adds up

    /// Returns the tile at (row0, column0) in shared memory for the whole block to read.
    static __device__ float* sum(const Operand& A, const Operand& B, int row0, int column0, bool is_exact) {
        const int group = threadIdx.x / Chunk::kGroupThreads, thread = threadIdx.x % Chunk::kGroupThreads;
        const Slices slices = slices_of(A.K);
        const int in_slice = (slices.length + Chunk::kChunk - 1) / Chunk::kChunk, chunks = slices.count * in_slice;
        float* const stage = dynamic_shared<float>() + group * Chunk::kStageFloats;
        float* const partial = dynamic_shared<float>() + kGroups * Chunk::kStageFloats;  // [kGroups][kSumFloats]
        float* const tile = partial + kGroups * Chunk::kSumFloats;
        const int warp_column = 32 * (thread / 32), g = lane_index() / 4, t = lane_index() % 4;
        const auto place_of = [](int quad) {  // of the thread's quads
            const int e = threadIdx.x + quad * kThreads;
            return e / (kColumns / 4) * kPitch + 4 * (e % (kColumns / 4));
        };

        float total[kQuads][4] = {}, slice_sum[kQuads][4] = {};
        for (int first = 0; first < chunks; first += kGroups) {
            const int c = first + group, slice = c / in_slice,
                      k0 = slice * slices.length + c % in_slice * Chunk::kChunk;
            const int slice_end = (slice + 1) * slices.length, k_end = slice_end < A.K ? slice_end : A.K;
            const bool has_work = c < chunks && k0 < k_end;
            AsyncCopies copies;
            if (has_work) {
                Operand::Reader<Along::kFast, kRows, Chunk::kGroupThreads>(A, row0, thread)
                    .load(copies, stage, k0, k_end);
                Operand::Reader<kB, kColumns, Chunk::kGroupThreads>(B, column0, thread)
                    .load(copies, stage + Chunk::ChunkA::kFloats, k0, k_end);
            }
            copies.end_group();
            copies.wait<0>();
            __syncthreads();
            float sums[4][4] = {}, ones[2];
            if (has_work && column0 + warp_column < B.lines) {
                const int left = k_end - k0;
                const int steps = ((left < Chunk::kChunk ? left : Chunk::kChunk) + 7) / 8;
                const float* const a = stage + Chunk::template begin_of<typename Chunk::ChunkA>(0);
                const float* const b =
                    stage + Chunk::ChunkA::kFloats + Chunk::template begin_of<typename Chunk::ChunkB>(warp_column);
                if (is_exact)
                    Chunk::template multiply<false, true>(sums, ones, a, b, steps);
                else
                    Chunk::template multiply<false, false>(sums, ones, a, b, steps);
            }
            float* const mine = partial + group * Chunk::kSumFloats + g * kPitch + warp_column + 2 * t;
#pragma unroll
            for (int j = 0; j < 4; ++j)
#pragma unroll
                for (int i = 0; i < 2; ++i)
                    *reinterpret_cast<float2*>(mine + i * 8 * kPitch + 8 * j) =
                        float2{sums[j][2 * i], sums[j][2 * i + 1]};
            __syncthreads();
            for (int i = 0; i < kGroups && first + i < chunks; ++i) {  // chunks in order, then slices
                const bool ends_slice = (first + i + 1) % in_slice == 0;
#pragma unroll
                for (int q = 0; q < kQuads; ++q) {
                    float next[4];
                    read_quad(next, partial + i * Chunk::kSumFloats + place_of(q), 4);
#pragma unroll
                    for (int k = 0; k < 4; ++k) {
                        slice_sum[q][k] += next[k];
                        if (ends_slice) total[q][k] += slice_sum[q][k], slice_sum[q][k] = 0;
                    }
                }
            }
        }
#pragma unroll
        for (int q = 0; q < kQuads; ++q) store_quad(tile + place_of(q), total[q], 4);
        __syncthreads();
        return tile;
    }
};
/// Which rows of x make row i of y.
struct SourceRows {
    enum Kind {
        kSame,     ///< i
        kOfPair,   ///< i is a pair: its row in an array of `rows`
        kPairsOf,  ///< i is a row of such an array: the pairs that it is part of
        kSet,      ///< i m to i m + m - 1
        kMember,   ///< i / m
    };
    Kind kind = kSame;
    PairRows rows = PairRows::kPairs;
    PairShape shape{};
    int m = 1;
    __device__ RowRange of(int i) const {
        switch (kind) {
            case kOfPair:
                return {row_of_pair(rows, i, shape), 1, 1};
            case kPairsOf:
                return pairs_of(rows, i, shape);
            case kSet:
                return {i * m, 1, m};
            case kMember:
                return {i / m, 1, 1};
            default:
                return {i, 1, 1};
        }
    }
};

/// y[r, i, :] = (y +) the sum of x[r, map.of(i), :] / divisor, 0 where `output` is not above 0.
struct RowSum {
    float* y;
    const float *x, *output;  ///< output [R, y_rows, D], or null
    int y_rows, x_rows;       ///< of a replica
    int y_pitch, x_pitch, D;  ///< floats from one row to the next; columns
    int per_row;              ///< rows of y for each row of the chain
    int divisor;
    bool adds;
    SourceRows map;

    __device__ void run(int r, int row0, int rows) const {
        const int quads = (D + 3) / 4;
        for (int e = threadIdx.x; e < rows * per_row * quads; e += blockDim.x) {
            const int row = row0 * per_row + e / quads, column = e % quads * 4, left = D - column;
            const int count = left < 4 ? left : 4;
            const RowRange from = map.of(row);
            const float* source = x + (std::size_t(r) * x_rows + from.first) * x_pitch + column;
            float sum[4] = {};
#pragma unroll 4
            for (int i = 0; i < from.count; ++i, source += std::size_t(from.step) * x_pitch) {
                float next[4] = {};
                read_quad(next, source, count);
#pragma unroll
                for (int k = 0; k < 4; ++k) sum[k] += next[k];
            }
            float* const to = y + (std::size_t(r) * y_rows + row) * y_pitch + column;
            float mask[4] = {1, 1, 1, 1}, before[4] = {};
            if (output) read_quad(mask, output + (std::size_t(r) * y_rows + row) * D + column, count);
            if (adds) read_quad(before, to, count);
#pragma unroll
            for (int k = 0; k < 4; ++k) {
                const float mean = divisor == 1 ? sum[k] : sum[k] / float(divisor);
                sum[k] = before[k] + (mask[k] > 0.f ? mean : 0.f);
            }
            store_quad(to, sum, count);
        }
    }
};

/// z and kl from moments (gaussian_sample_forward).
struct SampleForward {
    float *z, *kl;
    const float* moments;
    LatentNoise noise;
    int N, Z;
    __device__ void run(int r, int row0, int rows) const {
        const std::uint64_t step = noise.step ? *noise.step : 0;
        const std::size_t first = std::size_t(r) * N + row0;
        for (int e = threadIdx.x; e < (rows + 3) / 4 * Z; e += blockDim.x) {  // latent j of four rows
            const int quad = e / Z, j = e % Z;
            Normal4 epsilon{};
            if (noise.seeds)
                epsilon = latent_noise(noise.seeds[r], noise.purpose, step, (noise.first_row + row0) / 4 + quad, j, Z);
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                if (4 * quad + i >= rows) continue;
                const std::size_t at = first + 4 * quad + i;
                const float mu = moments[at * 2 * Z + j];
                const Deviation<float> d = deviation_of<Spread::kLogVariance>(moments[at * 2 * Z + Z + j]);
                z[at * Z + j] = noise.seeds ? mu + d.sigma * epsilon.v[i] : mu;
            }
        }
        for (int row = warp_index(); row < rows; row += warps_per_block()) {
            const float* const mu = moments + (first + row) * 2 * Z;
            float divergence = 0;
            for (int j : warp_stride(Z))
                divergence += divergence_of(mu[j], deviation_of<Spread::kLogVariance>(mu[Z + j]).log_sigma, 1.f);
            divergence = warp_sum(divergence);
            if (lane_index() == 0) kl[first + row] = divergence;
        }
    }
};

/// dmoments from dz (gaussian_sample_backward).
struct SampleBackward {
    float* dmoments;
    const float *dz, *z, *moments, *row_weights;  ///< row_weights [R, N], or null
    KlWeight<float> kl_weight;
    int N, Z;
    __device__ void run(int r, int row0, int rows) const {
        for (int e = threadIdx.x; e < rows * Z; e += blockDim.x) {
            const int j = e % Z;
            const std::size_t row = std::size_t(r) * N + row0 + e / Z;
            const float* const mu = moments + row * 2 * Z + j;
            float* const dmu = dmoments + row * 2 * Z + j;
            KlWeight<float> weight = kl_weight;
            if (row_weights) weight.of_all *= row_weights[row];
            through_sample<Spread::kLogVariance>(dmu[0], dmu[Z], dz[row * Z + j], z[row * Z + j], mu[0], mu[Z],
                                                 PriorEntry<float>{0.f, 1.f, 0.f}, weight.of(r, j, Z));
        }
    }
};

/// x without what the mask drops (dropout).
struct Dropped {
    float* x;
    const std::uint64_t *seeds, *step;
    float rate, scale;
    Purpose purpose;
    int N, D;
    __device__ void run(int r, int row0, int rows) const {
        const int quads = (D + 3) / 4;
        for (int e = threadIdx.x; e < rows * quads; e += blockDim.x) {
            const std::uint32_t q = std::uint32_t(row0) * quads + e;
            float* const first = x + (std::size_t(r) * N + row0 + e / quads) * D + e % quads * 4;
            drop_quad(first, first, D - e % quads * 4, philox(seeds[r], purpose, step ? *step : 0, q), rate, scale);
        }
    }
};

/// One product with its epilogue.
template <Along kB, class Epilogue>
struct ChainLayer {
    Operands A, B;
    Epilogue epilogue;
    template <int kGroups>
    __device__ void run(int r, int row0, bool is_exact) const {
        using Tile = ChainTile<kB, kGroups>;
        for (int column0 = 0; column0 < B.lines; column0 += Tile::kColumns) {
            float* const tile = Tile::sum(A.of(r), B.of(r), row0, column0, is_exact);
            epilogue.template finish<Tile>(r, tile, row0, column0);
        }
    }
};
using ChainForward = ChainLayer<Along::kFast, BiasActivation>;
using ChainInputGradient = ChainLayer<Along::kSlow, ActivationMask>;

/// One step of a chain.
struct ChainStep {
    enum Kind { kForward, kInputGradient, kRowSum, kSample, kSampleGradient, kDropout };
    Kind kind;
    union {
        ChainForward forward;
        ChainInputGradient input_gradient;
        RowSum row_sum;
        SampleForward sample;
        SampleBackward sample_gradient;
        Dropped dropout;
    };
    ChainStep() {}
    ChainStep(const ChainForward& step) : kind(kForward), forward(step) {}
    ChainStep(const ChainInputGradient& step) : kind(kInputGradient), input_gradient(step) {}
    ChainStep(const RowSum& step) : kind(kRowSum), row_sum(step) {}
    ChainStep(const SampleForward& step) : kind(kSample), sample(step) {}
    ChainStep(const SampleBackward& step) : kind(kSampleGradient), sample_gradient(step) {}
    ChainStep(const Dropped& step) : kind(kDropout), dropout(step) {}
};

/// All that one launch does, to N rows of each replica. Parameters of a kernel are 4 KB at most.
struct Chain {
    static constexpr int kMost = 32;
    ChainStep steps[kMost];
    int count, N;
    bool is_exact;
};
static_assert(sizeof(Chain) <= 4096);

template <int kGroups>
__global__ void __launch_bounds__(ChainTile<Along::kFast, kGroups>::kThreads, 1)
    dense_chain_kernel(const __grid_constant__ Chain chain) {
    const int r = blockIdx.y, row0 = blockIdx.x * kChainRows, left = chain.N - row0;
    const int rows = left < kChainRows ? left : kChainRows;
    wait_for_previous_launch();
    for (int i = 0; i < chain.count; ++i) {
        const ChainStep& step = chain.steps[i];
        if (i) __syncthreads();  // what the step before wrote
        if (i + 1 == chain.count) let_next_launch_begin();
        switch (step.kind) {
            case ChainStep::kForward:
                step.forward.run<kGroups>(r, row0, chain.is_exact);
                break;
            case ChainStep::kInputGradient:
                step.input_gradient.run<kGroups>(r, row0, chain.is_exact);
                break;
            case ChainStep::kRowSum:
                step.row_sum.run(r, row0, rows);
                break;
            case ChainStep::kSample:
                step.sample.run(r, row0, rows);
                break;
            case ChainStep::kSampleGradient:
                step.sample_gradient.run(r, row0, rows);
                break;
            case ChainStep::kDropout:
                step.dropout.run(r, row0, rows);
                break;
        }
    }
}

}  // namespace warpvae

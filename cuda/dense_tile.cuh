// One tile of a matrix product C = A B, summed by a block: the main loop of the fused dense layers (fused_dense.cuh,
// weight_gradients.cuh), which differ in where A and B lie and in what they do with the tile.
//
// What a product is, to the bit: k = 0..K-1 is cut into slices of at most 128 (slices_of). Each slice is a chain of
// fused multiply-adds from zero in ascending k, and the slices are added in order. Only K decides, so a result depends
// neither on the tile's shape nor on how many replicas or rows are multiplied beside it. Its error is no more than one
// long chain's.
//
//   block    `owners` groups of WR x WC warps; group w sums the slices w, w + owners, ... of the same tile
//   warp     16 rows x 32 columns of the tile; lane (ty, tx) = (lane / 8, lane % 8) 4 x 4 of them
//   chunk    32 of k of both operands in shared memory; each group keeps kStages of them, loaded by cp.async two ahead
//
// A lane reads 16 bytes at a time: four k of one row where k is the fast index in memory, four rows of one k where it
// is the slow one. Neither has bank conflicts: rows of fast chunks lie 36 floats apart.
//
// Contract: block fixed (32 WR WC owners); dynamic shared memory of shared_bytes(). A group's loads are 16 bytes wide
// where the matrix allows it, else 4. Deterministic.
#pragma once
#include <cstdint>

#include "cuda/device/async_copy.cuh"
#include "cuda/device/device.h"
#include "cuda/device/shared.cuh"

namespace warpvae {

/// How K is cut: `count` slices of `length`, a multiple of 8; the last may be shorter.
struct Slices {
    int count, length;
};
inline constexpr int kLongestSlice = 128;
WARPVAE_HOST_DEVICE constexpr Slices slices_of(int K) {
    const int count = K <= kLongestSlice ? 1 : (K + kLongestSlice - 1) / kLongestSlice;
    return {count, (K + 8 * count - 1) / (8 * count) * 8};
}

/// Whether neighbours along k are neighbours in memory.
enum class Along { kFast, kSlow };

/// A, or B transposed: `lines` (rows of A, columns of B) of K numbers. Number k of line l is data[l * K + k] where k is
/// the fast index, data[k * lines + l] where it is the slow one.
struct Operand {
    const float* data;
    int lines, K;
};

namespace detail {
__device__ inline bool is_quad_aligned(const void* pointer) {
    return reinterpret_cast<std::uintptr_t>(pointer) % 16 == 0;
}
__device__ inline void load_quad(float (&to)[4], const float* from) {  // from: 16-byte aligned
    const float4 quad = *reinterpret_cast<const float4*>(from);
    to[0] = quad.x, to[1] = quad.y, to[2] = quad.z, to[3] = quad.w;
}
}  // namespace detail

template <Along kA, Along kB, int WR, int WC, int MostOwners>
struct DenseTile {
    static constexpr int kRows = 16 * WR, kColumns = 32 * WC, kGroupThreads = 32 * WR * WC;
    static constexpr int kMostOwners = MostOwners, kMostThreads = kGroupThreads * MostOwners;
    static constexpr int kChunk = 32, kStages = 3;
    static constexpr int kPitch =
        kColumns + 8;  ///< of a row of sums in shared memory; column kColumns: sums of A alone

    template <Along along>
    static constexpr int chunk_floats(int lines) {
        return along == Along::kFast ? lines * (kChunk + 4) : lines * kChunk;
    }
    static constexpr int kStageFloats = chunk_floats<kA>(kRows) + chunk_floats<kB>(kColumns);
    static constexpr int kSumFloats = kRows * kPitch;
    static constexpr std::size_t shared_bytes(int K, int owners) {
        const int sums = slices_of(K).count > owners ? owners + 1 : owners;
        return sizeof(float) * (std::size_t(owners) * kStages * kStageFloats + std::size_t(sums) * kSumFloats);
    }

    /// Begins the copy of one chunk, k0 to below k_end (at most 32), of lines line0... Zeros outside of the matrix.
    template <Along along, int kLines>
    static __device__ void load(AsyncCopies& copies, float* to, const Operand& from, int line0, int k0, int k_end,
                                int thread) {
        constexpr bool fast = along == Along::kFast;
        constexpr int kQuads = kLines * kChunk / 4, kAcross = fast ? kChunk / 4 : kLines / 4;
        const bool wide = (fast ? from.K : from.lines) % 4 == 0 && detail::is_quad_aligned(from.data);
#pragma unroll 4
        for (int q = thread; q < kQuads; q += kGroupThreads) {
            const int down = q / kAcross, across = 4 * (q % kAcross);
            float* const at = to + down * (fast ? kChunk + 4 : kLines) + across;
            const int line = line0 + (fast ? down : across), k = k0 + (fast ? across : down);
            const std::size_t first = fast ? std::size_t(line) * from.K + k : std::size_t(k) * from.lines + line;
            if (wide) {
                const bool inside = line < from.lines && k < k_end;
                copies.begin<16>(at, from.data + (inside ? first : 0), inside);
            } else {
                for (int i = 0; i < 4; ++i) {
                    const bool inside = line + (fast ? 0 : i) < from.lines && k + (fast ? i : 0) < k_end;
                    copies.begin<4>(at + i, from.data + (inside ? first + i : 0), inside);
                }
            }
        }
    }

    /// sums[i][j] += the products of the chunk's first `count`, k ascending; ones[i] += the sums of A's rows. It goes
    /// in steps of 4: what follows the last number is 0.
    template <bool with_ones>
    static __device__ void multiply(float (&sums)[4][4], float (&ones)[4], const float* a, const float* b, int count) {
        constexpr bool a_fast = kA == Along::kFast, b_fast = kB == Along::kFast;
#pragma unroll 2
        for (int k = 0; k < count; k += 4) {
            float A[4][4], B[4][4];  // fast: [line][k], slow: [k][line]
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                detail::load_quad(A[i], a_fast ? a + 4 * i * (kChunk + 4) + k : a + (k + i) * kRows);
                detail::load_quad(B[i], b_fast ? b + 8 * i * (kChunk + 4) + k : b + (k + i) * kColumns);
            }
#pragma unroll
            for (int l = 0; l < 4; ++l)
#pragma unroll
                for (int i = 0; i < 4; ++i) {
                    const float left = a_fast ? A[i][l] : A[l][i];
                    if constexpr (with_ones) ones[i] += left;
#pragma unroll
                    for (int j = 0; j < 4; ++j) sums[i][j] = fmaf(left, b_fast ? B[j][l] : B[l][j], sums[i][j]);
                }
        }
    }

    /// The tile's row and column of a lane's sum (i, j) in its warp.
    static __device__ int row_of(int ty, int i) { return kA == Along::kFast ? ty + 4 * i : 4 * ty + i; }
    static __device__ int column_of(int tx, int j) { return kB == Along::kFast ? tx + 8 * j : 4 * tx + j; }

    /// Sums the tile at (row0, column0). Returns it in shared memory, rows kPitch apart, for the whole block to read;
    /// with `with_ones`, column kColumns of it is the product of A with a vector of ones.
    template <bool with_ones = false>
    static __device__ float* sum(const Operand& A, const Operand& B, int row0, int column0) {
        const int owners = blockDim.x / kGroupThreads, owner = threadIdx.x / kGroupThreads,
                  thread = threadIdx.x % kGroupThreads;
        const Slices slices = slices_of(A.K);
        const int chunks = slices.length ? (slices.length + kChunk - 1) / kChunk : 1;  // one empty chunk of an empty K
        const int rounds = (slices.count + owners - 1) / owners;
        float* const shared = dynamic_shared<float>();
        float* const stages = shared + owner * kStages * kStageFloats;
        float* const partial = shared + owners * kStages * kStageFloats;  // [owners][kSumFloats]
        float* const total = rounds > 1 ? partial + owners * kSumFloats : partial;
        const int warp = thread / 32, ty = lane_index() / 8, tx = lane_index() % 8;
        const int warp_row = 16 * (warp / WC), warp_column = 32 * (warp % WC);

        AsyncCopies copies;
        const auto load_chunk = [&](int c) {  // chunk c of this group, counted over all its slices
            const int slice = c / chunks * owners + owner;
            const int k0 = slice * slices.length + c % chunks * kChunk;
            const int slice_end = (slice + 1) * slices.length, k_end = slice_end < A.K ? slice_end : A.K;
            float* const stage = stages + c % kStages * kStageFloats;
            if (c < rounds * chunks && k0 < k_end) {
                load<kA, kRows>(copies, stage, A, row0, k0, k_end, thread);
                load<kB, kColumns>(copies, stage + chunk_floats<kA>(kRows), B, column0, k0, k_end, thread);
            }
            copies.end_group();
        };
        for (int c = 0; c < kStages - 1; ++c) load_chunk(c);
        int c = 0;
        for (int round = 0; round < rounds; ++round) {
            const int slice = round * owners + owner;
            float sums[4][4] = {}, ones[4] = {};
            for (int chunk = 0; chunk < chunks; ++chunk, ++c) {
                copies.wait<kStages - 2>();
                __syncthreads();  // chunk c is there for all, and nobody reads chunk c - 1 any more
                load_chunk(c + kStages - 1);
                const int k0 = slice * slices.length + chunk * kChunk;
                const int count = min_(min_(slices.length - chunk * kChunk, A.K - k0), kChunk);
                if (count <= 0) continue;
                const float* const a = stages + c % kStages * kStageFloats;
                const float* const b = a + chunk_floats<kA>(kRows);
                multiply<with_ones>(
                    sums, ones, a + (kA == Along::kFast ? (warp_row + ty) * (kChunk + 4) : warp_row + 4 * ty),
                    b + (kB == Along::kFast ? (warp_column + tx) * (kChunk + 4) : warp_column + 4 * tx), count);
            }
            float* const mine = partial + owner * kSumFloats + warp_row * kPitch + warp_column;
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                float* const row = mine + row_of(ty, i) * kPitch;
#pragma unroll
                for (int j = 0; j < 4; ++j) row[column_of(tx, j)] = sums[i][j];
                if (with_ones && warp_column == 0 && tx == 0) row[kColumns] = ones[i];
            }
            __syncthreads();
            add_slices<with_ones>(total, partial, round, min_(owners, slices.count - round * owners), rounds > 1);
        }
        __syncthreads();
        return total;
    }

  private:
    static __device__ int min_(int a, int b) { return a < b ? a : b; }

    /// total = (total +) the round's `count` partial sums in order. Each thread has the same elements every round.
    template <bool with_ones>
    static __device__ void add_slices(float* total, const float* partial, int round, int count, bool apart) {
        if (count == 1 && !apart) return;  // the only partial sum is the total
        const auto add = [&](int at) {
            float sum = round ? total[at] + partial[at] : partial[at];
            for (int s = 1; s < count; ++s) sum += partial[s * kSumFloats + at];
            total[at] = sum;
        };
        for (int e = threadIdx.x; e < kRows * kColumns; e += blockDim.x) add(e / kColumns * kPitch + e % kColumns);
        if (with_ones)
            for (int row = threadIdx.x; row < kRows; row += blockDim.x) add(row * kPitch + kColumns);
    }
};

/// visit(row, column, values, count) for each four neighbours in a row of a tile at (row0, column0), shared by the
/// block. The first `count` (0 to 4) of the values lie inside a matrix of M x N. All lanes of a warp visit together.
template <class Tile, class Visit>
__device__ void for_quads(const float* tile, int row0, int column0, int M, int N, Visit visit) {
    constexpr int kAcross = Tile::kColumns / 4;
    for (int e = threadIdx.x; e < Tile::kRows * kAcross; e += blockDim.x) {
        const int down = e / kAcross, across = 4 * (e % kAcross);
        float values[4];
        detail::load_quad(values, tile + down * Tile::kPitch + across);
        const int row = row0 + down, column = column0 + across, left = N - column;
        visit(row, column, values, row < M && left > 0 ? (left < 4 ? left : 4) : 0);
    }
}
/// to[0..count-1] = values.
__device__ inline void store_quad(float* to, const float (&values)[4], int count) {
    if (count == 4 && detail::is_quad_aligned(to)) {
        *reinterpret_cast<float4*>(to) = float4{values[0], values[1], values[2], values[3]};
    } else {
#pragma unroll
        for (int i = 0; i < 4; ++i)
            if (i < count) to[i] = values[i];
    }
}
/// values = from[0..count-1]; the rest stays.
__device__ inline void read_quad(float (&values)[4], const float* from, int count) {
    if (count == 4 && detail::is_quad_aligned(from)) return detail::load_quad(values, from);
#pragma unroll
    for (int i = 0; i < 4; ++i)
        if (i < count) values[i] = from[i];
}

}  // namespace warpvae

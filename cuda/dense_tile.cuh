// One tile of a matrix product C = A B, summed by a block: the main loop of the fused dense layers and convolutions
// (fused_dense.cuh, weight_gradients.cuh, fused_convolution.cuh, convolution_weights.cuh), which differ in where A and
// B lie and in what they do with the tile.
//
// What a product is: k = 0..K-1 is cut into slices of at most 128 (slices_of), a slice into chunks of 32. A chunk is
// multiplied by the tensor cores at float's precision (3xTF32, device/tensor_core.cuh), eight k at a time; its sum is
// added to its slice's, and the slices are added in order. Only K decides: a result depends neither on the tile's shape
// nor on how many replicas or rows are multiplied beside it. Its error is below that of one long chain of fused
// multiply-adds. Where `is_exact` is false, the small terms are left out: TF32.
//
//   block    `owners` groups of WR x WC warps; group w sums the slices w, w + owners, ... of the same tile
//   warp     16 rows x 8 J columns of the tile, as J products of 16 x 8
//   chunk    32 of k of both operands in shared memory; each group keeps kStages of them, loaded by cp.async two ahead
//
// The tensor core's k is any eight: lane t of four takes the neighbours 2t and 2t + 1, one load of 8 bytes where k is
// the fast index in memory. A warp's loads of both operands have no bank conflicts: see Chunk.
//
// Contract: block fixed (32 WR WC owners); dynamic shared memory of shared_bytes(). A group's loads are 16 bytes wide
// where the operand allows it, else 4. Deterministic.
#pragma once
#include <cstdint>

#include "cuda/device/async_copy.cuh"
#include "cuda/device/dependent_launch.cuh"
#include "cuda/device/device.h"
#include "cuda/device/reduce.cuh"
#include "cuda/device/shared.cuh"
#include "cuda/device/tensor_core.cuh"

namespace warpvae {

/// x, which the compiler shall hold in a register: it would sooner compute it anew wherever it is used, from the
/// thread's number on, which takes longer to read than all the rest.
template <class T>
__device__ inline T held(T x) {
#ifdef __CUDA_ARCH__
    if constexpr (sizeof(T) == 8)
        asm volatile("" : "+l"(x));
    else
        asm volatile("" : "+r"(x));
#endif
    return x;
}

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

/// Where number k < kDepth of line l (a row of A, a column of B) stands in a chunk of kLines lines in shared memory.
template <Along along, int kLines>
struct Chunk {
    static constexpr int kDepth = 32;
    static constexpr bool kIsFast = along == Along::kFast;
    static constexpr int kWidth = kIsFast ? kDepth : kLines, kHeight = kIsFast ? kLines : kDepth;
    static constexpr int kPitch = kWidth + (kIsFast ? 8 : 4), kFloats = kPitch * kHeight;
    static constexpr int kOfLine = kIsFast ? kPitch : 1, kOfK = kIsFast ? 1 : kPitch;  ///< to the next line or k
    static constexpr __device__ int place(int l, int k) { return l * kOfLine + k * kOfK; }
};

/// How kThreads threads share a chunk's quads of neighbours in memory: a thread's lie below each other, kStep rows
/// apart.
template <class Chunk, int kThreads>
struct ChunkShare {
    static constexpr int kInRow = Chunk::kWidth / 4, kStep = kThreads / kInRow;
    static constexpr int kQuads = (Chunk::kHeight + kStep - 1) / kStep;  ///< of one thread, at most
    static_assert(kThreads % kInRow == 0);
    static __device__ int across(int thread) { return 4 * (thread % kInRow); }  ///< of its quads' first number
    static __device__ int top(int thread) { return thread / kInRow; }           ///< of its first quad's row
    /// Whether the thread has a quad i.
    static __device__ bool has(int top, int i) {
        return Chunk::kHeight % kStep == 0 || top + i * kStep < Chunk::kHeight;
    }
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

/// A, or B transposed: `lines` (rows of A, columns of B) of K numbers. Number k of line l is data[l * K + k] where k is
/// the fast index, data[k * lines + l] where it is the slow one.
///
/// Any type can be an operand that has K and a Reader like this one's; another is in gather_dense.cuh.
struct Operand {
    const float* data;
    int lines, K;

    /// What one of kThreads threads copies of the lines from line0 on.
    template <Along along, int kLines, int kThreads>
    class Reader {
        using C = Chunk<along, kLines>;
        using Share = ChunkShare<C, kThreads>;

      public:
        __device__ Reader(const Operand& from, int line0, int thread) : pitch_(C::kIsFast ? from.K : from.lines) {
            const int top = Share::top(thread), across = Share::across(thread);
            first_ = held(from.data + (C::kIsFast ? line0 + top : top) * std::size_t(pitch_) +
                          (C::kIsFast ? across : line0 + across));
            place_ = held(top * C::kPitch + across);
            first_k_ = held(C::kIsFast ? across : top);
            lines_left_ = held(from.lines - line0 - (C::kIsFast ? top : across));
            last_row_ = Share::has(top, Share::kQuads - 1);
            wide_ = pitch_ % 4 == 0 && detail::is_quad_aligned(from.data);
        }
        /// Begins the copy of numbers k0 to below k_end, at most 32 of them; zeros outside of the matrix.
        __device__ void load(AsyncCopies& copies, float* to, int k0, int k_end) const {
            // How many numbers are inside: of this row of quads to the right, and of rows from its own down.
            const int k_left = k_end - k0 - first_k_;
            const int right = C::kIsFast ? k_left : lines_left_, below = C::kIsFast ? lines_left_ : k_left;
            const float* source = first_ + k0 * std::size_t(C::kIsFast ? 1 : pitch_);
            float* target = to + place_;
            if (wide_) {
                const int rows = right > 0 ? below : 0;
#pragma unroll
                for (int i = 0; i < Share::kQuads; ++i) {
                    if (i + 1 == Share::kQuads && !last_row_) break;
                    copies.begin<16>(target, source, i * Share::kStep < rows);
                    source += Share::kStep * std::size_t(pitch_), target += Share::kStep * C::kPitch;
                }
            } else {
#pragma unroll 1  // rare: short code is worth more
                for (int i = 0; i < Share::kQuads; ++i) {
                    if (i + 1 == Share::kQuads && !last_row_) break;
#pragma unroll 1
                    for (int j = 0; j < 4; ++j)
                        copies.begin<4>(target + j, source + j, i * Share::kStep < below && j < right);
                    source += Share::kStep * std::size_t(pitch_), target += Share::kStep * C::kPitch;
                }
            }
        }

      private:
        const float* first_;
        int pitch_, place_, first_k_, lines_left_;  ///< place_: of its first quad in a chunk
        bool last_row_, wide_;                      ///< last_row_: it has a last quad, where not all threads do
    };
};

template <Along kA, Along kB, int WR, int WC, int MostOwners, int J = 4>
struct DenseTile {
    static constexpr int kRows = 16 * WR, kColumns = 8 * J * WC, kGroupThreads = 32 * WR * WC;
    static constexpr int kMostThreads = kGroupThreads * MostOwners;
    static constexpr int kChunk = 32, kStages = 3;
    static constexpr int kPitch =
        kColumns + 8;  ///< of a row of sums in shared memory; column kColumns: sums of A alone

    using ChunkA = Chunk<kA, kRows>;
    using ChunkB = Chunk<kB, kColumns>;
    static constexpr int kStageFloats = ChunkA::kFloats + ChunkB::kFloats;
    static constexpr int kSumFloats = kRows * kPitch;
    static constexpr std::size_t shared_bytes(int K, int owners) {
        const int sums = slices_of(K).count > owners ? owners + 1 : owners;
        return sizeof(float) * (std::size_t(owners) * kStages * kStageFloats + std::size_t(sums) * kSumFloats);
    }

    /// So many groups as find work and room, at least 1.
    static int owners_for(int K) {
        const int slices = slices_of(K).count;
        int owners = slices < MostOwners ? slices : MostOwners;
        while (owners > 1 && shared_bytes(K, owners) > device_shared_bytes()) --owners;
        return owners;
    }

    /// large[j], small[j] += the products of eight k, as tensor_multiply_add places them; ones[i] += the lane's part of
    /// the sums of A's rows. a, b: where the lane's first numbers are in the chunk (begin_of).
    template <bool with_ones, bool is_exact>
    static __device__ void multiply_step(float (&large)[J][4], float (&small)[J][4], float (&ones)[2], const float* a,
                                         const float* b) {
        float A[4], rest[4], B[J][2], beta[J][2];
#pragma unroll
        for (int i = 0; i < 2; ++i) {
            float pair[2];
            read_pair<ChunkA>(pair, a + 8 * i * ChunkA::kOfLine);
#pragma unroll
            for (int h = 0; h < 2; ++h) {
                if constexpr (with_ones) ones[i] += pair[h];
                const Tf32Parts parts = tf32_parts(pair[h]);
                A[i + 2 * h] = parts.large, rest[i + 2 * h] = parts.small;
            }
        }
#pragma unroll
        for (int j = 0; j < J; ++j) {
            float pair[2];
            read_pair<ChunkB>(pair, b + 8 * j * ChunkB::kOfLine);
#pragma unroll
            for (int h = 0; h < 2; ++h) {
                const Tf32Parts parts = tf32_parts(pair[h]);
                B[j][h] = parts.large, beta[j][h] = parts.small;
            }
        }
        // Products that do not wait for each other, three times.
        if constexpr (is_exact)
#pragma unroll
            for (int j = 0; j < J; ++j) tensor_multiply_add(small[j], rest, B[j]);
#pragma unroll
        for (int j = 0; j < J; ++j) tensor_multiply_add(large[j], A, B[j]);
        if constexpr (is_exact)
#pragma unroll
            for (int j = 0; j < J; ++j) tensor_multiply_add(small[j], A, beta[j]);
    }
    /// sums[j] += the products of the chunk's first 8 `steps` k. A whole chunk, the usual case, has no loop.
    template <bool with_ones, bool is_exact>
    static __device__ void multiply(float (&sums)[J][4], float (&ones)[2], const float* a, const float* b, int steps) {
        float large[J][4] = {}, small[J][4] = {};
        if (steps == kChunk / 8) {
#pragma unroll
            for (int step = 0; step < kChunk / 8; ++step)
                multiply_step<with_ones, is_exact>(large, small, ones, a + 8 * step * ChunkA::kOfK,
                                                   b + 8 * step * ChunkB::kOfK);
        } else {
#pragma unroll 1
            for (int step = 0; step < steps; ++step, a += 8 * ChunkA::kOfK, b += 8 * ChunkB::kOfK)
                multiply_step<with_ones, is_exact>(large, small, ones, a, b);
        }
#pragma unroll
        for (int j = 0; j < J; ++j)
#pragma unroll
            for (int i = 0; i < 4; ++i) sums[j][i] += large[j][i] + small[j][i];
    }
    /// Where in a chunk a lane's numbers begin, for a warp whose lines begin at `line`.
    template <class C>
    static __device__ int begin_of(int line) {
        return C::place(line + lane_index() / 4, 2 * (lane_index() % 4));
    }

    /// Sums the tile at (row0, column0). Returns it in shared memory, rows kPitch apart, for the whole block to read;
    /// with `with_ones`, column kColumns of it is the product of A with a vector of ones. It waits for the
    /// launch before this one before it reads anything, and lets the next one begin when it has read both operands.
    /// `while_waiting()` is called once, when the first loads are under way.
    template <bool with_ones = false, class OperandA, class OperandB, class Work>
    static __device__ float* sum(const OperandA& A, const OperandB& B, int row0, int column0, bool is_exact,
                                 Work while_waiting) {
        const int owners = blockDim.x / kGroupThreads, owner = threadIdx.x / kGroupThreads,
                  thread = threadIdx.x % kGroupThreads;
        const Slices slices = slices_of(A.K);
        const int chunks = slices.length ? (slices.length + kChunk - 1) / kChunk : 1;  // one empty chunk of an empty K
        const int rounds = (slices.count + owners - 1) / owners;
        float* const shared = dynamic_shared<float>();
        float* const stages = shared + owner * kStages * kStageFloats;
        float* const partial = shared + owners * kStages * kStageFloats;  // [owners][kSumFloats]
        float* const total = rounds > 1 ? partial + owners * kSumFloats : partial;
        const int warp = thread / 32, g = lane_index() / 4, t = lane_index() % 4;
        const int warp_row = 16 * (warp / WC), warp_column = 8 * J * (warp % WC);
        typename OperandA::template Reader<kA, kRows, kGroupThreads> read_a(A, row0, thread);
        typename OperandB::template Reader<kB, kColumns, kGroupThreads> read_b(B, column0, thread);

        AsyncCopies copies;
        // Of the next chunk to load: its k, the end of its slice, chunks left in it, and where it goes.
        int slice_k = owner * slices.length, k0 = slice_k, k_end = min_(k0 + slices.length, A.K), left = chunks, to = 0;
        const auto load_chunk = [&] {
            if (k0 < k_end) {
                read_a.load(copies, stages + to, k0, k_end);
                read_b.load(copies, stages + to + ChunkA::kFloats, k0, k_end);
            } else {
                settle(read_a, 0), settle(read_b, 0);
            }
            copies.end_group();
            k0 += kChunk;
            if (--left == 0) {
                slice_k += owners * slices.length;
                k0 = slice_k, k_end = min_(k0 + slices.length, A.K), left = chunks;
            }
            to = to == (kStages - 1) * kStageFloats ? 0 : to + kStageFloats;
        };
        wait_for_previous_launch();
        for (int i = 0; i < kStages - 1; ++i) load_chunk();
        while_waiting();
        const float* const a = stages + begin_of<ChunkA>(warp_row);
        const float* const b = stages + ChunkA::kFloats + begin_of<ChunkB>(warp_column);
        int from = 0;
        for (int round = 0; round < rounds; ++round) {
            const int begin = (round * owners + owner) * slices.length;
            int k_left = min_(slices.length, A.K - begin);
            float sums[J][4] = {}, ones[2] = {};
#pragma unroll 1
            for (int chunk = 0; chunk < chunks; ++chunk, k_left -= kChunk) {
                copies.wait<kStages - 2>();
                __syncthreads();  // the chunk is there for all, and nobody reads the one before it any more
                load_chunk();
                const int steps = (min_(k_left, kChunk) + 7) >> 3;
                if (is_exact)
                    multiply<with_ones, true>(sums, ones, a + from, b + from, steps);
                else
                    multiply<with_ones, false>(sums, ones, a + from, b + from, steps);
                from = from == (kStages - 1) * kStageFloats ? 0 : from + kStageFloats;
            }
            float* const mine = partial + owner * kSumFloats + (warp_row + g) * kPitch + warp_column + 2 * t;
#pragma unroll
            for (int j = 0; j < J; ++j)
#pragma unroll
                for (int i = 0; i < 2; ++i)
                    *reinterpret_cast<float2*>(mine + i * 8 * kPitch + 8 * j) =
                        float2{sums[j][2 * i], sums[j][2 * i + 1]};
            if constexpr (with_ones)
#pragma unroll
                for (int i = 0; i < 2; ++i) {
                    const float row_sum = warp_group_sum<4>(ones[i]);
                    if (warp_column == 0 && t == 0) mine[i * 8 * kPitch + kColumns] = row_sum;
                }
            __syncthreads();
            add_slices<with_ones>(total, partial, round, min_(owners, slices.count - round * owners), rounds > 1);
        }
        copies.wait<0>();
        let_next_launch_begin();
        __syncthreads();
        return total;
    }

  private:
    /// A Reader whose loads are not cp.async's keeps them until its next load, or settle().
    template <class Reader>
    static __device__ auto settle(Reader& reader, int) -> decltype(reader.settle()) {
        reader.settle();
    }
    template <class Reader>
    static __device__ void settle(Reader&, long) {}
    /// A number of a line of a chunk and the next one along k; the first has an even k.
    template <class C>
    static __device__ void read_pair(float (&pair)[2], const float* first) {
        if constexpr (C::kIsFast) {
            const float2 both = *reinterpret_cast<const float2*>(first);
            pair[0] = both.x, pair[1] = both.y;
        } else {
            pair[0] = first[0], pair[1] = first[C::kOfK];
        }
    }
    static __device__ int min_(int a, int b) { return a < b ? a : b; }

    /// total = (total +) the round's `count` partial sums in order. Each thread has the same elements every round.
    template <bool with_ones>
    static __device__ void add_slices(float* total, const float* partial, int round, int count, bool apart) {
        if (count == 1 && !apart) return;  // the only partial sum is the total
        for (int e = threadIdx.x; e < kRows * kColumns / 4; e += blockDim.x) {
            const int at = e / (kColumns / 4) * kPitch + 4 * (e % (kColumns / 4));
            float sum[4], next[4];
            detail::load_quad(sum, round ? total + at : partial + at);
#pragma unroll 4
            for (int s = round ? 0 : 1; s < count; ++s) {
                detail::load_quad(next, partial + s * kSumFloats + at);
#pragma unroll
                for (int i = 0; i < 4; ++i) sum[i] += next[i];
            }
            *reinterpret_cast<float4*>(total + at) = float4{sum[0], sum[1], sum[2], sum[3]};
        }
        if (with_ones)
            for (int row = threadIdx.x; row < kRows; row += blockDim.x) {
                const int at = row * kPitch + kColumns;
                float sum = round ? total[at] : partial[at];
                for (int s = round ? 0 : 1; s < count; ++s) sum += partial[s * kSumFloats + at];
                total[at] = sum;
            }
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

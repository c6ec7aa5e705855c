// The k nearest rows of every row, exactly. A matrix product gives each squared distance less |x_i|^2. By these keys a
// few more than k candidates are selected. Then their true distances are computed from the rows themselves: the
// product's cancellation has no part in those.
//
// Contract: block any; deterministic; of equal distances the lower row comes first. nearest_candidates gives a row to a
// warp and reads each product once or twice. neighbour_ranks gives a row to a warp too and reads each product k times.
// nearest_of_candidates gives a row to a block and has K doubles of dynamic shared memory.
#pragma once
#include "cuda/device/reduce.cuh"
#include "cuda/device/shared.cuh"
#include "cuda/math.cuh"
#include "cuda/ops/umap.h"

namespace warpvae {

template <class T>
__global__ void squared_norms_kernel(T* norms, const T* x, std::size_t n, int D) {
    for (std::size_t i : grid_stride(n)) {
        const T* row = x + i * D;
        double sum = 0;
        for (int j = 0; j < D; ++j) sum += double(row[j]) * double(row[j]);
        norms[i] = T(sum);
    }
}

/// Blocks of nearest_candidates and neighbour_ranks: a warp for each row, or eight rows for a block of one thread.
constexpr std::size_t neighbour_blocks(int rows) { return (std::size_t(rows) + 7) / 8; }
/// Dynamic shared memory of nearest_of_candidates, which has one block per row.
constexpr std::size_t candidate_bytes(int K) { return std::size_t(K) * sizeof(double); }

/// True if (key, row) comes before (other, other_row).
template <class T>
__device__ inline bool nearer(T key, int row, T other, int other_row) {
    return key < other || (key == other && row < other_row);
}

/// The list of candidates lies in memory. Each slot belongs to one lane, so the lanes find the worst entry by
/// reductions alone. A lane first takes the least of 64 keys: after the first few hundred rows it is seldom below the
/// worst entry, and the warp goes on to the next 64 keys of each lane.
template <class T>
__global__ void nearest_candidates_kernel(int* candidates, T* keys, const T* products, const T* norms, int first,
                                          int rows, int n, int K) {
    const auto slots = warp_stride(K);
    const int segment = 64 * lanes_per_warp();
    for (int row = int(blockIdx.x) * warps_per_block() + warp_index(); row < rows;
         row += int(gridDim.x) * warps_per_block()) {
        const T* product = products + std::size_t(row) * n;
        T* key = keys + std::size_t(row) * K;
        int* candidate = candidates + std::size_t(row) * K;
        for (int s : slots) key[s] = T(INFINITY), candidate[s] = n + s;
        T worst = T(INFINITY);
        int worst_row = n + K - 1;
        for (int at = 0; at < n; at += segment) {
            const auto share = warp_stride(n - at < segment ? n - at : segment);
            T least = T(INFINITY);
            WARPVAE_SIMD(reduction(min : least))
            for (int s = share.first; s < share.last; s += share.step) {
                const T value = norms[at + s] - T(2) * product[at + s];
                least = value < least ? value : least;
            }
            if (!warp_any(least <= worst)) continue;
            for (int s = share.first; warp_any(s < share.last); s += share.step) {
                const int j = at + s;
                T value = T(INFINITY);
                if (s < share.last && j != first + row) value = norms[j] - T(2) * product[j];
                while (warp_any(value < T(INFINITY) && nearer(value, j, worst, worst_row))) {
                    const T best = -warp_max(-value);
                    const int best_row = -warp_max(value == best ? -j : -n);
                    if (j == best_row) value = T(INFINITY);
                    T largest = -T(INFINITY);
                    for (int slot : slots) {
                        if (candidate[slot] == worst_row) key[slot] = best, candidate[slot] = best_row;
                        largest = key[slot] > largest ? key[slot] : largest;
                    }
                    worst = warp_max(largest);
                    int last = -1;
                    for (int slot : slots)
                        if (key[slot] == worst && candidate[slot] > last) last = candidate[slot];
                    worst_row = warp_max(last);
                }
            }
        }
    }
}

/// One block per row; a candidate's place is the number of those before it.
template <class T>
__global__ void nearest_of_candidates_kernel(int* indices, T* distances, const int* candidates, const T* x, int first,
                                             int D, int K, int k) {
    double* squares = dynamic_shared<double>();
    const int* candidate = candidates + std::size_t(blockIdx.x) * K;
    const T* row = x + (std::size_t(first) + blockIdx.x) * D;
    for (int c : block_stride(K)) {
        const T* other = x + std::size_t(candidate[c]) * D;
        double sum = 0;
        for (int j = 0; j < D; ++j) {
            const double difference = double(row[j]) - double(other[j]);
            sum += difference * difference;
        }
        squares[c] = sum;
    }
    __syncthreads();
    for (int c : block_stride(K)) {
        int place = 0;
        for (int o = 0; o < K; ++o) place += nearer(squares[o], candidate[o], squares[c], candidate[c]);
        if (place >= k) continue;
        indices[std::size_t(blockIdx.x) * k + place] = candidate[c];
        distances[std::size_t(blockIdx.x) * k + place] = T(sqrt_(squares[c]));
    }
}

template <class T>
__global__ void neighbour_ranks_kernel(int* ranks, const int* indices, const T* products, const T* norms, int first,
                                       int rows, int n, int k) {
    const auto share = warp_stride(n);
    for (int row = int(blockIdx.x) * warps_per_block() + warp_index(); row < rows;
         row += int(gridDim.x) * warps_per_block()) {
        const T* product = products + std::size_t(row) * n;
        const auto key = [&](int j) { return norms[j] - T(2) * product[j]; };
        for (int m = 0; m < k; ++m) {
            const int neighbour = indices[std::size_t(row) * k + m], self = first + row;
            const T its = key(neighbour);
            int before = 0;
            WARPVAE_SIMD(reduction(+ : before))
            for (int j = share.first; j < share.last; j += share.step) {
                const T value = norms[j] - T(2) * product[j];
                before += int(value < its) | (int(value == its) & int(j < neighbour));
            }
            before = warp_sum(before) - int(nearer(key(self), self, its, neighbour));
            if (lane_index() == 0) ranks[std::size_t(row) * k + m] = before + 1;
        }
    }
}

}  // namespace warpvae

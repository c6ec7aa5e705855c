// UMAP's fuzzy graph (McInnes and Healy 2018; umap-learn 0.5): how strongly each point belongs to the fuzzy set of its
// neighbours, and the union w + w^T - w w^T of those sets as a symmetric graph by rows.
//
// An edge that only one of its ends knows is an entry of both rows. So rows are counted, offsets summed, entries put
// down in any order, and each row then sorted by its columns: the result is the same whatever came first.
//
// Contract: block any, fuzzy_offsets one block; deterministic (counts are whole numbers). A thread for each point, in
// fuzzy_order a warp for each row. Reads and writes some 30 bytes for each neighbour of a point, and reads the list of
// each neighbour twice.
#pragma once
#include "cuda/device/loops.cuh"
#include "cuda/math.cuh"
#include "cuda/ops/umap.h"

namespace warpvae {

/// Blocks of a thread for each of n points, and of a warp for each.
constexpr std::size_t fuzzy_point_blocks(std::size_t n) { return (n + 63) / 64; }
constexpr std::size_t fuzzy_row_blocks(std::size_t n) { return (n + 3) / 4; }

/// What smooth_knn_dist and compute_membership_strengths of umap-learn give with local connectivity 1; by bisection in
/// double.
template <class T>
__global__ void fuzzy_membership_kernel(T* weights, T* rho, T* sigma, const T* distances, double mean_distance,
                                        std::size_t n, int k, double target) {
    for (std::size_t i : grid_stride(n)) {
        const T* distance = distances + i * k;
        double sum = 0, nearest = 0;
        for (int m = k - 1; m >= 0; --m) {
            sum += double(distance[m]);
            if (distance[m] > T(0)) nearest = double(distance[m]);
        }
        double low = 0, high = INFINITY, width = 1;
        for (int round = 0; round < 64; ++round) {
            double total = 0;
            for (int m = 0; m < k; ++m) {
                const double beyond = double(distance[m]) - nearest;
                total += beyond > 0 ? exp_(-beyond / width) : 1.;
            }
            if (total - target < 1e-5 && target - total < 1e-5) break;
            if (total > target)
                high = width;
            else
                low = width;
            width = high == INFINITY ? 2 * width : (low + high) / 2;
        }
        const double least = 1e-3 * (nearest > 0 ? sum / (k + 1) : mean_distance);  // k + 1: the point itself, at 0
        width = width < least ? least : width;
        rho[i] = T(nearest);
        sigma[i] = T(width);
        for (int m = 0; m < k; ++m) {
            const double beyond = double(distance[m]) - nearest;
            weights[i * k + m] = beyond > 0 ? T(exp_(-beyond / width)) : T(1);
        }
    }
}

/// The nearest k of each of n points, and how strongly it belongs to their sets.
template <class T>
struct FuzzySets {
    const int* indices;    // [n, k], no point twice in a row, none itself
    const T* memberships;  // [n, k], 0 to 1
    std::size_t n;
    int k;
    T least;  // edges below it are left out
};
/// A row's entry m in the union. Of a membership of 1 the union is 1, exactly, and it is the same from both ends.
template <class T>
struct FuzzyEdge {
    T weight;
    bool is_mutual;  // the other end's row has it too
    bool is_kept;
    __device__ FuzzyEdge(const FuzzySets<T>& sets, std::size_t i, int m) {
        const std::size_t other = std::size_t(sets.indices[i * sets.k + m]) * sets.k;
        const T mine = sets.memberships[i * sets.k + m];
        T its = T(0);
        is_mutual = false;
        for (int j = 0; j < sets.k; ++j)
            if (std::size_t(sets.indices[other + j]) == i) is_mutual = true, its = sets.memberships[other + j];
        const T low = mine < its ? mine : its, high = mine < its ? its : mine;
        weight = high + low * (T(1) - high);
        is_kept = weight > T(0) && weight >= sets.least;
    }
};

/// degrees [n], 0 before: the edges of each row of the union.
template <class T>
__global__ void fuzzy_degrees_kernel(unsigned* degrees, FuzzySets<T> sets) {
    for (std::size_t i : grid_stride(sets.n))
        for (int m = 0; m < sets.k; ++m) {
            const FuzzyEdge<T> edge(sets, i, m);
            if (!edge.is_kept) continue;
            atomicAdd(degrees + i, 1u);
            if (!edge.is_mutual) atomicAdd(degrees + sets.indices[i * sets.k + m], 1u);
        }
}

/// offsets [n + 1] = the sums of the degrees before each row; next [n], the degrees, becomes the same.
template <class Count>
__global__ void fuzzy_offsets_kernel(Count* offsets, Count* next, std::size_t n) {
    __shared__ Count of_threads[1024];
    const std::size_t each = (n + blockDim.x - 1) / blockDim.x, from = each * threadIdx.x;
    const std::size_t first = from < n ? from : n, last = first + each < n ? first + each : n;
    Count sum = 0;
    for (std::size_t i = first; i < last; ++i) sum += next[i];
    of_threads[threadIdx.x] = sum;
    __syncthreads();
    Count before = 0;
    for (unsigned t = 0; t < threadIdx.x; ++t) before += of_threads[t];
    for (std::size_t i = first; i < last; ++i) {
        const Count degree = next[i];
        offsets[i] = next[i] = before;
        before += degree;
    }
    if (threadIdx.x == blockDim.x - 1) offsets[n] = before;
}

/// Every entry into its row, in any order; next [n]: where each row goes on.
template <class T>
__global__ void fuzzy_entries_kernel(int* columns, T* weights, unsigned* next, FuzzySets<T> sets) {
    const auto put = [&](std::size_t row, std::size_t column, T weight) {
        const unsigned at = atomicAdd(next + row, 1u);
        columns[at] = int(column), weights[at] = weight;
    };
    for (std::size_t i : grid_stride(sets.n))
        for (int m = 0; m < sets.k; ++m) {
            const FuzzyEdge<T> edge(sets, i, m);
            if (!edge.is_kept) continue;
            const auto other = std::size_t(sets.indices[i * sets.k + m]);
            put(i, other, edge.weight);
            if (!edge.is_mutual) put(other, i, edge.weight);
        }
}

/// Each row in the order of its columns: an entry's place is the number of those before it.
template <class T>
__global__ void fuzzy_order_kernel(int* neighbours, T* weights, const int* columns, const T* of_columns,
                                   const unsigned* offsets, std::size_t n) {
    for (std::size_t i = std::size_t(blockIdx.x) * warps_per_block() + warp_index(); i < n;
         i += std::size_t(gridDim.x) * warps_per_block()) {
        const unsigned first = offsets[i], degree = offsets[i + 1] - first;
        for (unsigned e : warp_stride(degree)) {
            const int column = columns[first + e];
            unsigned place = first;
            for (unsigned other = 0; other < degree; ++other) place += columns[first + other] < column;
            neighbours[place] = column, weights[place] = of_columns[first + e];
        }
    }
}

}  // namespace warpvae

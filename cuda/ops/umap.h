// Nearest neighbours, and UMAP's graph and layout (McInnes and Healy 2018). Letters and conventions: cuda/ops.h.
#pragma once
#include <cstddef>
#include <cstdint>

#include "cuda/device/device.h"

namespace warpvae {

// --- nearest neighbours: nearest_neighbours.cuh; whole searches: host/evaluate/nearest_neighbours.h ------------------
// Seen from row i, row j has the key |x_j|^2 - 2 x_i.x_j: keys have the order of the distances. Of equal keys the lower
// row comes first. A row is no neighbour of itself.

/// norms [n] = squared lengths of the rows of x [n, D], summed in double.
Status squared_norms(float* norms, const float* x, std::size_t n, int D, Stream stream);
/// candidates [rows, K] = the K rows with the least keys beside row first + i, in no order; keys [rows, K] theirs.
/// products [rows, n] of rows first.. with all n; 1 <= K < n.
Status nearest_candidates(int* candidates, float* keys, const float* products, const float* norms, int first, int rows,
                          int n, int K, Stream stream);
/// indices, distances [rows, k] = the nearest k of the candidates [rows, K] of rows first.., the nearest first, by
/// distances computed in double from the rows of x [n, D] themselves. 1 <= k <= K.
Status nearest_of_candidates(int* indices, float* distances, const int* candidates, const float* x, int first, int rows,
                             int D, int K, int k, Stream stream);
/// ranks [rows, k]: of all rows' keys beside row first + i, that of row indices[i, m] is the ranks[i, m]-th, from 1.
Status neighbour_ranks(int* ranks, const int* indices, const float* products, const float* norms, int first, int rows,
                       int n, int k, Stream stream);

// --- UMAP: fuzzy_graph.cuh, umap.cuh; the whole method: host/evaluate/umap.h -----------------------------------------

/// Fuzzy membership of each point's k nearest others, k from 1: weights [n, k] = exp(-max(0, distance - rho) / sigma),
/// with rho [n] the smallest distance that is not 0 and sigma [n] such that a row's weights sum to log2(k + 1); sigma
/// is at least a thousandth of the row's mean distance, of `mean_distance` where rho is 0. distances [n, k], ascending.
Status fuzzy_membership(float* weights, float* rho, float* sigma, const float* distances, double mean_distance,
                        std::size_t n, int k, Stream stream);

/// Where a graph of n points with k neighbours each is put, which has 2 n k edges at most, and what it needs meanwhile.
struct FuzzyUnion {
    unsigned* offsets;  ///< [n + 1]: row i has edges offsets[i]..offsets[i + 1] - 1
    int* neighbours;    ///< [2 n k]: of each row, ascending
    float* weights;     ///< [2 n k]
    unsigned* next;     ///< [n], of no worth afterwards, as the two below
    int* columns;       ///< [2 n k]
    float* of_columns;  ///< [2 n k]
};
/// The union w + w^T - w w^T of the memberships w [n, k], from 0 to 1, of points in the sets of their neighbours
/// indices [n, k]: no point twice in a row, none its own neighbour. Edges below `least`, or of weight 0, are left out.
Status fuzzy_union(const FuzzyUnion& to, const int* indices, const float* memberships, float least, std::size_t n,
                   int k, Stream stream);

/// A symmetric graph by rows: vertex i has edges offsets[i]..offsets[i + 1] - 1.
struct LayoutGraph {
    const unsigned* offsets;  ///< [vertices + 1]
    const int* neighbours;    ///< [edges]
    const float* rates;       ///< [edges]: how often an edge is visited in an epoch, above 0, 1 at most
    int vertices;
};
struct LayoutStep {
    float a, b;            ///< 1 / (1 + a d^2b): how close two points at distance d are
    float learning_rate;   ///< of this epoch
    float repulsion;       ///< weight of the negative samples
    int negative_samples;  ///< for each visit of an edge
    std::uint64_t seed;
    std::uint32_t epoch;  ///< from 1
    std::uint32_t half;   ///< 0, then 1
};
/// Half an epoch of the layout: positions out from in, both [vertices, C], C 2 or 3, not the same array.
template <class T>
Status layout_half_epoch(T* out, const T* in, const LayoutGraph& graph, const LayoutStep& step, int C, Stream stream);

}  // namespace warpvae

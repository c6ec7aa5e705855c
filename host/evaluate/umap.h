// UMAP (McInnes and Healy 2018) on the device, with umap-learn's parameters, defaults and conventions: exact nearest
// neighbours, the fuzzy graph, a start at the principal components, and a layout that gives the same bits whatever the
// number of cores (cuda/umap.cuh).
#pragma once
#include <cstddef>
#include <cstdint>

#include "cuda/device/buffer.h"
#include "cuda/ops.h"
#include "host/evaluate/nearest_neighbours.h"

namespace warpvae {

struct UmapOptions {
    int neighbours = 15;  ///< the point itself is the first, as in umap-learn; 2 at least
    int components = 2;   ///< or 3
    int epochs = 0;       ///< 0: 500 for up to 10,000 rows, else 200
    std::uint64_t seed = 1;
};

/// 1 / (1 + a d^2b), how close two points at distance d are: what umap-learn's find_ab_params fits for a least distance
/// of 0.1 and a spread of 1.
struct UmapCurve {
    float a, b;
};
inline constexpr UmapCurve kUmapCurve = {1.57694364f, 0.895060718f};

/// The symmetric fuzzy graph of the neighbours' memberships, on the device. No weight is above 1, and each point has
/// an edge of that weight: its nearest neighbour's. So weights are also the rates of LayoutGraph.
struct FuzzyGraph {
    DeviceBuffer<float> rho, sigma;  ///< [n]: fuzzy_membership
    DeviceBuffer<unsigned> offsets;  ///< [n + 1]
    DeviceBuffer<int> neighbours;    ///< room for [2 n k], of which offsets[n] are edges: by rows, ascending
    DeviceBuffer<float> weights;     ///< of each edge
    LayoutGraph view() const { return {offsets.data(), neighbours.data(), weights.data(), int(rho.size())}; }
};
/// Without the edges below `least`.
FuzzyGraph fuzzy_graph(const Neighbours& neighbours, float least, Stream stream);

/// Positions, device [n, components]. x: device [n, D]. Throws Error naming an option out of range, fewer rows than
/// neighbours, fewer features than components, or a number that is not finite.
DeviceBuffer<float> umap(const Matmul& matmul, const float* x, std::size_t n, int D, const UmapOptions& options);

/// How far an embedding's neighbours are neighbours in x (Venna and Kaski 2001; scikit-learn's trustworthiness), from 0
/// to 1: 1 - 2 / (n k (2n - 3k - 1)) sum over i and the k nearest j of i in the embedding of max(0, rank_i(j) - k),
/// with j's rank among i's neighbours in x. x: device [n, D]; embedding: device [n, C]; 2k < n.
double trustworthiness(const Matmul& matmul, const float* x, std::size_t n, int D, const float* embedding, int C,
                       int k = 15);

}  // namespace warpvae

// UMAP (McInnes and Healy 2018) on the device, with umap-learn's parameters, defaults and conventions: exact nearest
// neighbours, the fuzzy graph, a start at the principal components, and a layout that gives the same bits whatever the
// number of cores (cuda/umap.cuh).
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "cuda/device/buffer.h"
#include "cuda/ops.h"
#include "host/evaluate/nearest_neighbours.h"

namespace warpvae {

struct UmapOptions {
    int neighbours = 15;  ///< the point itself is the first, as in umap-learn; 2 at least
    double min_dist = 0.1, spread = 1;
    int components = 2;  ///< or 3
    int epochs = 0;      ///< 0: 500 for up to 10,000 rows, else 200
    int negative_samples = 5;
    double learning_rate = 1, repulsion = 1;
    std::uint64_t seed = 1;
};

/// The curve 1 / (1 + a d^2b) that fits 1 up to min_dist and exp(-(d - min_dist) / spread) beyond, by least squares
/// over 300 points up to 3 spread. Throws Error unless 0 <= min_dist <= spread, 0 < spread.
struct UmapCurve {
    double a, b;
};
UmapCurve fit_umap_curve(double min_dist, double spread);

/// The symmetric fuzzy graph w + w^T - w w^T of the neighbours' memberships, by rows; neighbours ascend.
struct FuzzyGraph {
    std::vector<float> rho, sigma;  ///< [n]: fuzzy_membership
    std::vector<unsigned> offsets;  ///< [n + 1]
    std::vector<int> neighbours;    ///< [edges]
    std::vector<float> weights;     ///< [edges]
};
FuzzyGraph fuzzy_graph(const Neighbours& neighbours, Stream stream);

/// Positions, device [n, components]. x: device [n, D]. Throws Error naming an option out of range, fewer rows than
/// neighbours, fewer features than components, or a number that is not finite.
DeviceBuffer<float> umap(const Matmul& matmul, const float* x, std::size_t n, int D, const UmapOptions& options);

/// How far an embedding's neighbours are neighbours in x (Venna and Kaski 2001; scikit-learn's trustworthiness), from 0
/// to 1: 1 - 2 / (n k (2n - 3k - 1)) sum over i and the k nearest j of i in the embedding of max(0, rank_i(j) - k),
/// with j's rank among i's neighbours in x. x: device [n, D]; embedding: device [n, C]; 2k < n.
double trustworthiness(const Matmul& matmul, const float* x, std::size_t n, int D, const float* embedding, int C,
                       int k = 15);

}  // namespace warpvae

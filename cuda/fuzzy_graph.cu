#include "cuda/fuzzy_graph.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

namespace {
constexpr std::size_t kMostEdges = 0x7fffffff;  // that an unsigned counts
}

Status fuzzy_membership(float* weights, float* rho, float* sigma, const float* distances, double mean_distance,
                        std::size_t n, int k, Stream stream) {
    if (k < 1) return {kInvalidValue};
    return launch(fuzzy_membership_kernel<float>, for_blocks(fuzzy_point_blocks(n), 1, Block::any(64)), stream, weights,
                  rho, sigma, distances, mean_distance, n, k, std::log2(k + 1.));
}

Status fuzzy_union(const FuzzyUnion& to, const int* indices, const float* memberships, float least, std::size_t n,
                   int k, Stream stream) {
    if (k < 1 || n > kMostEdges / (2 * std::size_t(k))) return {kInvalidValue};
    const FuzzySets<float> sets{indices, memberships, n, k, least};
    const LaunchConfig points = for_blocks(fuzzy_point_blocks(n), 1, Block::any(64));
    Status status = fill_bytes(to.next, 0, n * sizeof(unsigned), stream);
    if (status.ok()) status = launch(fuzzy_degrees_kernel<float>, points, stream, to.next, sets);
    if (status.ok()) status = launch(fuzzy_offsets_kernel<unsigned>, for_blocks(1), stream, to.offsets, to.next, n);
    if (status.ok())
        status = launch(fuzzy_entries_kernel<float>, points, stream, to.columns, to.of_columns, to.next, sets);
    if (!status.ok()) return status;
    return launch(fuzzy_order_kernel<float>, for_blocks(fuzzy_row_blocks(n), 1, Block::any(128)), stream, to.neighbours,
                  to.weights, to.columns, to.of_columns, to.offsets, n);
}

}  // namespace warpvae

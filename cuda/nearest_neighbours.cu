#include "cuda/nearest_neighbours.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

namespace {
bool sizes_fit(int first, int rows, int n, int k) {
    return first >= 0 && rows >= 0 && rows <= n - first && k >= 1 && k < n;
}
}  // namespace

Status squared_norms(float* norms, const float* x, std::size_t n, int D, Stream stream) {
    return launch(squared_norms_kernel<float>, for_elements(n), stream, norms, x, n, D);
}
Status nearest_candidates(int* candidates, float* keys, const float* products, const float* norms, int first, int rows,
                          int n, int K, Stream stream) {
    if (!sizes_fit(first, rows, n, K)) return {kInvalidValue};
    return launch(nearest_candidates_kernel<float>, for_blocks(neighbour_blocks(rows)), stream, candidates, keys,
                  products, norms, first, rows, n, K);
}
Status nearest_of_candidates(int* indices, float* distances, const int* candidates, const float* x, int first, int rows,
                             int D, int K, int k, Stream stream) {
    if (first < 0 || rows < 0 || k < 1 || k > K) return {kInvalidValue};
    return launch(nearest_of_candidates_kernel<float>, for_blocks(rows, 1, Block::any(32), candidate_bytes(K)), stream,
                  indices, distances, candidates, x, first, D, K, k);
}
Status neighbour_ranks(int* ranks, const int* indices, const float* products, const float* norms, int first, int rows,
                       int n, int k, Stream stream) {
    if (!sizes_fit(first, rows, n, k)) return {kInvalidValue};
    return launch(neighbour_ranks_kernel<float>, for_blocks(neighbour_blocks(rows)), stream, ranks, indices, products,
                  norms, first, rows, n, k);
}

}  // namespace warpvae

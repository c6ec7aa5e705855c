// Nearest neighbours among 5,000 points, and UMAP's graph and layout.
#include "profiling/bench_kernels/rows.h"

namespace warpvae {
namespace {

constexpr int kPoints = 5000, kNeighbours = 15, kCandidates = 30;

/// For each point some others, spread over all, no point twice.
std::vector<int> some_others(int per_row) {
    std::vector<int> out;
    for (int i = 0; i < kPoints; ++i)
        for (int k = 1; k <= per_row; ++k) out.push_back((i + 1277 * k) % kPoints);
    return out;
}
/// Neighbours anywhere among all points, whose number is a power of two.
std::vector<int> far_others(int points) {
    std::vector<int> out;
    for (int i = 0; i < points; ++i)
        for (int k = 1; k <= kNeighbours; ++k) out.push_back(int((i + 7919LL * k) % points));
    return out;
}
std::vector<unsigned> multiples(int points) {
    std::vector<unsigned> out;
    for (int i = 0; i <= points; ++i) out.push_back(unsigned(i) * kNeighbours);
    return out;
}

}  // namespace

std::vector<Row> neighbour_rows() {
    const double products = double(kPoints) * kPoints, edges = double(N) * kNeighbours;
    return {
        {"squared_norms (784)", 4 * (kPixels + N), 0,
         [](Arrays& a) {
             float *norms = a.floats(N), *x = a.floats(N * D);
             return [=, n = std::size_t(a.R) * N] { return squared_norms(norms, x, n, D, nullptr); };
         }},
        {"nearest_candidates (30 of 5,000, for each of them; one set)", 4 * products + 8.0 * kPoints * kCandidates, 0,
         [](Arrays& a) {
             int* candidates = a.zeros<int>(kPoints * kCandidates);
             float *keys = a.floats(kPoints * kCandidates), *of = a.floats(std::size_t(kPoints) * kPoints),
                   *norms = a.floats(kPoints, 10, 20);
             return [=] {
                 return nearest_candidates(candidates, keys, of, norms, 0, kPoints, kPoints, kCandidates, nullptr);
             };
         },
         Models::kOne},
        {"nearest_of_candidates (15 of 30, 784, for each of 5,000; one set)",
         4.0 * kPoints * (D + kCandidates + 2 * kNeighbours), 3.0 * kPoints * kCandidates * D,
         [](Arrays& a) {
             int* indices = a.zeros<int>(kPoints * kNeighbours);
             float *distances = a.floats(kPoints * kNeighbours), *x = a.floats(std::size_t(kPoints) * D);
             const int* candidates = a.shared(some_others(kCandidates));
             return [=] {
                 return nearest_of_candidates(indices, distances, candidates, x, 0, kPoints, D, kCandidates,
                                              kNeighbours, nullptr);
             };
         },
         Models::kOne},
        {"neighbour_ranks (15 of 5,000, for each of them; one set)", 4 * products + 8.0 * kPoints * kNeighbours, 0,
         [](Arrays& a) {
             int* ranks = a.zeros<int>(kPoints * kNeighbours);
             const int* indices = a.shared(some_others(kNeighbours));
             float *of = a.floats(std::size_t(kPoints) * kPoints), *norms = a.floats(kPoints, 10, 20);
             return
                 [=] { return neighbour_ranks(ranks, indices, of, norms, 0, kPoints, kPoints, kNeighbours, nullptr); };
         },
         Models::kOne},
        {"fuzzy_membership (15 neighbours)", 8 * edges + 8.0 * N, 0,
         [](Arrays& a) {
             float *weights = a.floats(N * kNeighbours), *rho = a.floats(N), *sigma = a.floats(N),
                   *distances = a.floats(N * kNeighbours);
             return [=, n = std::size_t(a.R) * N] {
                 return fuzzy_membership(weights, rho, sigma, distances, 0.05, n, kNeighbours, nullptr);
             };
         }},
        {"fuzzy_union (15 neighbours)", 8 * edges + 2 * 8 * edges + 4.0 * N, 0,
         [](Arrays& a) {
             const std::size_t most = 2 * N * kNeighbours;
             const FuzzyUnion to{a.shared(std::vector<unsigned>(a.R * N + 1)),
                                 a.zeros<int>(most),
                                 a.floats(most),
                                 a.zeros<unsigned>(N),
                                 a.zeros<int>(most),
                                 a.floats(most)};
             const int* indices = a.shared(far_others(a.R * N));
             const float* memberships = a.floats(N * kNeighbours, 0.1f, 1);
             return [=, n = std::size_t(a.R) * N] {
                 return fuzzy_union(to, indices, memberships, 0.005f, n, kNeighbours, nullptr);
             };
         }},
        {"layout_half_epoch (15 neighbours, all due)", N * (16.0 + kNeighbours * 8), 0,
         [](Arrays& a) {
             float *out = a.floats(N * 2, 0, 10), *in = a.floats(N * 2, 0, 10);
             const LayoutGraph graph{a.shared(multiples(a.R * N)), a.shared(far_others(a.R * N)),
                                     a.floats(N * kNeighbours, 1, 1), a.R * N};
             return [=] {
                 return layout_half_epoch<float>(out, in, graph, {1.577f, 0.895f, 1, 1, 5, 1, 1, 0}, 2, nullptr);
             };
         }},
    };
}

}  // namespace warpvae

#include "host/evaluate/umap.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "data/error.h"
#include "host/evaluate/pca.h"

namespace warpvae {

namespace {

constexpr float kRepulsion = 1;
constexpr int kNegativeSamples = 5;
constexpr double kLearningRate = 1;

/// The first `components` principal components as umap-learn starts from them: the largest coordinate becomes 10, noise
/// of 1e-4 parts equal points, and each axis is stretched over 0..10.
std::vector<float> start(const Matmul& matmul, const float* x, std::size_t n, int D, const UmapOptions& options) {
    const Stream stream = matmul.stream();
    const auto C = std::size_t(options.components);
    const Pca pca = fit_pca(matmul, x, n, D, options.components);
    std::vector<float> at = project_pca(matmul, pca, x, n).download(stream);
    DeviceBuffer<float> draws(n * C, "UMAP");
    check(philox_normal(draws.data(), n * C, options.seed, Purpose::kLayout, 0, stream));
    const std::vector<float> noise = draws.download(stream);
    float largest = 0;
    for (const float value : at) largest = std::max(largest, std::abs(value));
    const float scale = largest > 0 ? 10 / largest : 0;
    std::array<float, 3> low, high;
    low.fill(INFINITY), high.fill(-INFINITY);
    for (std::size_t i = 0; i < n * C; ++i) {
        at[i] = at[i] * scale + 1e-4f * noise[i];
        low[i % C] = std::min(low[i % C], at[i]), high[i % C] = std::max(high[i % C], at[i]);
    }
    for (std::size_t i = 0; i < n * C; ++i) at[i] = 10 * (at[i] - low[i % C]) / (high[i % C] - low[i % C]);
    return at;
}

}  // namespace

FuzzyGraph fuzzy_graph(const Neighbours& neighbours, float least, Stream stream) {
    const std::size_t k = std::size_t(neighbours.k), n = neighbours.indices.size() / k, most = 2 * n * k;
    const char* const name = "UMAP's graph";
    FuzzyGraph graph{DeviceBuffer<float>(n, name), DeviceBuffer<float>(n, name), DeviceBuffer<unsigned>(n + 1, name),
                     DeviceBuffer<int>(most, name), DeviceBuffer<float>(most, name)};
    DeviceBuffer<float> memberships(n * k, name), of_columns(most, name);
    DeviceBuffer<unsigned> next(n, name);
    DeviceBuffer<int> columns(most, name);
    DeviceBuffer<double> total(1, name);
    total.zero(stream);
    check(accumulate_sum(total.data(), 0, neighbours.distances.data(), 1, int(n * k), stream));
    const double mean = total.download(stream)[0] / (double(n) * double(k + 1));
    check(fuzzy_membership(memberships.data(), graph.rho.data(), graph.sigma.data(), neighbours.distances.data(), mean,
                           n, neighbours.k, stream));
    check(fuzzy_union({graph.offsets.data(), graph.neighbours.data(), graph.weights.data(), next.data(), columns.data(),
                       of_columns.data()},
                      neighbours.indices.data(), memberships.data(), least, n, neighbours.k, stream));
    check(stream_synchronize(stream));  // the buffers end here
    return graph;
}

DeviceBuffer<float> umap(const Matmul& matmul, const float* x, std::size_t n, int D, const UmapOptions& options) {
    const std::string name = "UMAP: ";
    const auto limit = [&](bool is_right, const std::string& text) {
        if (!is_right) throw Error(name + text);
    };
    limit(options.neighbours >= 2, "2 neighbours are the least, not " + std::to_string(options.neighbours));
    limit(n > std::size_t(std::max(options.neighbours, 0)),
          std::to_string(options.neighbours) + " neighbours need more rows than " + std::to_string(n));
    limit(options.components == 2 || options.components == 3,
          "2 or 3 components are possible, not " + std::to_string(options.components));
    limit(D >= options.components,
          std::to_string(options.components) + " components need as many features, not " + std::to_string(D));
    limit(options.epochs >= 0, "epochs cannot be negative");
    const Range range("umap");
    const Stream stream = matmul.stream();
    const int epochs = options.epochs ? options.epochs : n <= 10000 ? 500 : 200;

    const FuzzyGraph graph =
        fuzzy_graph(nearest_neighbours(matmul, x, n, D, options.neighbours - 1, kRowProducts, "UMAP"),
                    1.f / float(epochs), stream);  // a weaker edge would never be due
    DeviceBuffer<float> at(start(matmul, x, n, D, options), "UMAP"), next(at.size(), "UMAP");
    LayoutStep step{kUmapCurve.a, kUmapCurve.b, 0, kRepulsion, kNegativeSamples, options.seed, 0, 0};
    for (int epoch = 1; epoch < epochs; ++epoch) {  // umap-learn's epoch 0 moves nothing
        step.epoch = std::uint32_t(epoch);
        step.learning_rate = float(kLearningRate * (1 - double(epoch) / epochs));
        step.half = 0;
        check(layout_half_epoch(next.data(), at.data(), graph.view(), step, options.components, stream));
        step.half = 1;
        check(layout_half_epoch(at.data(), next.data(), graph.view(), step, options.components, stream));
    }
    check(stream_synchronize(stream));  // the buffers end here
    return at;
}

double trustworthiness(const Matmul& matmul, const float* x, std::size_t n, int D, const float* embedding, int C,
                       int k) {
    if (k < 1 || 2 * std::size_t(k) >= n)
        throw Error("trustworthiness: " + std::to_string(k) + " neighbours need more than twice as many rows, not " +
                    std::to_string(n));
    const Stream stream = matmul.stream();
    const Neighbours near = nearest_neighbours(matmul, embedding, n, C, k);
    DeviceBuffer<int> ranks(near.indices.size(), "ranks");
    for_row_products(matmul, x, n, D, "trustworthiness",
                     [&](const float* products, const float* norms, int first, int rows) {
                         const std::size_t at = std::size_t(first) * std::size_t(k);
                         check(neighbour_ranks(ranks.data() + at, near.indices.data() + at, products, norms, first,
                                               rows, int(n), k, stream));
                     });
    double excess = 0;  // whole numbers: exact in any order
    for (const int rank : ranks.download(stream)) excess += std::max(0, rank - k);
    const double rows = double(n);
    return 1 - 2 * excess / (rows * k * (2 * rows - 3 * k - 1));
}

}  // namespace warpvae

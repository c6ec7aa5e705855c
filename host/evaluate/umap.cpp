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

/// An entry of a sparse matrix's row.
struct Entry {
    int column;
    float weight;
};

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

/// The graph on the device, for `epochs` epochs: an edge too weak to be due once is left out.
struct DeviceGraph {
    DeviceGraph(const FuzzyGraph& graph, int epochs) {
        const float strongest = *std::max_element(graph.weights.begin(), graph.weights.end());
        std::vector<unsigned> first{0};
        std::vector<int> kept;
        std::vector<float> rate;
        for (std::size_t i = 0; i + 1 < graph.offsets.size(); ++i) {
            for (unsigned e = graph.offsets[i]; e < graph.offsets[i + 1]; ++e)
                if (graph.weights[e] * float(epochs) >= strongest) {
                    kept.push_back(graph.neighbours[e]);
                    rate.push_back(graph.weights[e] / strongest);
                }
            first.push_back(unsigned(kept.size()));
        }
        offsets = DeviceBuffer<unsigned>(first, "UMAP's graph");
        neighbours = DeviceBuffer<int>(kept, "UMAP's graph");
        rates = DeviceBuffer<float>(rate, "UMAP's graph");
    }
    LayoutGraph view() const { return {offsets.data(), neighbours.data(), rates.data(), int(offsets.size() - 1)}; }
    DeviceBuffer<unsigned> offsets;
    DeviceBuffer<int> neighbours;
    DeviceBuffer<float> rates;
};

}  // namespace

FuzzyGraph fuzzy_graph(const Neighbours& neighbours, Stream stream) {
    const std::size_t k = std::size_t(neighbours.k), n = neighbours.indices.size() / k;
    DeviceBuffer<float> weights(n * k, "UMAP's memberships"), rho(n), sigma(n);
    DeviceBuffer<double> total(1);
    total.zero(stream);
    check(accumulate_sum(total.data(), 0, neighbours.distances.data(), 1, int(n * k), stream));
    const double mean = total.download(stream)[0] / (double(n) * double(k + 1));
    check(fuzzy_membership(weights.data(), rho.data(), sigma.data(), neighbours.distances.data(), mean, n, neighbours.k,
                           stream));
    const std::vector<float> w = weights.download(stream);
    const std::vector<int> to = neighbours.indices.download(stream);

    // Row i's own entries and, as the rows are walked in order, those of its column, sorted; then both as one.
    std::vector<std::vector<Entry>> incoming(n);
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t m = i * k; m < (i + 1) * k; ++m) incoming[to[m]].push_back({int(i), w[m]});
    FuzzyGraph graph{rho.download(stream), sigma.download(stream), {0}, {}, {}};
    std::vector<Entry> own(k);
    const auto add = [&](int column, float weight) {
        if (weight > 0) graph.neighbours.push_back(column), graph.weights.push_back(weight);
    };
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t m = 0; m < k; ++m) own[m] = {to[i * k + m], w[i * k + m]};
        std::sort(own.begin(), own.end(), [](const Entry& a, const Entry& b) { return a.column < b.column; });
        auto a = own.begin();
        for (const Entry& b : incoming[i]) {
            for (; a != own.end() && a->column < b.column; ++a) add(a->column, a->weight);
            const bool is_both = a != own.end() && a->column == b.column;
            add(b.column, is_both ? a->weight + b.weight - a->weight * b.weight : b.weight);
            a += is_both;
        }
        for (; a != own.end(); ++a) add(a->column, a->weight);
        graph.offsets.push_back(unsigned(graph.neighbours.size()));
    }
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

    const DeviceGraph graph(
        fuzzy_graph(nearest_neighbours(matmul, x, n, D, options.neighbours - 1, kRowProducts, "UMAP"), stream), epochs);
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

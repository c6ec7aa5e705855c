// UMAP: memberships, their union, half epochs of the layout against plain loops, its pull against finite differences.
#include <array>
#include <map>

#include "cuda/ops/random.h"
#include "cuda/ops/umap.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;

constexpr float kA = 1.5769434f, kB = 0.89506088f;

// --- fuzzy_membership ------------------------------------------------------------------------------------------------

/// Rows of k ascending distances. Row 1 has equal ones only, row 2 none but 0, row 3 two zeros and one far away.
std::vector<float> some_distances(std::size_t n, int k) {
    Random random(n + k);
    auto distances = random.uniforms<float>(n * k, 0.5, 3);
    for (std::size_t i = 0; i < n; ++i) {
        float* row = distances.data() + i * k;
        for (int m = 0; m < k; ++m)
            row[m] = i == 1 ? 2.f : i == 2 ? 0.f : i == 3 ? (m < 2 ? 0.f : 1.f + 1e5f * float(m == k - 1)) : row[m];
        std::sort(row, row + k);
    }
    return distances;
}

TEST(FuzzyMembership, SumsToTheLogarithmOfTheNeighbours) {
    for (const std::size_t n : {0, 1, 5, 67})
        for (const int k : {1, 2, 14}) {
            const auto distances = some_distances(n, k);
            const double mean = 0.7;
            at_all_block_sizes([&] {
                const GuardedBuffer<float> D(distances);
                GuardedBuffer<float> weights(n * k), rho(n), sigma(n);
                check(fuzzy_membership(weights.data(), rho.data(), sigma.data(), D.data(), mean, n, k, nullptr));
                const auto w = weights.download(), r = rho.download(), s = sigma.download();
                for (std::size_t i = 0; i < n; ++i) {
                    double nearest = 0, sum = 0, total = 0;
                    int beyond = 0;
                    for (int m = k - 1; m >= 0; --m)
                        if (distances[i * k + m] > 0) nearest = distances[i * k + m];
                    EXPECT_EQ(r[i], float(nearest));
                    for (int m = 0; m < k; ++m) {
                        const double d = distances[i * k + m];
                        // Sigma is rounded to float once, the weight once.
                        const double expected = d > nearest ? std::exp(-(d - nearest) / double(s[i])) : 1;
                        EXPECT_NEAR(w[i * k + m], expected, 2 * kRounding<float>);
                        sum += d, total += expected, beyond += d > nearest;
                    }
                    const double least = 1e-3 * (nearest > 0 ? sum / (k + 1) : mean);
                    EXPECT_GE(s[i], float(least));
                    // Those at rho count 1 each: with more of them than log2(k + 1), or none beyond, there is no sum.
                    if (k - beyond < std::log2(k + 1.) && beyond > 0 && s[i] > 1.01 * least) {
                        EXPECT_NEAR(total, std::log2(k + 1.), 2e-5) << "row " << i << " of " << n << ", k " << k;
                    } else if (k - beyond > std::log2(k + 1.)) {
                        EXPECT_EQ(s[i], float(least)) << "row " << i << ", k " << k;
                    }
                }
            });
        }
    EXPECT_FALSE(fuzzy_membership(nullptr, nullptr, nullptr, nullptr, 1, 1, 0, nullptr).ok());
}

// --- fuzzy_union -----------------------------------------------------------------------------------------------------

/// k others of each of n points. Point 0 is a neighbour of all, so that its row is long.
std::vector<int> some_neighbours(std::size_t n, int k) {
    Random random(n + k);
    std::vector<int> indices;
    for (int i = 0; i < int(n); ++i) {
        std::vector<int> others;
        for (int j = 0; j < int(n); ++j)
            if (j != i) others.push_back(j);
        for (int m = 0; m < k; ++m) {
            const int of = m == 0 && i > 0 ? 0 : random.integer(m, int(others.size()) - 1);
            std::swap(others[m], others[of]);
            indices.push_back(others[m]);
        }
    }
    return indices;
}

TEST(FuzzyUnion, AgainstThePlainSum) {
    for (const auto& [n, k] : std::vector<std::pair<std::size_t, int>>{{0, 3}, {2, 1}, {5, 4}, {67, 1}, {131, 14}})
        for (const float least : {0.f, 0.3f}) {
            const auto indices = some_neighbours(n, k);
            auto memberships = Random(n).uniforms<float>(n * k, 0, 1);
            for (std::size_t e = 0; e < memberships.size(); e += 3) memberships[e] = e % 2 ? 1.f : 0.f;
            std::map<std::pair<int, int>, double> w;
            for (std::size_t e = 0; e < indices.size(); ++e) w[{int(e) / k, indices[e]}] = memberships[e];
            std::map<std::pair<int, int>, double> expected;
            for (const auto& [ends, mine] : w) {
                const auto back = w.find({ends.second, ends.first});
                const double its = back == w.end() ? 0 : back->second, both = mine + its - mine * its;
                if (both > 0 && both >= double(least)) expected[ends] = expected[{ends.second, ends.first}] = both;
            }
            const std::size_t most = 2 * n * k;
            at_all_block_sizes([&] {
                const GuardedBuffer<int> to(indices);
                const GuardedBuffer<float> of(memberships);
                GuardedBuffer<unsigned> offsets(n + 1), next(n);
                GuardedBuffer<int> neighbours(most), columns(most);
                GuardedBuffer<float> weights(most), of_columns(most);
                check(fuzzy_union(
                    {offsets.data(), neighbours.data(), weights.data(), next.data(), columns.data(), of_columns.data()},
                    to.data(), of.data(), least, n, k, nullptr));
                const auto first = offsets.download();
                const auto columns_of = neighbours.download();
                const auto found = weights.download();
                ASSERT_EQ(first[0], 0u);
                ASSERT_EQ(first[n], expected.size()) << n << " points, k " << k;
                auto edge = expected.begin();  // by rows, columns ascending
                for (std::size_t i = 0; i < n; ++i)
                    for (unsigned e = first[i]; e < first[i + 1]; ++e, ++edge) {
                        ASSERT_EQ(std::make_pair(int(i), columns_of[e]), edge->first);
                        EXPECT_NEAR(found[e], edge->second, 2 * kRounding<float>);  // a difference, a product and a sum
                        EXPECT_LE(found[e], edge->second < 1 ? 1.f : float(edge->second));
                        EXPECT_GE(found[e], edge->second < 1 ? 0.f : 1.f);
                        const unsigned* const begin = first.data() + columns_of[e];  // the same from the other end
                        const auto back =
                            std::lower_bound(columns_of.begin() + begin[0], columns_of.begin() + begin[1], int(i));
                        ASSERT_EQ(found[std::size_t(back - columns_of.begin())], found[e]);
                    }
            });
        }
    EXPECT_FALSE(fuzzy_union({}, nullptr, nullptr, 0, 1, 0, nullptr).ok());
    EXPECT_FALSE(fuzzy_union({}, nullptr, nullptr, 0, std::size_t(1) << 31, 1, nullptr).ok());
}

// --- layout_half_epoch -----------------------------------------------------------------------------------------------

/// 64 vertices, so that the words' upper bits are the random vertices: some without edges, one with 50.
struct Graph {
    explicit Graph(std::uint64_t seed) {
        Random random(seed);
        for (int i = 0; i < kVertices; ++i) {
            const int degree = i == 7 ? 50 : i % 9 == 3 ? 0 : random.integer(1, 11);
            for (int e = 0; e < degree; ++e) {
                neighbours.push_back((i + random.integer(1, kVertices - 1)) % kVertices);
                rates.push_back(e % 4 == 0 ? 1.f : float(random.uniform(0.05, 1)));
            }
            offsets.push_back(unsigned(neighbours.size()));
        }
    }
    static constexpr int kVertices = 64;
    std::vector<unsigned> offsets{0};
    std::vector<int> neighbours;
    std::vector<float> rates;
};

/// What a half epoch makes of `in`, as plainly as possible, and the sum of the sizes of all that was added up.
template <int C, class T>
void plain_half_epoch(std::vector<double>& out, std::vector<double>& size, const std::vector<T>& in, const Graph& graph,
                      const LayoutStep& step) {
    const int quads = (step.negative_samples + 3) / 4;
    GuardedBuffer<double> draws(std::max<std::size_t>(1, graph.neighbours.size() * quads * 4));
    check(philox_uniform(draws.data(), draws.size(), 0., 1., step.seed, Purpose::kLayout, step.epoch, nullptr));
    const auto uniform = draws.download();
    out.assign(in.begin(), in.end());
    size.assign(in.size(), 0);
    for (int i = 0; i < Graph::kVertices; ++i) {
        double moves[C] = {};
        const auto move = [&](int other, bool is_pull) {
            double d2 = 0;
            for (int c = 0; c < C; ++c) d2 += std::pow(double(in[i * C + c]) - double(in[other * C + c]), 2);
            if (d2 == 0) return;
            const double a = step.a, b = step.b, power = std::pow(d2, b);
            const double force = is_pull ? -2 * a * b * std::pow(d2, b - 1) / (1 + a * power)
                                         : 2 * step.repulsion * b / ((0.001 + d2) * (1 + a * power));
            for (int c = 0; c < C; ++c) {
                const double by = step.learning_rate *
                                  std::clamp(force * (double(in[i * C + c]) - double(in[other * C + c])), -4., 4.);
                moves[c] += by, size[i * C + c] += std::abs(by);
            }
        };
        for (unsigned e = graph.offsets[i]; e < graph.offsets[i + 1]; ++e) {
            if (std::floor(graph.rates[e] * float(step.epoch)) == std::floor(graph.rates[e] * float(step.epoch - 1)))
                continue;
            move(graph.neighbours[e], true);
            for (int s = 0; i % 2 == int(step.half) && s < step.negative_samples; ++s)
                move(int(uniform[e * quads * 4 + s] * Graph::kVertices), false);
        }
        for (int c = 0; c < C; ++c) out[i * C + c] += moves[c];
    }
}

template <int C, class T>
void expect_half_epoch(const LayoutStep& step, std::uint64_t seed) {
    const Graph graph(seed);
    Random random(seed + 1);
    auto at = random.uniforms<T>(Graph::kVertices * C, 0, 10);
    for (int c = 0; c < C; ++c) at[2 * C + c] = at[5 * C + c];  // two at one place
    std::vector<double> expected, allowed;
    plain_half_epoch<C>(expected, allowed, at, graph, step);
    // A difference (one rounding), its square and sum, log and exp (4 ulp, at d^2 up to 300 and b near 1 the
    // logarithm's error counts 6 times), quotients and products: some 40 roundings of each move; and the sum's.
    const double u = kRounding<T>;
    for (std::size_t i = 0; i < allowed.size(); ++i)
        allowed[i] = u * ((40 + 60) * allowed[i] + 2 * std::abs(expected[i]));
    const GuardedBuffer<T> in(at);
    const GuardedBuffer<unsigned> offsets(graph.offsets);
    const GuardedBuffer<int> neighbours(graph.neighbours);
    const GuardedBuffer<float> rates(graph.rates);
    GuardedBuffer<T> out(at.size());
    check(layout_half_epoch(out.data(), in.data(), {offsets.data(), neighbours.data(), rates.data(), Graph::kVertices},
                            step, C, nullptr));
    expect_close(out.download(), expected, allowed, "half epoch in " + std::to_string(C) + " dimensions");
}

TEST(LayoutHalfEpoch, AgainstThePlainLoops) {
    at_all_block_sizes([] {
        for (const std::uint32_t epoch : {1u, 2u, 37u})
            for (const std::uint32_t half : {0u, 1u})
                for (const int samples : {0, 1, 5, 8}) {
                    const LayoutStep step{kA, kB, 0.5f, 1.25f, samples, 3, epoch, half};
                    expect_half_epoch<2, float>(step, epoch);
                    expect_half_epoch<3, double>(step, epoch + half);
                }
    });
}

TEST(LayoutHalfEpoch, ThePullIsTheGradientOfTheLogarithm) {
    // Vertex 0 at x, all others where they are: the sum over its edges of log(1 + a d^2b).
    Graph graph(5);
    for (float& rate : graph.rates) rate = 1;
    const auto at = Random(6).uniforms<double>(Graph::kVertices * 2, 0, 10);
    const LayoutStep step{kA, kB, 1, 1, 0, 3, 1, 0};
    const auto loss = [&](const std::vector<double>& x) {
        double sum = 0;
        for (unsigned e = 0; e < graph.offsets[1]; ++e) {
            const double* other = at.data() + 2 * graph.neighbours[e];
            const double d2 = std::pow(x[0] - other[0], 2) + std::pow(x[1] - other[1], 2);
            sum += std::log(1 + double(kA) * std::pow(d2, double(kB)));
        }
        return sum;
    };
    const GuardedBuffer<double> in(at);
    const GuardedBuffer<unsigned> offsets(graph.offsets);
    const GuardedBuffer<int> neighbours(graph.neighbours);
    const GuardedBuffer<float> rates(graph.rates);
    GuardedBuffer<double> out(at.size());
    check(layout_half_epoch(out.data(), in.data(), {offsets.data(), neighbours.data(), rates.data(), Graph::kVertices},
                            step, 2, nullptr));
    const auto moved = out.download();
    expect_gradient(loss, {at[0], at[1]}, {at[0] - moved[0], at[1] - moved[1]}, "pull");
}

TEST(LayoutHalfEpoch, NothingToDoAndWhatItRefuses) {
    const GuardedBuffer<unsigned> offsets(std::vector<unsigned>{0, 0, 0, 0});
    GuardedBuffer<float> in(std::vector<float>{1, 2, 3, 4, 5, 6}), out(6);
    LayoutGraph graph{offsets.data(), nullptr, nullptr, 3};
    LayoutStep step{kA, kB, 1, 1, 5, 1, 1, 0};
    check(layout_half_epoch(out.data(), in.data(), graph, step, 2, nullptr));
    expect_identical(out.download(), in.download(), "without edges");
    EXPECT_FALSE(layout_half_epoch(out.data(), out.data(), graph, step, 2, nullptr).ok());
    EXPECT_FALSE(layout_half_epoch(out.data(), in.data(), graph, step, 4, nullptr).ok());
    graph.vertices = 0;
    EXPECT_TRUE(layout_half_epoch(out.data(), in.data(), graph, step, 2, nullptr).ok());
    step.epoch = 0;
    EXPECT_FALSE(layout_half_epoch(out.data(), in.data(), graph, step, 2, nullptr).ok());
}

}  // namespace
}  // namespace warpvae

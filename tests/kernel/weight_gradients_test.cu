// The weights' gradients of dense layers, on lanes: to the bit what the definition of a product says (dense_tile.cuh),
// with the optimiser behind them, and the same whoever is multiplied beside.
#include "cuda/ops/weight_gradients.h"
#include "tests/support/dense_case.h"

namespace warpvae {
namespace {

using namespace test;

TEST(WeightGradients, AreTheirDefinition) {
    for (const Shape& s : {Shape{1, 1, 1, 1}, Shape{2, 3, 5, 7}, Shape{1, 33, 65, 34}, Shape{2, 130, 20, 12},
                           Shape{1, 1300, 3, 5}, Shape{1, 128, 68, 36}}) {
        const Layer l(s);
        GuardedBuffer<float> x(l.x), dy(l.dy), g(s.R * l.P);
        check(weight_gradients(g.data(), {{{0, l.bias(), dy.data(), x.data(), s.N, s.in, s.out}}, {}}, s.R, l.P,
                               nullptr));
        const std::vector<float> G = g.download();
        for (int r = 0; r < s.R; ++r) {
            std::vector<float> expected =
                table(1, s.out, s.in, [&](int, int c, int k) { return l.weight_gradient(r, c, k); });
            for (int c = 0; c < s.out; ++c) expected.push_back(l.bias_gradient(r, c));
            expect_defined(slice(G, r * l.P, expected.size()), expected, "dW and db");
            for (std::size_t i = r * l.P + expected.size(); i < (r + 1) * l.P; ++i)
                EXPECT_TRUE(std::isnan(G[i])) << "the arena's padding was written";
        }
    }
}

/// db = sum of weights[n] dy[n]: 32 sums of every 32nd row, then those in order. dW takes x as it is.
TEST(WeightGradients, RowWeightsAreTheBiases) {
    for (const Shape& s : {Shape{1, 1, 1, 1}, Shape{2, 31, 5, 7}, Shape{1, 32, 0, 33}, Shape{2, 33, 65, 34},
                           Shape{3, 1300, 3, 36}, Shape{1, 130, 68, 64}}) {
        const Layer l(s);
        const auto w = Random(6).uniforms<float>(std::size_t(s.R) * s.N, 0, 2);
        GuardedBuffer<float> x(l.x), dy(l.dy), weights(w), plain(s.R * l.P), g(s.R * l.P);
        const DenseWeightGradient<float> layer{0, l.bias(), dy.data(), x.data(), s.N, s.in, s.out};
        DenseWeightGradient<float> weighted = layer;
        weighted.row_weights = weights.data();
        check(weight_gradients(plain.data(), {{layer}, {}}, s.R, l.P, nullptr));
        check(weight_gradients(g.data(), {{weighted}, {}}, s.R, l.P, nullptr));
        const std::vector<float> G = g.download();
        for (int r = 0; r < s.R; ++r) {
            expect_identical(slice(G, r * l.P, l.bias()), slice(plain.download(), r * l.P, l.bias()), "dW");
            std::vector<double> expected(s.out), allowed(s.out);
            for (int c = 0; c < s.out; ++c) {
                for (int n = 0; n < s.N; ++n) {
                    const double term = double(w[std::size_t(r) * s.N + n]) * l.DY(r, n, c);
                    expected[c] += term, allowed[c] += std::abs(term);
                }
                allowed[c] *= kRounding<float> * (s.N / 32 + 2 + 32);
            }
            expect_close(slice(G, r * l.P + l.bias(), s.out), expected, allowed, "db");
            for (std::size_t i = r * l.P + l.bias() + s.out; i < (r + 1) * l.P; ++i)
                EXPECT_TRUE(std::isnan(G[i])) << "the arena's padding was written";
        }
    }
}

/// 128 threads a block beside many replicas, 256 alone.
TEST(WeightGradients, RowWeightsAreTheSameBitsWhoeverIsBeside) {
    const Shape s{5, 300, 7, 45};
    const Layer l(s);
    GuardedBuffer<float> x(l.x), dy(l.dy), weights(Random(7).uniforms<float>(std::size_t(s.R) * s.N)), g(s.R * l.P);
    const auto layer = [&](int r) {
        const std::size_t row = std::size_t(r) * s.N;
        return DenseWeightGradient<float>{0,    l.bias(), dy.data() + row * s.out, x.data() + row * s.in, s.N,
                                          s.in, s.out,    weights.data() + row};
    };
    const LaunchOptionsScope scope;
    launch_options().shared_bytes = 64 * 1024;  // room for one group of warps
    check(weight_gradients(g.data(), {{layer(0)}, {}}, s.R, l.P, nullptr));
    launch_options().shared_bytes = 0;
    for (int r = 0; r < s.R; ++r) {
        GuardedBuffer<float> alone(l.P);
        check(weight_gradients(alone.data(), {{layer(r)}, {}}, 1, l.P, nullptr));
        const std::size_t used = l.bias() + s.out;
        expect_identical(slice(alone.download(), 0, used), slice(g.download(), r * l.P, used), "gradients");
    }
}

/// Two layers, one of weighted rows, and what lies between them, then an optimiser: in one launch, or gradients first
/// and the optimiser's own kernel after. The first layer has a whole tile of weights, which is read 16 bytes wide where
/// the arena's stride allows it.
template <class State, class Options, class Fused, class Apart>
void expect_fused_update(Fused fused, Apart apart, bool poisoned, bool odd_stride) {
    const int R = 2, N = 37, out = 40, in = 68;
    const std::size_t W1 = 8, b1 = W1 + out * in, gap = b1 + out, W2 = gap + 3000, b2 = W2 + 6 * 5,
                      P = (b2 + 6 + 7) / 4 * 4 + odd_stride;
    Random random(11);
    auto dy1 = random.normals<float>(R * N * out);
    const auto x1 = random.normals<float>(R * N * in), dy2 = random.normals<float>(R * N * 6),
               x2 = random.normals<float>(R * N * 5), start = random.normals<float>(R * P),
               first = random.uniforms<float>(R * P), second = random.uniforms<float>(R * P);
    if (poisoned) dy1[(N + 3) * out + 4] = std::numeric_limits<float>::infinity();  // of replica 1
    GuardedBuffer<float> DY1(dy1), X1(x1), DY2(dy2), X2(x2), gradients(random.normals<float>(R * P)),
        rates(std::vector<float>{0.01f, 0.1f}), weights(random.uniforms<float>(R * N));
    GuardedBuffer<std::uint64_t> step(std::vector<std::uint64_t>{4});
    const std::vector<DenseWeightGradient<float>> layers = {{W2, b2, DY2.data(), X2.data(), N, 5, 6, weights.data()},
                                                            {W1, b1, DY1.data(), X1.data(), N, in, out}};
    const auto run = [&](bool together) {
        GuardedBuffer<float> p(start), a(first), b(second), g(gradients.download());
        GuardedBuffer<unsigned long long> key(std::vector<unsigned long long>(R, ~0ull));
        const State state{p.data(), a.data(), b.data(), reinterpret_cast<NonFinite*>(key.data())};
        if (together) {
            check(fused(state, g.data(), {layers, {}}, rates.data(), step.data(), Options(), R, P, nullptr, nullptr));
        } else {
            check(weight_gradients(g.data(), {layers, {}}, R, P, nullptr));
            check(apart(state, g.data(), rates.data(), step.data(), Options(), R, P, nullptr));
        }
        return std::tuple{p.download(), a.download(), b.download(), key.download()};
    };
    const auto [p, a, b, key] = run(true);
    const auto [q, c, d, other] = run(false);
    EXPECT_EQ(key, other) << "the record of what is not finite";
    EXPECT_EQ(key[0], ~0ull);
    EXPECT_EQ(key[1] != ~0ull, poisoned);
    if (poisoned) return;
    expect_close(p, as<double>(q), Tolerance{1e-7, 1e-6}, "parameters");
    expect_close(a, as<double>(c), Tolerance{1e-7, 1e-6}, "first moments");
    expect_close(b, as<double>(d), Tolerance{1e-7, 1e-6}, "second moments");
}

TEST(WeightGradients, WithAdam) {
    for (const bool poisoned : {false, true})
        for (const bool odd_stride : {false, true})
            expect_fused_update<AdamState<float>, AdamOptions>(weight_gradients_adam, adam<float>, poisoned,
                                                               odd_stride);
}
TEST(WeightGradients, WithAdadelta) {
    for (const bool poisoned : {false, true})
        for (const bool odd_stride : {false, true})
            expect_fused_update<AdadeltaState<float>, AdadeltaOptions>(weight_gradients_adadelta, adadelta<float>,
                                                                       poisoned, odd_stride);
}

TEST(WeightGradients, MoreLayersThanOneLaunchHolds) {
    const int N = 4, count = 21;
    Random random(2);
    const auto dy = random.integers<float>(N * 3, -4, 4), x = random.integers<float>(N * 2, -4, 4);
    GuardedBuffer<float> DY(dy), X(x), g(count * 9);
    std::vector<DenseWeightGradient<float>> layers;
    for (int i = 0; i < count; ++i)
        layers.push_back({i * std::size_t(9), i * std::size_t(9) + 6, DY.data(), X.data(), N, 2, 3});
    check(weight_gradients(g.data(), {layers, {}}, 1, count * 9, nullptr));
    const std::vector<float> G = g.download();
    for (int i = 1; i < count; ++i) expect_identical(slice(G, i * 9, 9), slice(G, 0, 9), "layer");
    EXPECT_FALSE(std::isnan(G[0]));
}

/// Two groups of warps have room for the first layer on a card with 99 KB of shared memory, and none for the second.
TEST(WeightGradients, LayersOfOneLaunchFitLittleSharedMemory) {
    const LaunchOptionsScope scope;
    const int rows[] = {200, 352}, in = 2, out = 3;
    const std::size_t own = 12, P = 2 * own;
    Random random(3);
    GuardedBuffer<float> dy(random.normals<float>(rows[1] * out)), x(random.normals<float>(rows[1] * in));
    std::vector<DenseWeightGradient<float>> layers;
    for (std::size_t i = 0; i < 2; ++i) layers.push_back({i * own, i * own + 6, dy.data(), x.data(), rows[i], in, out});
    const auto gradients = [&] {
        GuardedBuffer<float> g(P);
        check(weight_gradients(g.data(), {layers, {}}, 1, P, nullptr));
        std::vector<float> all = g.download();
        std::vector<float> of_layers = slice(all, 0, 9);
        for (const float value : slice(all, own, 9)) of_layers.push_back(value);
        return of_layers;
    };
    const std::vector<float> roomy = gradients();
    launch_options().shared_bytes = 99 * 1024;
    expect_identical(gradients(), roomy, "gradients");
}

/// The step's end behind the optimiser: the sums of losses, to the bit those of a replica alone, and one step a call,
/// however many layers, launches and replicas there are, and whatever the blocks' size.
TEST(WeightGradients, EndTheStep) {
    const LaunchOptionsScope scope;
    for (const std::size_t shared : {std::size_t(0), std::size_t(64) * 1024})
        for (const int layer_count : {0, 1, 21})
            for (const int R : {1, 3}) {
                launch_options().shared_bytes = shared;
                const int N = layer_count == 1 ? 300 : 20, rows = 401;  // 300: three groups of warps a block
                const std::size_t own = 12, P = own * layer_count;
                Random random(layer_count + R);
                const auto losses = random.normals<float>(std::size_t(R) * rows),
                           parts = random.normals<float>(std::size_t(R) * 9);
                GuardedBuffer<float> dy(random.normals<float>(R * N * 3)), x(random.normals<float>(R * N * 2)),
                    p(random.normals<float>(R * P)), m(std::vector<float>(R * P)), v(std::vector<float>(R * P)),
                    rates(std::vector<float>(R, 0.01f)), L(losses), Q(parts);
                GuardedBuffer<unsigned long long> key(std::vector<unsigned long long>(R, ~0ull));
                GuardedBuffer<unsigned int> arrived(std::vector<unsigned int>{0});
                GuardedBuffer<std::uint64_t> step(std::vector<std::uint64_t>{6});
                GuardedBuffer<double> totals(std::vector<double>(2 * R, 1.));
                WeightLayers<float> layers;
                for (int i = 0; i < layer_count; ++i)
                    layers.dense.push_back({i * own, i * own + 6, dy.data(), x.data(), N, 2, 3});
                const StepEnd end{totals.data(),
                                  step.data(),
                                  {{L.data(), rows, std::size_t(rows)}, {Q.data(), 7, 9, 0.5}},
                                  arrived.data()};
                const AdamState<float> state{p.data(), m.data(), v.data(), reinterpret_cast<NonFinite*>(key.data())};
                const auto update = [&] {
                    check(weight_gradients_adam(state, p.data(), layers, rates.data(), step.data(), {}, R, P, nullptr,
                                                &end));
                };
                update();
                EXPECT_EQ(step.download()[0], 7u);
                EXPECT_EQ(arrived.download()[0], 0u);
                const std::vector<double> sums = totals.download();
                for (int r = 0; r < R; ++r) {
                    double expected[2] = {1, 1}, allowed[2] = {0, 0};
                    for (int n = 0; n < rows; ++n)
                        expected[0] += losses[r * rows + n], allowed[0] += std::abs(losses[r * rows + n]);
                    for (int n = 0; n < 7; ++n)
                        expected[1] += 0.5 * parts[r * 9 + n], allowed[1] += std::abs(parts[r * 9 + n]);
                    for (int i = 0; i < 2; ++i) EXPECT_NEAR(sums[2 * r + i], expected[i], 1e-14 * allowed[i] + 1e-14);
                    // The replica alone, in blocks of any size.
                    GuardedBuffer<double> alone(std::vector<double>(1, 1.));
                    GuardedBuffer<std::uint64_t> other(std::vector<std::uint64_t>{0});
                    launch_options().shared_bytes = 0;
                    StepEnd of_one = end;
                    of_one.totals = alone.data(), of_one.step = other.data();
                    of_one.terms = {{L.data() + r * rows, rows, std::size_t(rows)}};
                    check(weight_gradients_adam(state, p.data(), layers, rates.data(), step.data(), {}, 1, P, nullptr,
                                                &of_one));
                    EXPECT_EQ(alone.download()[0], sums[2 * r]) << "replica " << r;
                    launch_options().shared_bytes = shared;
                }
                update();
                EXPECT_EQ(step.download()[0], 8u);
            }
}

TEST(WeightGradients, RefuseMoreSumsThanAStepHas) {
    GuardedBuffer<std::uint64_t> step(std::vector<std::uint64_t>{6});
    const StepEnd end{nullptr, step.data(), std::vector<RowValues<float>>(kMostSums + 1), nullptr};
    EXPECT_FALSE(weight_gradients_adam({}, nullptr, {}, nullptr, step.data(), {}, 1, 0, nullptr, &end).ok());
    EXPECT_EQ(step.download()[0], 6u);
}

}  // namespace
}  // namespace warpvae

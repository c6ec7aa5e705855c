// Fused dense layers, in all tile shapes and on lanes: to the bit what the definition of a product says
// (dense_tile.cuh), close to a double reference, and the same whoever is multiplied beside.
#include <array>
#include <bit>

#include "cuda/dense_tile.cuh"
#include "cuda/ops/fused_dense.h"
#include "cuda/ops/loss.h"
#include "cuda/ops/weight_gradients.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;

constexpr DenseTileSize kTiles[] = {DenseTileSize::kSmall, DenseTileSize::kMedium, DenseTileSize::kLarge,
                                    DenseTileSize::kBySize};
/// body() with each shape of tile in force.
template <class Body>
void with_all_tiles(Body body) {
    for (const DenseTileSize tile : kTiles) {
        SCOPED_TRACE("tile " + std::to_string(int(tile)));
        launch_options().dense_tile = tile;
        body();
    }
    launch_options().dense_tile = DenseTileSize::kBySize;
    SCOPED_TRACE("on a card with little shared memory");
    launch_options().shared_bytes = 99 * 1024;
    body();
    launch_options().shared_bytes = 0;
}

struct Shape {
    int R, N, in, out;
};
// 1, primes, one past a tile, whole tiles; slices of K: one, several, a short last one, several rounds.
const Shape kShapes[] = {{1, 1, 1, 1},    {2, 3, 5, 7},     {1, 17, 33, 65},  {3, 65, 40, 33},
                         {1, 20, 400, 4}, {2, 16, 137, 64}, {1, 5, 1031, 12}, {1, 33, 260, 68}};

// What a tensor core reads of a float, and a float in two such parts: here for the host, where device functions may not
// go.
float cut(float x) { return std::bit_cast<float>(std::bit_cast<unsigned>(x) & 0xffffe000u); }
float large_part(float x) { return std::bit_cast<float>((std::bit_cast<unsigned>(x) + 0x1000u) & 0xffffe000u); }
float small_part(float x) { return cut(x - large_part(x)); }

/// sum of a(k) b(k) as dense_tile.cuh and tensor_core.cuh define it, with the CPU device's tensor core.
template <class A, class B>
float sliced_sum(int K, A a, B b) {
    const Slices slices = slices_of(K);
    float total = 0;
    for (int s = 0; s < slices.count; ++s) {
        float sum = 0;
        const int end = std::min(K, (s + 1) * slices.length);
        for (int chunk = s * slices.length; chunk < end; chunk += 32) {
            float large = 0, small = 0;
            for (int k0 = chunk; k0 < std::min(end, chunk + 32); k0 += 8) {
                double left = small, right = 0, both = large;
                for (int k = k0; k < std::min(end, k0 + 8); ++k) left += double(small_part(a(k))) * large_part(b(k));
                right = float(left);
                for (int k = k0; k < std::min(end, k0 + 8); ++k) {
                    right += double(large_part(a(k))) * small_part(b(k));
                    both += double(large_part(a(k))) * large_part(b(k));
                }
                small = float(right), large = float(both);
            }
            sum += large + small;
        }
        total = s ? total + sum : sum;
    }
    return total;
}

/// The sum of a(k) as the bias gradient has it: four lanes share a slice's k, and their sums are added as a tree.
template <class A>
float sliced_ones(int K, A a) {
    const Slices slices = slices_of(K);
    float total = 0;
    for (int s = 0; s < slices.count; ++s) {
        float lane[4] = {};
        const int end = std::min(K, (s + 1) * slices.length);
        for (int k0 = s * slices.length; k0 < end; k0 += 8)
            for (int i = 0; i < 8; ++i) lane[i / 2] += k0 + i < end ? a(k0 + i) : 0.f;
        const float sum = (lane[0] + lane[2]) + (lane[1] + lane[3]);
        total = s ? total + sum : sum;
    }
    return total;
}

/// Within a rounding or two of the definition on the CPU device, whose tensor core adds in double; on a GPU, whose core
/// adds in its own way, within the error of one long chain of additions.
void expect_defined(const std::vector<float>& got, const std::vector<float>& expected, const char* what) {
    const Tolerance allowed = device_is_gpu() ? Tolerance{1e-4, 1e-5} : Tolerance{1e-6, 5e-7};
    expect_close(got, as<double>(expected), allowed, what);
}

struct Layer {
    Shape s;
    std::size_t P;
    std::vector<float> x, dy, arena;
    explicit Layer(const Shape& shape) : s(shape), P(std::size_t(s.out) * s.in + s.out + (s.in % 4 ? 3 : 4)) {
        while (s.in % 4 == 0 && P % 4) ++P;  // an arena whose rows allow 16-byte loads
        Random random(s.N + 10 * s.in + 100 * s.out);
        x = random.normals<float>(std::size_t(s.R) * s.N * s.in);
        dy = random.normals<float>(std::size_t(s.R) * s.N * s.out);
        arena = random.normals<float>(s.R * P);
    }
    std::size_t bias() const { return std::size_t(s.out) * s.in; }
    float X(int r, int n, int k) const { return x[(std::size_t(r) * s.N + n) * s.in + k]; }
    float DY(int r, int n, int c) const { return dy[(std::size_t(r) * s.N + n) * s.out + c]; }
    float W(int r, int c, int k) const { return arena[r * P + std::size_t(c) * s.in + k]; }
    float b(int r, int c) const { return arena[r * P + bias() + c]; }
    float logit(int r, int n, int c) const {
        return sliced_sum(
                   s.in, [&](int k) { return X(r, n, k); }, [&](int k) { return W(r, c, k); }) +
               b(r, c);
    }
    float input_gradient(int r, int n, int k) const {
        return sliced_sum(
            s.out, [&](int c) { return DY(r, n, c); }, [&](int c) { return W(r, c, k); });
    }
    float weight_gradient(int r, int c, int k) const {
        return sliced_sum(
            s.N, [&](int n) { return DY(r, n, c); }, [&](int n) { return X(r, n, k); });
    }
    float bias_gradient(int r, int c) const {
        return sliced_ones(s.N, [&](int n) { return DY(r, n, c); });
    }
};

/// f(r, n, c) for all of [R, rows, columns].
template <class F>
std::vector<float> table(int R, int rows, int columns, F f) {
    std::vector<float> out;
    for (int r = 0; r < R; ++r)
        for (int n = 0; n < rows; ++n)
            for (int c = 0; c < columns; ++c) out.push_back(f(r, n, c));
    return out;
}

TEST(FusedDense, SlicesCoverKAndDependOnItAlone) {
    for (int K = 0; K < 3000; ++K) {
        const Slices s = slices_of(K);
        ASSERT_EQ(s.length % 8, 0) << K;
        ASSERT_LE(s.length, kLongestSlice) << K;
        ASSERT_GE(s.count * s.length, K);
        if (K) {
            ASSERT_LT((s.count - 1) * s.length, K) << "an empty slice";
        }
    }
}

TEST(FusedDense, ForwardIsItsDefinitionInEveryTile) {
    for (const Shape& s : kShapes) {
        const Layer l(s);
        GuardedBuffer<float> x(l.x), arena(l.arena);
        const std::vector<float> expected =
            table(s.R, s.N, s.out, [&](int r, int n, int c) { return l.logit(r, n, c); });
        std::vector<float> first;
        with_all_tiles([&] {
            GuardedBuffer<float> y(expected.size());
            check(fused_dense_forward(y.data(), x.data(), arena.data(), arena.data() + l.bias(), l.P, Activation::kNone,
                                      s.R, s.N, s.in, s.out, nullptr));
            expect_defined(y.download(), expected, "forward");
            if (first.empty()) first = y.download();
            expect_identical(y.download(), first, "another tile");
        });
    }
}

TEST(FusedDense, EveryActivation) {
    const Layer l({2, 9, 12, 37});
    GuardedBuffer<float> x(l.x), dy(l.dy), arena(l.arena);
    for (const Activation f : {Activation::kRelu, Activation::kSigmoid, Activation::kElu, Activation::kTanh,
                               Activation::kSoftplus, Activation::kNone}) {
        GuardedBuffer<float> y(l.dy.size()), plain(l.dy.size()), zero(std::vector<float>(l.s.R * l.P, 0.f));
        check(fused_dense_forward(y.data(), x.data(), arena.data(), arena.data() + l.bias(), l.P, f, 2, 9, 12, 37,
                                  nullptr));
        check(fused_dense_forward(plain.data(), x.data(), arena.data(), arena.data() + l.bias(), l.P, Activation::kNone,
                                  2, 9, 12, 37, nullptr));
        check(bias_activation(plain.data(), zero.data(), l.P, f, 2, 9, 37, nullptr));
        expect_close(y.download(), as<double>(plain.download()), Tolerance{0, 1e-6}, "forward");

        GuardedBuffer<float> dx(l.x.size()), dx_plain(l.x.size());
        check(fused_dense_backward_input(dx.data(), dy.data(), x.data(), arena.data(), l.P, f, 2, 9, 12, 37, nullptr));
        check(fused_dense_backward_input(dx_plain.data(), dy.data(), x.data(), arena.data(), l.P, Activation::kNone, 2,
                                         9, 12, 37, nullptr));
        check(activation_backward(dx_plain.data(), x.data(), f, l.x.size(), nullptr));
        expect_close(dx.download(), as<double>(dx_plain.download()), Tolerance{1e-7, 1e-6}, "input gradient");

        const std::vector<float> others = Random(8).normals<float>(l.x.size()), alone = dx.download();
        GuardedBuffer<float> more(others);
        check(fused_dense_backward_input(dx.data(), dy.data(), x.data(), arena.data(), l.P, f, 2, 9, 12, 37, nullptr,
                                         more.data()));
        std::vector<double> sum(alone.size());
        for (std::size_t i = 0; i < sum.size(); ++i) sum[i] = double(alone[i]) + others[i];
        expect_close(dx.download(), sum, Tolerance{1e-12, kRounding<float>}, "plus what others make of x");
    }
}

TEST(FusedDense, InputGradientIsItsDefinitionInEveryTile) {
    for (const Shape& s : kShapes) {
        const Layer l(s);
        GuardedBuffer<float> x(l.x), dy(l.dy), arena(l.arena);
        const std::vector<float> expected = table(
            s.R, s.N, s.in, [&](int r, int n, int k) { return l.X(r, n, k) > 0 ? l.input_gradient(r, n, k) : 0.f; });
        std::vector<float> first;
        with_all_tiles([&] {
            GuardedBuffer<float> dx(expected.size());
            check(fused_dense_backward_input(dx.data(), dy.data(), x.data(), arena.data(), l.P, Activation::kRelu, s.R,
                                             s.N, s.in, s.out, nullptr));
            expect_defined(dx.download(), expected, "input gradient");
            if (first.empty()) first = dx.download();
            expect_identical(dx.download(), first, "another tile");
        });
    }
}

/// weights * dx and weights * x, to the bit, for whichever activation made x; x may be overwritten.
TEST(FusedDense, RowWeightsMultiplyTheInputGradientAndTheInput) {
    for (const Shape& s : kShapes)
        for (const Activation f : {Activation::kNone, Activation::kTanh}) {
            const Layer l(s);
            const auto w = Random(9).uniforms<float>(std::size_t(s.R) * s.N, 0, 2);
            GuardedBuffer<float> x(l.x), dy(l.dy), arena(l.arena), weights(w), plain(l.x.size());
            check(fused_dense_backward_input(plain.data(), dy.data(), x.data(), arena.data(), l.P, f, s.R, s.N, s.in,
                                             s.out, nullptr));
            std::vector<float> dx_expected = plain.download(), x_expected = l.x;
            for (std::size_t i = 0; i < x_expected.size(); ++i)
                dx_expected[i] *= w[i / s.in], x_expected[i] *= w[i / s.in];
            with_all_tiles([&] {
                GuardedBuffer<float> dx(l.x.size()), own(l.x), apart(l.x.size());
                for (GuardedBuffer<float>* weighted : {&apart, &own}) {
                    check(fused_dense_backward_input(dx.data(), dy.data(), own.data(), arena.data(), l.P, f, s.R, s.N,
                                                     s.in, s.out, nullptr, nullptr,
                                                     {weights.data(), weighted->data()}));
                    expect_identical(dx.download(), dx_expected, "dx");
                    expect_identical(weighted->download(), x_expected, "x");
                }
            });
        }
}

TEST(FusedDense, NoMoreErrorThanAPlainChain) {
    const Layer l({1, 16, 784, 32});
    GuardedBuffer<float> x(l.x), arena(l.arena), y(l.dy.size());
    check(fused_dense_forward(y.data(), x.data(), arena.data(), arena.data() + l.bias(), l.P, Activation::kNone, 1, 16,
                              784, 32, nullptr));
    const std::vector<float> Y = y.download();
    double ours = 0, chain = 0;
    for (int n = 0; n < 16; ++n)
        for (int c = 0; c < 32; ++c) {
            double exact = 0;
            float plain = 0;
            for (int k = 0; k < 784; ++k)
                exact += double(l.X(0, n, k)) * l.W(0, c, k), plain = std::fma(l.X(0, n, k), l.W(0, c, k), plain);
            exact += l.b(0, c), plain += l.b(0, c);
            ours += (Y[n * 32 + c] - exact) * (Y[n * 32 + c] - exact), chain += (plain - exact) * (plain - exact);
        }
    std::printf("    rms error %.3g, of one long chain %.3g\n", std::sqrt(ours / 512), std::sqrt(chain / 512));
    EXPECT_LE(ours, chain);
}

TEST(FusedDense, BernoulliAgreesWithItsParts) {
    for (const Shape& s : kShapes) {
        const Layer l(s);
        Random random(3);
        const auto t = random.uniforms<float>(l.dy.size());
        const std::size_t rows = std::size_t(s.R) * s.N;
        GuardedBuffer<float> x(l.x), arena(l.arena), target(t), logits(l.dy.size()), nll(rows), gradient(l.dy.size());
        check(fused_dense_forward(logits.data(), x.data(), arena.data(), arena.data() + l.bias(), l.P,
                                  Activation::kNone, s.R, s.N, s.in, s.out, nullptr));
        check(bernoulli_from_logits<float>(nll.data(), gradient.data(), logits.data(), target.data(), 0.5f, s.R, s.N,
                                           s.out, nullptr));
        GuardedBuffer<float> parts(rows * row_sum_parts(s.out));
        GuardedBuffer<unsigned int> arrived(std::vector<unsigned int>(s.R * row_sum_tiles(s.N), 0));
        std::vector<float> first;
        with_all_tiles([&] {
            GuardedBuffer<float> sums(rows), dlogits(l.dy.size());
            check(fused_dense_bernoulli(sums.data(), dlogits.data(), x.data(), arena.data(), arena.data() + l.bias(),
                                        l.P, {target.data(), 0.5f}, {parts.data(), arrived.data()}, s.R, s.N, s.in,
                                        s.out, nullptr));
            expect_close(dlogits.download(), as<double>(gradient.download()), Tolerance{1e-7, 1e-6}, "gradient");
            expect_close(sums.download(), as<double>(nll.download()), Tolerance{0, s.out * kRounding<float>}, "nll");
            if (first.empty()) first = sums.download();
            expect_identical(sums.download(), first, "another tile's sums");
            for (const unsigned int count : arrived.download()) EXPECT_EQ(count, 0u) << "left for the next call";
        });
    }
}

TEST(FusedDense, SigmoidBernoulliAgreesWithItsParts) {
    std::size_t clipped = 0;
    for (const Shape& s : kShapes) {
        const Layer l(s);
        Random random(4);
        const auto t = random.uniforms<float>(l.dy.size());
        const std::size_t rows = std::size_t(s.R) * s.N;
        GuardedBuffer<float> x(l.x), arena(l.arena), target(t), probabilities(l.dy.size()), nll(rows);
        check(fused_dense_forward(probabilities.data(), x.data(), arena.data(), arena.data() + l.bias(), l.P,
                                  Activation::kSigmoid, s.R, s.N, s.in, s.out, nullptr));
        check(bernoulli_from_probabilities<float>(nll.data(), nullptr, probabilities.data(), target.data(), 0.5f, s.R,
                                                  s.N, s.out, nullptr));
        const std::vector<float> p = probabilities.download();
        std::vector<double> gradient;
        for (std::size_t i = 0; i < p.size(); ++i) {
            const bool beyond = p[i] < 1e-6f || p[i] > 1.f - 1e-6f;
            clipped += beyond;
            gradient.push_back(beyond ? 0 : 0.5 * (double(p[i]) - t[i]));
        }
        GuardedBuffer<float> parts(rows * row_sum_parts(s.out));
        GuardedBuffer<unsigned int> arrived(std::vector<unsigned int>(s.R * row_sum_tiles(s.N), 0));
        std::vector<float> first;
        with_all_tiles([&] {
            GuardedBuffer<float> sums(rows), dlogits(p.size()), y(p.size());
            check(fused_dense_sigmoid_bernoulli(sums.data(), dlogits.data(), y.data(), x.data(), arena.data(),
                                                arena.data() + l.bias(), l.P, target.data(), 0.5f,
                                                {parts.data(), arrived.data()}, s.R, s.N, s.in, s.out, nullptr));
            expect_identical(y.download(), p, "probabilities");
            expect_close(dlogits.download(), gradient, Tolerance{1e-12, 2 * kRounding<float>}, "gradient");
            expect_close(sums.download(), as<double>(nll.download()), Tolerance{0, (s.out + 2) * kRounding<float>},
                         "nll");
            if (first.empty()) first = sums.download();
            expect_identical(sums.download(), first, "another tile's sums");
            for (const unsigned int count : arrived.download()) EXPECT_EQ(count, 0u) << "left for the next call";
        });
    }
    EXPECT_GT(clipped, 0u);
}

/// Rows that share targets, and probabilities that are clipped: as bernoulli_from_logits has them.
TEST(FusedDense, BernoulliOfSharedTargetsAndClippedLogits) {
    for (const auto& [s, map] : {std::pair{Shape{1, 1, 3, 5}, RowMap{1, 1}},
                                 {Shape{2, 15, 12, 40}, RowMap{3, 5}},
                                 {Shape{1, 34, 9, 33}, RowMap{3, 10}},
                                 {Shape{2, 50, 8, 68}, RowMap{1, 50}}})
        for (const float largest : {0.f, 0.5f, 3.f}) {
            const Layer l(s);
            Random random(4);
            const std::size_t rows = std::size_t(s.R) * s.N;
            const auto t = random.uniforms<float>(std::size_t(s.R) * map.targets(s.N) * s.out);
            GuardedBuffer<float> x(l.x), arena(l.arena), target(t), nll(rows), gradient(l.dy.size());
            check(fused_dense_forward(gradient.data(), x.data(), arena.data(), arena.data() + l.bias(), l.P,
                                      Activation::kNone, s.R, s.N, s.in, s.out, nullptr));
            check(bernoulli_from_logits<float>(nll.data(), gradient.data(), gradient.data(), target.data(), 0.25f, s.R,
                                               s.N, s.out, nullptr, {nullptr, map}, largest));
            GuardedBuffer<float> parts(rows * row_sum_parts(s.out));
            GuardedBuffer<unsigned int> arrived(std::vector<unsigned int>(s.R * row_sum_tiles(s.N), 0));
            with_all_tiles([&] {
                GuardedBuffer<float> sums(rows), dlogits(l.dy.size());
                check(fused_dense_bernoulli(sums.data(), dlogits.data(), x.data(), arena.data(),
                                            arena.data() + l.bias(), l.P, {target.data(), 0.25f, map, largest},
                                            {parts.data(), arrived.data()}, s.R, s.N, s.in, s.out, nullptr));
                expect_close(dlogits.download(), as<double>(gradient.download()), Tolerance{1e-7, 1e-6}, "gradient");
                expect_close(sums.download(), as<double>(nll.download()), Tolerance{0, s.out * kRounding<float>},
                             "nll");
            });
        }
    const auto status = [](const BernoulliTarget<float>& target) {
        return fused_dense_bernoulli(nullptr, nullptr, nullptr, nullptr, nullptr, 0, target, {}, 1, 4, 0, 3, nullptr);
    };
    EXPECT_FALSE(status({nullptr, 1, {3, 2}}).ok()) << "more rows than there are";
    EXPECT_FALSE(status({nullptr, 1, {}, -1}).ok());
    EXPECT_FALSE(status({nullptr, 1, {}, NAN}).ok());
}

TEST(FusedDense, GaussianHeadAgreesWithItsParts) {
    for (const auto& [R, N, H, Z] :
         {std::array{1, 1, 1, 1}, {2, 7, 40, 3}, {1, 33, 400, 20}, {2, 18, 9, 50}, {1, 5, 3, 128}}) {
        const Layer l({R, N, H, 2 * Z});
        GuardedBuffer<float> h(l.x), arena(l.arena);
        GuardedBuffer<std::uint64_t> seeds(std::vector<std::uint64_t>{7, 8}), step(std::vector<std::uint64_t>{3});
        const std::size_t rows = std::size_t(R) * N;
        for (const bool drawn : {true, false}) {
            LatentNoise noise;
            if (drawn) noise.seeds = seeds.data(), noise.step = step.data(), noise.first_row = 8;
            GuardedBuffer<float> moments(rows * 2 * Z), z(rows * Z), kl(rows), m(rows * 2 * Z), sample(rows * Z),
                k(rows);
            check(fused_dense_forward(m.data(), h.data(), arena.data(), arena.data() + l.bias(), l.P, Activation::kNone,
                                      R, N, H, 2 * Z, nullptr));
            check(gaussian_sample_forward<float>(sample.data(), k.data(), m.data(), {}, Spread::kLogVariance, noise, R,
                                                 N, Z, nullptr));
            check(fused_gaussian_head(moments.data(), z.data(), kl.data(), h.data(), arena.data(),
                                      arena.data() + l.bias(), l.P, {}, noise, R, N, H, Z, nullptr));
            expect_identical(moments.download(), m.download(), "moments");
            expect_close(z.download(), as<double>(sample.download()), Tolerance{1e-6, 1e-6}, "z");
            expect_close(kl.download(), as<double>(k.download()), Tolerance{0, 2 * Z * kRounding<float> + 1e-6}, "kl");
        }
    }
    launch_options().shared_bytes = 99 * 1024;
    EXPECT_TRUE(fused_gaussian_head_fits(400, 32));
    EXPECT_FALSE(fused_gaussian_head_fits(400, 128));
    EXPECT_FALSE(
        fused_gaussian_head(nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, 0, {}, {}, 1, 1, 400, 128, nullptr)
            .ok());
    launch_options().shared_bytes = 0;
    EXPECT_FALSE(fused_gaussian_head_fits(400, 129));
}

TEST(FusedDense, GaussianHeadBackwardAgreesWithItsParts) {
    for (const Shape& s : {Shape{1, 1, 1, 1}, Shape{2, 19, 20, 300}, Shape{1, 37, 7, 5}}) {
        const Layer l(s);  // in: latents
        const std::size_t rows = std::size_t(s.R) * s.N;
        Random random(5);
        GuardedBuffer<float> z(l.x), dy(l.dy), arena(l.arena), moments(random.normals<float>(rows * 2 * s.in)),
            dz(l.x.size()), expected(rows * 2 * s.in);
        check(fused_dense_backward_input(dz.data(), dy.data(), z.data(), arena.data(), l.P, Activation::kNone, s.R, s.N,
                                         s.in, s.out, nullptr));
        check(gaussian_sample_backward<float>(expected.data(), dz.data(), z.data(), moments.data(), {},
                                              Spread::kLogVariance, 0.25f, s.R, s.N, s.in, nullptr));
        with_all_tiles([&] {
            GuardedBuffer<float> d(rows * 2 * s.in);
            check(fused_gaussian_head_backward(d.data(), dy.data(), arena.data(), l.P, z.data(), moments.data(), {},
                                               0.25f, s.R, s.N, s.in, s.out, nullptr));
            expect_close(d.download(), as<double>(expected.download()), Tolerance{1e-6, 1e-6}, "moment gradients");
        });
    }
}

/// A replica beside four others has the bits it has alone.
TEST(FusedDense, TheSameBitsWhoeverIsBeside) {
    const Shape s{5, 40, 300, 72};
    const Layer l(s);
    GuardedBuffer<float> x(l.x), dy(l.dy), arena(l.arena), y(l.dy.size()), dx(l.x.size()), g(s.R * l.P);
    check(fused_dense_forward(y.data(), x.data(), arena.data(), arena.data() + l.bias(), l.P, Activation::kRelu, s.R,
                              s.N, s.in, s.out, nullptr));
    check(fused_dense_backward_input(dx.data(), dy.data(), x.data(), arena.data(), l.P, Activation::kRelu, s.R, s.N,
                                     s.in, s.out, nullptr));
    check(weight_gradients(g.data(), {{{0, l.bias(), dy.data(), x.data(), s.N, s.in, s.out}}, {}}, s.R, l.P, nullptr));
    const std::size_t X = std::size_t(s.N) * s.in, Y = std::size_t(s.N) * s.out;
    for (int r = s.R - 1; r >= 0; --r) {
        GuardedBuffer<float> y1(Y), dx1(X), g1(l.P);
        const float* const mine = arena.data() + r * l.P;
        check(fused_dense_forward(y1.data(), x.data() + r * X, mine, mine + l.bias(), l.P, Activation::kRelu, 1, s.N,
                                  s.in, s.out, nullptr));
        check(fused_dense_backward_input(dx1.data(), dy.data() + r * Y, x.data() + r * X, mine, l.P, Activation::kRelu,
                                         1, s.N, s.in, s.out, nullptr));
        check(weight_gradients(g1.data(), {{{0, l.bias(), dy.data() + r * Y, x.data() + r * X, s.N, s.in, s.out}}, {}},
                               1, l.P, nullptr));
        expect_identical(y1.download(), slice(y.download(), r * Y, Y), "forward");
        expect_identical(dx1.download(), slice(dx.download(), r * X, X), "input gradient");
        const std::size_t used = l.bias() + s.out;
        expect_identical(slice(g1.download(), 0, used), slice(g.download(), r * l.P, used), "weight gradient");
    }
}

// TF32 keeps 11 significant bits of each factor, and sums in float.
TEST(FusedDense, Tf32RoundsFactorsToElevenBits) {
    const MathStream tf32(nullptr, Math::kTf32);
    for (const Shape& s : kShapes)
        for (const bool integers : {true, false}) {
            Layer l(s);
            if (integers) {
                Random random(3);
                l.x = random.integers<float>(l.x.size(), -1000, 1000);
                l.dy = random.integers<float>(l.dy.size(), -3, 3);
                l.arena = random.integers<float>(l.arena.size(), -3, 3);
            }
            GuardedBuffer<float> x(l.x), dy(l.dy), arena(l.arena), y(l.dy.size()), exact(l.dy.size()), g(s.R * l.P),
                exact_g(s.R * l.P);
            const WeightLayers<float> layer{{{0, l.bias(), dy.data(), x.data(), s.N, s.in, s.out}}, {}};
            const auto run = [&](float* to, float* gradients, MathStream stream) {
                check(fused_dense_forward(to, x.data(), arena.data(), arena.data() + l.bias(), l.P, Activation::kNone,
                                          s.R, s.N, s.in, s.out, stream));
                check(weight_gradients(gradients, layer, s.R, l.P, stream));
            };
            run(exact.data(), exact_g.data(), nullptr);
            run(y.data(), g.data(), tf32);
            if (integers) {
                expect_identical(y.download(), exact.download(), "whole numbers below 2^11");
                expect_identical(slice(g.download(), 0, l.bias()), slice(exact_g.download(), 0, l.bias()), "dW");
                continue;
            }
            std::vector<double> allowed;  // each factor by half a unit of 11 bits
            for (int r = 0; r < s.R; ++r)
                for (int n = 0; n < s.N; ++n)
                    for (int c = 0; c < s.out; ++c) {
                        double size = 0;
                        for (int k = 0; k < s.in; ++k)
                            size += std::abs(double(l.x[(std::size_t(r) * s.N + n) * s.in + k]) *
                                             l.arena[r * l.P + std::size_t(c) * s.in + k]);
                        allowed.push_back(size * 2.01 / 2048 + 1e-30);
                    }
            expect_close(y.download(), as<double>(exact.download()), allowed, "TF32");
            EXPECT_NE(y.download(), exact.download());
        }
}

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
    launch_options().shared_bytes = 48 * 1024;  // room for one group of warps
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
/// and the optimiser's own kernel after.
template <class State, class Options, class Fused, class Apart>
void expect_fused_update(Fused fused, Apart apart, bool poisoned) {
    const int R = 2, N = 37;
    const std::size_t W1 = 8, b1 = W1 + 9 * 20, gap = b1 + 9, W2 = gap + 3000, b2 = W2 + 6 * 5, P = b2 + 6 + 7;
    Random random(11);
    auto dy1 = random.normals<float>(R * N * 9);
    const auto x1 = random.normals<float>(R * N * 20), dy2 = random.normals<float>(R * N * 6),
               x2 = random.normals<float>(R * N * 5), start = random.normals<float>(R * P),
               first = random.uniforms<float>(R * P), second = random.uniforms<float>(R * P);
    if (poisoned) dy1[(N + 3) * 9 + 4] = std::numeric_limits<float>::infinity();  // of replica 1
    GuardedBuffer<float> DY1(dy1), X1(x1), DY2(dy2), X2(x2), gradients(random.normals<float>(R * P)),
        rates(std::vector<float>{0.01f, 0.1f}), weights(random.uniforms<float>(R * N));
    GuardedBuffer<std::uint64_t> step(std::vector<std::uint64_t>{4});
    const std::vector<DenseWeightGradient<float>> layers = {{W2, b2, DY2.data(), X2.data(), N, 5, 6, weights.data()},
                                                            {W1, b1, DY1.data(), X1.data(), N, 20, 9}};
    const auto run = [&](bool together) {
        GuardedBuffer<float> p(start), a(first), b(second), g(gradients.download());
        GuardedBuffer<unsigned long long> key(std::vector<unsigned long long>(R, ~0ull));
        const State state{p.data(), a.data(), b.data(), reinterpret_cast<NonFinite*>(key.data())};
        if (together) {
            check(fused(state, g.data(), {layers, {}}, rates.data(), step.data(), Options(), R, P, nullptr));
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
        expect_fused_update<AdamState<float>, AdamOptions>(weight_gradients_adam, adam<float>, poisoned);
}
TEST(WeightGradients, WithAdadelta) {
    for (const bool poisoned : {false, true})
        expect_fused_update<AdadeltaState<float>, AdadeltaOptions>(weight_gradients_adadelta, adadelta<float>,
                                                                   poisoned);
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

}  // namespace
}  // namespace warpvae

// Chains of dense layers: the bits of their operations alone, whatever is launched together, and nothing before
// launch().
#include "cuda/ops/dense_chain.h"

#include "cuda/dense_chain.cuh"
#include "cuda/ops/fused_dense.h"
#include "cuda/ops/weight_gradients.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;
using Floats = GuardedBuffer<float>;

/// Fused layers and no library's, while one lives.
struct Fused {
    Fused() { launch_options().fused_dense = true; }
    ~Fused() { launch_options().fused_dense = false, launch_options().shared_bytes = 0; }
};

/// A layer's operands, and what its three operations write.
struct Layer {
    int R, N, in, out;
    std::size_t P;
    Floats arena, x, dy, y, dx, gradients;
    Layer(int R_, int N_, int in_, int out_, int seed)
        : R(R_),
          N(N_),
          in(in_),
          out(out_),
          P((std::size_t(out) * (in + 1) + 3) / 4 * 4),
          arena(Random(seed).normals<float>(R * P, 0.3)),
          x(Random(seed + 1).normals<float>(std::size_t(R) * N * in)),
          dy(Random(seed + 2).normals<float>(std::size_t(R) * N * out)),
          y(dy.size()),
          dx(x.size()),
          gradients(R * P) {}
    const float* bias() const { return arena.data() + std::size_t(out) * in; }
    DenseWeightGradient<float> weights(const float* of_dy, const float* of_x) const {
        return {0, std::size_t(out) * in, of_dy, of_x, N, in, out};
    }
};
void forward(const Matmul& matmul, Layer& l, float* y, const float* x, Activation activation) {
    check(dense_forward(matmul, y, x, l.arena.data(), l.bias(), l.P, activation, l.R, l.N, l.in, l.out));
}
void backward(const Matmul& matmul, Layer& l, float* dx, const float* dy, const float* x, Activation activation) {
    check(dense_backward_input(matmul, dx, dy, x, l.arena.data(), l.P, activation, l.R, l.N, l.in, l.out));
}

// 1, primes, one past a block of rows, one past a tile of columns, several tiles, several slices of K.
struct Widths {
    int R, N, in, middle, out;
};
const Widths kWidths[] = {{1, 1, 1, 1, 1},      {2, 3, 5, 7, 2},      {1, 17, 33, 129, 20},
                          {3, 32, 192, 64, 16}, {2, 16, 400, 4, 260}, {2, 0, 3, 4, 5},
                          {0, 5, 3, 4, 5},      {1, 5, 0, 4, 3},      {1, 5, 3, 0, 2}};

TEST(DenseChain, OfLayersGivesTheirBits) {
    const Fused fused;
    const Matmul matmul;
    for (const std::size_t little : {0, 99 * 1024})
        for (const Widths& w : kWidths) {
            SCOPED_TRACE(std::to_string(w.N) + " x " + std::to_string(w.in) + ", little memory " +
                         std::to_string(little));
            launch_options().shared_bytes = little;
            Layer first(w.R, w.N, w.in, w.middle, 1), second(w.R, w.N, w.middle, w.out, 5);
            Layer first_alone(w.R, w.N, w.in, w.middle, 1), second_alone(w.R, w.N, w.middle, w.out, 5);
            const auto run = [&](Layer& a, Layer& b) {
                forward(matmul, a, a.y.data(), a.x.data(), Activation::kRelu);
                forward(matmul, b, b.y.data(), a.y.data(), Activation::kTanh);
                backward(matmul, b, b.dx.data(), b.dy.data(), a.y.data(), Activation::kRelu);
                backward(matmul, a, a.dx.data(), b.dx.data(), a.x.data(), Activation::kNone);
                check(dense_backward_weights(matmul, b.gradients.data(), b.weights(b.dy.data(), a.y.data()), w.R, b.P));
            };
            run(first_alone, second_alone);
            {
                DenseChain<float> chain(matmul, w.R);
                run(first, second);
                check(chain.launch());
            }
            expect_identical(first.y.download(), first_alone.y.download(), "y of the first layer");
            expect_identical(second.y.download(), second_alone.y.download(), "y of the second layer");
            expect_identical(second.dx.download(), second_alone.dx.download(), "dx of the second layer");
            expect_identical(first.dx.download(), first_alone.dx.download(), "dx of the first layer");
            const std::vector<float> got = second.gradients.download(), alone = second_alone.gradients.download();
            const std::size_t used = std::size_t(w.out) * (w.middle + 1);
            for (int r = 0; r < w.R; ++r)
                for (std::size_t i = r * second.P; i < r * second.P + used; ++i)
                    ASSERT_EQ(got[i], alone[i]) << "gradient " << i;
        }
}

TEST(DenseChain, LaunchesNothingBeforeItIsTold) {
    const Fused fused;
    const Matmul matmul;
    Layer a(1, 5, 8, 12, 1), b(1, 5, 8, 12, 1);
    const auto untouched = [](Layer& layer) {
        for (const float value : layer.y.download()) EXPECT_TRUE(std::isnan(value));
        for (const float value : layer.gradients.download()) EXPECT_TRUE(std::isnan(value));
    };
    const auto run = [&](Layer& layer) {
        forward(matmul, layer, layer.y.data(), layer.x.data(), Activation::kRelu);
        check(dense_backward_weights(matmul, layer.gradients.data(), layer.weights(layer.dy.data(), layer.x.data()), 1,
                                     layer.P));
    };
    {
        DenseChain<float> chain(matmul, 1);
        EXPECT_EQ(matmul.chain(), &chain);
        run(a);
        untouched(a);
    }
    untouched(a);  // the chain ended without a launch
    EXPECT_EQ(matmul.chain(), nullptr);
    {
        DenseChain<float> chain(matmul, 1);
        run(a);
        check(chain.launch());
        for (const float value : a.y.download()) EXPECT_FALSE(std::isnan(value));
        run(b);  // the chain has ended: at once
        for (const float value : b.y.download()) EXPECT_FALSE(std::isnan(value));
    }
}

TEST(DenseChain, OfMoreStepsThanALaunchHoldsGivesTheirBits) {
    const Fused fused;
    const Matmul matmul;
    const int N = 18, D = 8, count = 2 * Chain::kMost + 3;
    Layer layer(2, N, D, D, 1);
    std::vector<std::vector<float>> results;
    for (const bool chained : {true, false}) {
        Floats a(Random(3).normals<float>(2 * N * D)), b(2 * N * D);
        const auto run = [&] {
            for (int i = 0; i < count; ++i)
                forward(matmul, layer, i % 2 ? a.data() : b.data(), i % 2 ? b.data() : a.data(), Activation::kTanh);
        };
        if (chained) {
            DenseChain<float> chain(matmul, 2);
            run();
            check(chain.launch());
        } else {
            run();
        }
        results.push_back(b.download());
    }
    expect_identical(results[0], results[1], "after " + std::to_string(count) + " layers");
}

// --- the maps between layers -----------------------------------------------------------------------------------------

constexpr PairShape kPairs[] = {{0, 0, 0}, {0, 0, 5}, {0, 10, 33}, {3, 10, 0}, {5, 4, 7}, {20, 2, 1}};
std::string name_of(const PairShape& s) {
    return "U " + std::to_string(s.unlabelled) + " K " + std::to_string(s.classes) + " L " + std::to_string(s.labelled);
}

/// All that lies between an image's features, a set's, and a pair's latents, forward and backward: a small model. With
/// a chain, or without one as the operations of pairs.h and latent.h.
template <class T>
struct Joined {
    static constexpr int R = 2, m = 3, A = 9, B = 6, Z = 5;
    PairShape s;
    GuardedBuffer<T> members, images, mean, joined, moments, z, kl, weights, dz, dmoments, djoined, dimages, dmean,
        dmembers;
    GuardedBuffer<std::uint64_t> seeds{std::vector<std::uint64_t>{3, 4}}, step{std::vector<std::uint64_t>{7}};
    static std::vector<T> normals(int seed, int rows, int D) {
        return as<T>(Random(seed).normals<float>(std::size_t(R) * rows * D));
    }
    explicit Joined(const PairShape& shape)
        : s(shape),
          members(normals(1, s.sets() * m, B)),
          images(normals(2, s.images(), A)),
          mean(std::size_t(R) * s.sets() * B),
          joined(std::size_t(R) * s.pairs() * (A + B)),
          moments(normals(3, s.pairs(), 2 * Z)),
          z(std::size_t(R) * s.pairs() * Z),
          kl(std::size_t(R) * s.pairs()),
          weights(normals(4, s.pairs(), 1)),
          dz(normals(5, s.pairs(), Z)),
          dmoments(std::size_t(R) * s.pairs() * 2 * Z),
          djoined(normals(6, s.pairs(), A + B)),
          dimages(std::size_t(R) * s.images() * A),
          dmean(std::size_t(R) * s.sets() * B),
          dmembers(std::size_t(R) * s.sets() * m * B) {}
    LatentNoise noise() const { return {seeds.data(), step.data(), Purpose::kLatent, 8}; }

    void run(DenseChain<T>& chain) {
        const int pairs = s.pairs(), sets = s.sets();
        check(chain.set_mean_forward(mean.data(), members.data(), m, sets, B));
        check(chain.concatenate_pairs_forward(joined.data(), {images.data(), PairRows::kImages, A},
                                              {mean.data(), PairRows::kSets, B}, s));
        check(chain.gaussian_sample_forward(z.data(), kl.data(), moments.data(), noise(), pairs, Z));
        check(chain.gaussian_sample_backward(dmoments.data(), dz.data(), z.data(), moments.data(), T(0.5), pairs, Z,
                                             weights.data()));
        check(chain.add(djoined.data(), joined.data(), pairs, A + B));
        check(chain.concatenate_pairs_backward({dimages.data(), images.data(), PairRows::kImages, A}, djoined.data(),
                                               A + B, s));
        check(chain.concatenate_pairs_backward({dmean.data(), nullptr, PairRows::kSets, B}, djoined.data() + A, A + B,
                                               s));
        check(chain.set_mean_backward(dmembers.data(), dmean.data(), members.data(), m, sets, B));
        check(chain.launch());
    }
    void run_alone() {
        const int pairs = s.pairs(), sets = s.sets();
        const std::size_t all = std::size_t(R) * pairs * (A + B);
        check(set_mean_forward(mean.data(), members.data(), m, std::size_t(R) * sets, B, nullptr));
        check(concatenate_pairs_forward<T>(joined.data(), {images.data(), PairRows::kImages, A},
                                           {mean.data(), PairRows::kSets, B}, s, R, nullptr));
        check(gaussian_sample_forward<T>(z.data(), kl.data(), moments.data(), {}, Spread::kLogVariance, noise(), R,
                                         pairs, Z, nullptr));
        check(gaussian_sample_backward<T>(dmoments.data(), dz.data(), z.data(), moments.data(), {},
                                          Spread::kLogVariance, T(0.5), R, pairs, Z, nullptr, weights.data()));
        check(add(djoined.data(), joined.data(), all, nullptr));
        check(concatenate_pairs_backward<T>({dimages.data(), images.data(), PairRows::kImages, A}, djoined.data(),
                                            A + B, s, R, nullptr));
        check(concatenate_pairs_backward<T>({dmean.data(), nullptr, PairRows::kSets, B}, djoined.data() + A, A + B, s,
                                            R, nullptr));
        check(
            set_mean_backward<T>(dmembers.data(), dmean.data(), members.data(), m, std::size_t(R) * sets, B, nullptr));
    }
    void expect_same(const Joined& other, const Tolerance& samples) const {
        expect_identical(mean.download(), other.mean.download(), "set means");
        expect_identical(joined.download(), other.joined.download(), "joined rows");
        expect_identical(djoined.download(), other.djoined.download(), "joined gradients");
        expect_identical(dimages.download(), other.dimages.download(), "image gradients");
        expect_identical(dmean.download(), other.dmean.download(), "mean gradients");
        expect_identical(dmembers.download(), other.dmembers.download(), "set gradients");
        expect_close(z.download(), as<double>(other.z.download()), samples, "samples");
        expect_close(kl.download(), as<double>(other.kl.download()), samples, "divergences");
        expect_close(dmoments.download(), as<double>(other.dmoments.download()), samples, "moment gradients");
    }
};

TEST(DenseChain, OfMapsIsTheirKernels) {
    const Matmul matmul;
    for (const PairShape& shape : kPairs) {
        SCOPED_TRACE(name_of(shape));
        Joined<float> chained(shape), alone(shape);
        {
            const Fused fused;
            DenseChain<float> chain(matmul, Joined<float>::R);
            chained.run(chain);
        }
        alone.run_alone();
        // Vector lanes and threads add a divergence in different orders, and round a product with a sum otherwise.
        chained.expect_same(alone, {8 * kRounding<float>, 32 * kRounding<float>});
    }
}

TEST(DenseChain, RunsAtOnceWhereLayersAreNotFused) {
    if (device_is_gpu()) GTEST_SKIP() << "floats are fused on a GPU";
    const Matmul matmul;
    for (const PairShape& shape : kPairs) {
        SCOPED_TRACE(name_of(shape));
        Joined<double> chained(shape), alone(shape);
        const Fused fused;  // not of doubles
        DenseChain<double> chain(matmul, Joined<double>::R);
        EXPECT_EQ(matmul.chain(), nullptr);
        chained.run(chain);
        alone.run_alone();
        chained.expect_same(alone, {0, 0});
    }
}

TEST(DenseChain, AddsALayersGradientInItsEpilogue) {
    const Fused fused;
    const Matmul matmul;
    for (const bool first_is_noted : {false, true})  // else the launch is of one layer and its sum
        for (const int in : {1, 4, 131}) {
            const int R = 2, N = 19, out = 12;
            Layer a(R, N, in, out, 1), b(R, N, in, out, 5);
            Layer a_alone(R, N, in, out, 1), b_alone(R, N, in, out, 5);
            const auto to_first = [&](Layer& first) {
                backward(matmul, first, first.dx.data(), first.dy.data(), first.x.data(), Activation::kNone);
            };
            const auto to_second = [&](Layer& second) {
                backward(matmul, second, second.dx.data(), second.dy.data(), second.x.data(), Activation::kRelu);
            };
            to_first(a_alone), to_second(b_alone);
            check(add(a_alone.dx.data(), b_alone.dx.data(), std::size_t(R) * N * in, nullptr));
            if (!first_is_noted) to_first(a);
            DenseChain<float> chain(matmul, R);
            if (first_is_noted) to_first(a);
            to_second(b);
            check(chain.add(a.dx.data(), b.dx.data(), N, in));
            check(chain.launch());
            expect_identical(a.dx.download(), a_alone.dx.download(), "the sum");
            for (const float d : b.dx.download()) EXPECT_TRUE(std::isnan(d)) << "what is added is written nowhere else";
        }
}

TEST(DenseChain, DropsWhatDropoutDrops) {
    const Fused fused;
    const Matmul matmul;
    const int R = 2, N = 19;
    GuardedBuffer<std::uint64_t> seeds(std::vector<std::uint64_t>{5, 6}), step(std::vector<std::uint64_t>{3});
    const DropoutMask mask{0.4, seeds.data(), step.data(), 2};
    for (const int D : {1, 4, 67}) {
        const std::vector<float> x = Random(D).normals<float>(R * N * D);
        Floats noted(x), alone(x);
        DenseChain<float> chain(matmul, R);
        check(dense_dropout(matmul, noted.data(), mask, R, N, D));
        expect_identical(noted.download(), x, "before the launch");
        check(chain.launch());
        check(dropout(alone.data(), alone.data(), mask, R, N, D, nullptr));
        expect_identical(noted.download(), alone.download(), "rows of " + std::to_string(D));
    }
}

TEST(DenseChain, OfOneReplicaHasItsBits) {
    const Fused fused;
    const Matmul matmul;
    const int N = 21, D = 40;
    Layer both(2, N, D, D, 1);
    Floats moments(Random(9).normals<float>(2 * N * 2 * D)), z(2 * N * D), kl(2 * N), y(2 * N * D);
    GuardedBuffer<std::uint64_t> seeds(std::vector<std::uint64_t>{5, 6});
    const auto run = [&](int R, int first, float* to_z, float* to_kl, float* to_y) {
        DenseChain<float> chain(matmul, R);
        const LatentNoise noise{seeds.data() + first, nullptr, Purpose::kLatent, 0};
        check(chain.gaussian_sample_forward(to_z, to_kl, moments.data() + first * N * 2 * D, noise, N, D));
        check(dense_forward(matmul, to_y, to_z, both.arena.data() + first * both.P, both.bias() + first * both.P,
                            both.P, Activation::kElu, R, N, D, D));
        check(chain.launch());
    };
    run(2, 0, z.data(), kl.data(), y.data());
    for (int r = 0; r < 2; ++r) {
        Floats z_alone(N * D), kl_alone(N), y_alone(N * D);
        run(1, r, z_alone.data(), kl_alone.data(), y_alone.data());
        const auto part = [r](const Floats& all, std::size_t n) {
            const std::vector<float> host = all.download();
            return std::vector<float>(host.begin() + r * n, host.begin() + (r + 1) * n);
        };
        expect_identical(part(z, N * D), z_alone.download(), "samples");
        expect_identical(part(kl, N), kl_alone.download(), "divergences");
        expect_identical(part(y, N * D), y_alone.download(), "outputs");
    }
}

TEST(DenseChain, RefusesWhatTheOperationsRefuse) {
    const Fused fused;
    const Matmul matmul;
    DenseChain<float> chain(matmul, 1);
    float* const none = nullptr;
    EXPECT_FALSE(chain.set_mean_forward(none, none, 0, 1, 1).ok());
    EXPECT_FALSE(chain.set_mean_backward(none, none, none, 0, 1, 1).ok());
    EXPECT_FALSE(chain.set_mean_backward(none, none, none, 8, 1 << 28, 1).ok());
    EXPECT_FALSE(chain.add(none, none, -1, 1).ok());
    EXPECT_FALSE(chain.dropout(none, {1.0, nullptr, nullptr, 0}, 1, 1).ok());
    EXPECT_FALSE(chain.add(none, none, 1, -1).ok());
    EXPECT_FALSE(chain.gaussian_sample_forward(none, none, none, {nullptr, nullptr, Purpose::kLatent, 2}, 1, 1).ok());
    EXPECT_FALSE(chain.dense_forward(none, none, none, none, 0, Activation::kNone, -1, 1, 1).ok());
    EXPECT_FALSE(chain.dense_backward_input(none, none, none, none, 0, Activation::kNone, 1, -1, 1).ok());
    EXPECT_TRUE(chain.launch().ok());
}

}  // namespace
}  // namespace warpvae

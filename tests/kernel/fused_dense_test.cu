// Fused dense layers, in all tile shapes and on lanes: to the bit what the definition of a product says
// (dense_tile.cuh), close to a double reference, and the same whoever is multiplied beside.
#include <array>

#include "cuda/ops/fused_dense.h"
#include "cuda/ops/loss.h"
#include "cuda/ops/weight_gradients.h"
#include "tests/support/dense_case.h"
#include "tests/support/tile_shapes.h"

namespace warpvae {
namespace {

using namespace test;

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

/// The sum of each row of D numbers, from the parts that a layer leaves of it.
std::vector<float> added_parts(const std::vector<float>& parts, int D) {
    std::vector<float> sums(parts.size() / row_sum_parts(D));
    for (std::size_t i = 0; i < parts.size(); ++i) sums[i / row_sum_parts(D)] += parts[i];
    return sums;
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
            // Without sums the parts are left, of which they are made.
            GuardedBuffer<float> left(rows * row_sum_parts(s.out));
            check(fused_dense_bernoulli(nullptr, dlogits.data(), x.data(), arena.data(), arena.data() + l.bias(), l.P,
                                        {target.data(), 0.5f}, {left.data(), arrived.data()}, s.R, s.N, s.in, s.out,
                                        nullptr));
            expect_identical(added_parts(left.download(), s.out), first, "parts");
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
            GuardedBuffer<float> left(rows * row_sum_parts(s.out));
            check(fused_dense_sigmoid_bernoulli(nullptr, dlogits.data(), y.data(), x.data(), arena.data(),
                                                arena.data() + l.bias(), l.P, target.data(), 0.5f,
                                                {left.data(), nullptr}, s.R, s.N, s.in, s.out, nullptr));
            expect_identical(added_parts(left.download(), s.out), sums.download(), "parts");
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

/// Without gradient: the sums to the bit, of rows that share targets too, and near those of a double.
TEST(FusedDense, BernoulliAloneIsThatOfItsGradientAndOfItsDefinition) {
    for (const auto& [s, map] : {std::pair{Shape{1, 1, 1, 1}, RowMap{}},
                                 {Shape{2, 3, 5, 7}, RowMap{1, 2}},
                                 {Shape{1, 17, 33, 65}, RowMap{}},
                                 {Shape{3, 65, 40, 33}, RowMap{13, 5}},
                                 {Shape{2, 130, 137, 68}, RowMap{1, 130}}})
        for (const auto& [activation, largest] :
             {std::pair{Activation::kNone, 0.f}, {Activation::kNone, 0.5f}, {Activation::kSigmoid, 0.f}}) {
            const Layer l(s);
            const bool is_sigmoid = activation == Activation::kSigmoid;
            const std::size_t rows = std::size_t(s.R) * s.N;
            const auto t = Random(4).uniforms<float>(std::size_t(s.R) * map.targets(s.N) * s.out);
            std::vector<float> of_rows;
            std::vector<double> exact(rows, 0.), allowed(rows, 0.);
            for (int r = 0; r < s.R; ++r)
                for (int n = 0; n < s.N; ++n)
                    for (int c = 0; c < s.out; ++c) {
                        const float target = t[(std::size_t(r) * map.targets(s.N) + map.target_of(n)) * s.out + c];
                        double logit = double(l.b(r, c));
                        for (int k = 0; k < s.in; ++k) logit += double(l.X(r, n, k)) * double(l.W(r, c, k));
                        const double bound = is_sigmoid ? std::log(1e6 - 1) : largest > 0 ? double(largest) : INFINITY;
                        logit = std::clamp(logit, -bound, bound);
                        const std::size_t row = std::size_t(r) * s.N + n;
                        exact[row] +=
                            std::max(logit, 0.) - logit * double(target) + std::log1p(std::exp(-std::abs(logit)));
                        // A logit's own error, and that of 1 - p, which has few digits left where p is near 1.
                        allowed[row] += 1e-6 * (1 + std::abs(logit));
                        if (is_sigmoid) allowed[row] += 2 * kRounding<float> * (1 - double(target)) * std::exp(logit);
                        of_rows.push_back(target);
                    }
            GuardedBuffer<float> x(l.x), arena(l.arena), shared(t), own(of_rows), expected(rows), g(l.dy.size()),
                y(l.dy.size());
            const float *const W = arena.data(), *const b = W + l.bias();
            GuardedBuffer<float> parts(rows * row_sum_parts(s.out));
            GuardedBuffer<unsigned int> arrived(std::vector<unsigned int>(s.R * row_sum_tiles(s.N), 0));
            const RowSumScratch scratch{parts.data(), arrived.data()};
            if (is_sigmoid)
                check(fused_dense_sigmoid_bernoulli(expected.data(), g.data(), y.data(), x.data(), W, b, l.P,
                                                    own.data(), 1.f, scratch, s.R, s.N, s.in, s.out, nullptr));
            else
                check(fused_dense_bernoulli(expected.data(), g.data(), x.data(), W, b, l.P,
                                            {shared.data(), 1.f, map, largest}, scratch, s.R, s.N, s.in, s.out,
                                            nullptr));
            with_all_tiles([&] {
                GuardedBuffer<float> nll(rows);
                check(fused_dense_bernoulli_nll(nll.data(), x.data(), W, b, l.P, activation,
                                                {shared.data(), 1.f, map, largest}, scratch, s.R, s.N, s.in, s.out,
                                                nullptr));
                expect_identical(nll.download(), expected.download(), "nll");
                expect_close(nll.download(), exact, allowed, "nll of a double");
                for (const unsigned int count : arrived.download()) EXPECT_EQ(count, 0u) << "left for the next call";
            });
        }
    const auto status = [](Activation activation, const BernoulliTarget<float>& target) {
        return fused_dense_bernoulli_nll(nullptr, nullptr, nullptr, nullptr, 0, activation, target, {}, 1, 4, 0, 3,
                                         nullptr);
    };
    EXPECT_FALSE(status(Activation::kNone, {nullptr, 1, {3, 2}}).ok()) << "more rows than there are";
    EXPECT_FALSE(status(Activation::kNone, {nullptr, 1, {}, NAN}).ok());
    EXPECT_FALSE(status(Activation::kSigmoid, {nullptr, 1, {}, 3}).ok()) << "probabilities have a bound of their own";
    EXPECT_FALSE(status(Activation::kRelu, {}).ok()) << "no probabilities";
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

}  // namespace
}  // namespace warpvae

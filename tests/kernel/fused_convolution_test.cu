// Fused convolutions, in all tile shapes and on lanes: close to plain sums in double, exact on integers, each other's
// adjoints, and to the bit the same in every tile and whoever is multiplied beside.
#include <deque>

#include "cuda/device/launch_count.h"
#include "cuda/ops/fused_convolution.h"
#include "cuda/ops/weight_gradients.h"
#include "tests/support/convolution_case.h"
#include "tests/support/device_test.h"
#include "tests/support/tile_shapes.h"

namespace warpvae {
namespace {

using namespace test;

std::vector<Case> cases() {
    return {{{1, 9, 9, 8, 5, 1, 2}, 1, 3},    // the encoder's layers, on smaller images
            {{8, 9, 9, 16, 5, 2, 2}, 2, 2},   //
            {{16, 7, 7, 32, 5, 2, 2}, 1, 3},  //
            {{32, 4, 4, 64, 5, 2, 2}, 1, 5},  // 400 to 800 products a sum: several slices
            {{64, 4, 4, 32, 5, 2, 2}, 1, 2},  // the decoder's, from the wide side
            {{8, 12, 12, 1, 5, 1, 0}, 1, 2},  // its last
            {{3, 8, 8, 8, 5, 1, 2}, 2, 1},    // colour
            {{8, 8, 8, 3, 5, 1, 2}, 1, 2},    //
            {{7, 6, 5, 11, 3, 3, 0}, 2, 3},   // windows that leave pixels over; odd channels
            {{5, 6, 6, 9, 1, 2, 0}, 1, 3},    // pixels of x in no window
            {{1, 1, 1, 1, 1, 1, 0}, 1, 1},    // one number
            {{2, 2, 2, 33, 5, 2, 4}, 1, 2},   // mostly padding
            {{36, 3, 3, 65, 3, 1, 1}, 1, 1},  // one past a tile of outputs
            {{1, 13, 13, 2, 3, 1, 1}, 2, 9},  // more than one run of pixels
            {{1, 3, 3, 8, 3, 1, 1}, 2, 130},  // more images than runs of them
            {{8, 5, 7, 1, 3, 2, 1}, 2, 3}};   // few channels, and a stride
}

/// Numbers for everything that a layer reads.
struct Problem {
    Case c;
    std::size_t P;
    std::vector<float> x, y, arena;  // W, then room, then biases of either side
    std::size_t bias_at() const { return c.shape.weights() + 3; }
    Problem(const Case& c_, bool integers) : c(c_), P(c.shape.weights() + 3 + 128 + 5) {
        Random random(c.N + 10 * c.shape.x_channels);
        const auto numbers = [&](std::size_t n) {
            return integers ? random.integers<float>(n, -3, 3) : random.normals<float>(n);
        };
        x = numbers(c.R * c.N * c.shape.x_size()), y = numbers(c.R * c.N * c.shape.y_size());
        arena = numbers(c.R * P);
    }
    /// body(r, x element, y element, element of the replica's W) for every product of the convolution's definition.
    template <class Body>
    void for_products(Body body) const {
        for (int image = 0; image < c.R * c.N; ++image)
            test::for_products(c.shape, [&](std::size_t x_at, std::size_t y_at, std::size_t W_at) {
                body(image / c.N, image * c.shape.x_size() + x_at, image * c.shape.y_size() + y_at, W_at);
            });
    }
};

/// A sum and the sum of its terms' magnitudes.
struct Sums {
    std::vector<double> values, magnitudes;
    explicit Sums(std::size_t n) : values(n), magnitudes(n) {}
    void add(std::size_t at, double term) { values[at] += term, magnitudes[at] += std::abs(term); }
};

enum class Pass { kForward, kBackwardData, kTransposedForward, kTransposedBackwardData };
const char* const kPassNames[] = {"forward", "backward data", "transposed forward", "transposed backward data"};

/// Of layers of one shape and as many replicas: with a ReLU after the forward passes, and before the backward ones.
std::vector<std::vector<float>> fused(const std::vector<Problem>& problems, Pass pass, MathStream stream = nullptr) {
    const ConvolutionShape& s = problems[0].c.shape;
    const std::size_t P = problems[0].P;
    const int R = problems[0].c.R;
    const bool to_y = pass == Pass::kForward || pass == Pass::kTransposedBackwardData;
    std::deque<GuardedBuffer<float>> arrays;  // of each problem x, y, the arena and the result
    std::vector<ConvolutionForward> forward;
    std::vector<ConvolutionBackwardData> backward;
    for (const Problem& p : problems) {
        arrays.emplace_back(p.x), arrays.emplace_back(p.y), arrays.emplace_back(p.arena);
        arrays.emplace_back(to_y ? p.y.size() : p.x.size());
        const auto last = arrays.rbegin();
        float *const out = last[0].data(), *const W = last[1].data(), *const y = last[2].data(),
                     *const x = last[3].data();
        forward.push_back({out, to_y ? x : y, W, W + p.bias_at(), p.c.N});
        backward.push_back({out, to_y ? x : y, to_y ? y : x, W, p.c.N});
    }
    const Activation relu = Activation::kRelu;
    switch (pass) {
        case Pass::kForward:
            check(fused_convolution_forward(forward, P, relu, s, R, stream));
            break;
        case Pass::kBackwardData:
            check(fused_convolution_backward_data(backward, P, relu, s, R, stream));
            break;
        case Pass::kTransposedForward:
            check(fused_transposed_convolution_forward(forward, P, relu, s, R, stream));
            break;
        default:
            check(fused_transposed_convolution_backward_data(backward, P, relu, s, R, stream));
    }
    std::vector<std::vector<float>> results;
    for (std::size_t i = 3; i < arrays.size(); i += 4) results.push_back(arrays[i].download());
    return results;
}
std::vector<float> fused(const Problem& p, Pass pass, MathStream stream = nullptr) {
    return fused(std::vector<Problem>{p}, pass, stream)[0];
}

Sums expected(const Problem& p, Pass pass) {
    const ConvolutionShape& s = p.c.shape;
    const bool to_y = pass == Pass::kForward || pass == Pass::kTransposedBackwardData;
    const bool forward = pass == Pass::kForward || pass == Pass::kTransposedForward;
    const std::vector<float>& in = to_y ? p.x : p.y;
    const std::vector<float>& masking = to_y ? p.y : p.x;
    const int channels = to_y ? s.y_channels : s.x_channels;
    Sums sums(to_y ? p.y.size() : p.x.size());
    p.for_products([&](int r, std::size_t xi, std::size_t yi, std::size_t wi) {
        sums.add(to_y ? yi : xi, double(in[to_y ? xi : yi]) * p.arena[r * p.P + wi]);
    });
    for (std::size_t i = 0; i < sums.values.size(); ++i) {
        const std::size_t r = i / (sums.values.size() / p.c.R);
        if (forward) {
            sums.add(i, p.arena[r * p.P + p.bias_at() + i % channels]);
            sums.values[i] = std::max(sums.values[i], 0.0);
        } else if (masking[i] <= 0) {
            sums.values[i] = 0;
        }
    }
    return sums;
}

TEST(FusedConvolution, EqualsItsSums) {
    for (const Case& c : cases())
        for (int pass = 0; pass < 4; ++pass) {
            const Problem p(c, false);
            Sums sums = expected(p, Pass(pass));
            // Less than one rounding for each product, of partial sums no larger than the sum of magnitudes.
            for (double& m : sums.magnitudes) m = 8 * kRounding<float> * m + 1e-30;
            std::vector<float> first;
            with_all_tiles([&] {
                const std::vector<float> out = fused(p, Pass(pass));
                expect_close(out, sums.values, sums.magnitudes, name_of(c) + " " + kPassNames[pass]);
                if (first.empty()) first = out;
                expect_identical(out, first, name_of(c) + " in another tile");
            });
        }
}

// Products and sums of small integers are exact in float: not one bit may differ.
TEST(FusedConvolution, IsExactOnIntegers) {
    for (const Case& c : cases())
        for (int pass = 0; pass < 4; ++pass) {
            const Problem p(c, true);
            const Sums sums = expected(p, Pass(pass));
            const std::vector<float> out = fused(p, Pass(pass));
            for (std::size_t i = 0; i < out.size(); ++i)
                ASSERT_EQ(double(out[i]), sums.values[i]) << name_of(c) << " " << kPassNames[pass] << " element " << i;
            expect_identical(fused(p, Pass(pass), {nullptr, Math::kTf32}), out, "in TF32");
        }
}

/// The weights' gradients of a problem's layer, the rest of the arena as it was: NaN.
std::vector<float> weight_gradients_of(const Problem& p, bool transposed, MathStream stream = nullptr) {
    const GuardedBuffer<float> x(p.x), y(p.y);
    GuardedBuffer<float> gradients(p.c.R * p.P);
    const PartialGradientSizes sizes = partial_gradients(p.c.shape, transposed, p.c.N);
    GuardedBuffer<float> parts(p.c.R * sizes.parts);
    GuardedBuffer<unsigned int> arrived(std::vector<unsigned int>(p.c.R * sizes.arrived, 0));
    const WeightLayers<float> layers{
        {}, {{0, p.bias_at(), y.data(), x.data(), p.c.shape, transposed, p.c.N, {parts.data(), arrived.data()}}}};
    for (int call = 0; call < 2; ++call)  // the second finds the tickets as the first left them
        check(weight_gradients(gradients.data(), layers, p.c.R, p.P, stream));
    return gradients.download();
}

TEST(ConvolutionWeights, EqualTheirSums) {
    for (const Case& c : cases())
        for (const bool integers : {true, false})
            for (const bool transposed : {false, true}) {
                const Problem p(c, integers);
                const ConvolutionShape& s = c.shape;
                const std::vector<float> out = weight_gradients_of(p, transposed);
                Sums sums(c.R * p.P);
                p.for_products([&](int r, std::size_t xi, std::size_t yi, std::size_t wi) {
                    sums.add(r * p.P + wi, double(p.x[xi]) * p.y[yi]);
                });
                const std::vector<float>& d_out = transposed ? p.x : p.y;
                const std::size_t channels = transposed ? s.x_channels : s.y_channels;
                for (std::size_t i = 0; i < d_out.size(); ++i)
                    sums.add(i / (d_out.size() / c.R) * p.P + p.bias_at() + i % channels, d_out[i]);
                for (std::size_t i = 0; i < out.size(); ++i) {
                    const std::size_t at = i % p.P;
                    const bool is_weight = at < s.weights(), is_bias = at >= p.bias_at() && at < p.bias_at() + channels;
                    if (!is_weight && !is_bias)
                        ASSERT_TRUE(std::isnan(out[i])) << name_of(c) << ": the arena's padding was written";
                    else
                        ASSERT_NEAR(out[i], sums.values[i],
                                    integers ? 0 : (is_bias ? 64 : 8) * kRounding<float> * sums.magnitudes[i] + 1e-30)
                            << name_of(c) << (is_bias ? " bias " : " weight ") << at << " transposed " << transposed;
                }
            }
}

double inner_product(const std::vector<float>& a, const std::vector<float>& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += double(a[i]) * b[i];
    return sum;
}

// <y, x * W> = <dx, x> = <dW, W> for the input gradient dx and the weights' dW that belong to y: three kernels, one
// trilinear form. Of integers, so that each inner product is exact.
TEST(FusedConvolution, PassesAreEachOthersAdjoints) {
#ifdef WARPVAE_SANITIZED
    GTEST_SKIP() << "the tests above touch the same memory";
#endif
    for (const Case& c : cases()) {
        Problem p(c, true);
        for (int r = 0; r < c.R; ++r)  // no biases
            for (std::size_t i = c.shape.weights(); i < p.P; ++i) p.arena[r * p.P + i] = 0;
        const GuardedBuffer<float> x(p.x), y(p.y), arena(p.arena);
        GuardedBuffer<float> forward(p.y.size()), dx(p.x.size());
        const Activation none = Activation::kNone;
        check(fused_convolution_forward({{forward.data(), x.data(), arena.data(), arena.data() + p.bias_at(), c.N}},
                                        p.P, none, c.shape, c.R, nullptr));
        check(fused_convolution_backward_data({{dx.data(), y.data(), x.data(), arena.data(), c.N}}, p.P, none, c.shape,
                                              c.R, nullptr));
        const std::vector<float> gradients = weight_gradients_of(p, false);
        double by_weights = 0;
        for (int r = 0; r < c.R; ++r)
            by_weights +=
                inner_product(slice(gradients, r * p.P, c.shape.weights()), slice(p.arena, r * p.P, c.shape.weights()));
        const double by_outputs = inner_product(p.y, forward.download());
        EXPECT_EQ(inner_product(dx.download(), p.x), by_outputs) << name_of(c);
        EXPECT_EQ(by_weights, by_outputs) << name_of(c);
    }
}

// TF32 keeps 10 bits of each factor: a product is wrong by 2^-10 of itself, or by 2^-9 where bits are cut off.
TEST(FusedConvolution, InTf32IsAsCloseAsItsFactors) {
#ifdef WARPVAE_SANITIZED
    GTEST_SKIP() << "the tests above touch the same memory";
#endif
    const double unit = std::ldexp(1., -9);
    for (const Case& c : cases()) {
        const Problem p(c, false);
        for (int pass = 0; pass < 4; ++pass) {
            Sums sums = expected(p, Pass(pass));
            for (double& m : sums.magnitudes) m = unit * m + 1e-30;
            expect_close(fused(p, Pass(pass), {nullptr, Math::kTf32}), sums.values, sums.magnitudes,
                         name_of(c) + " " + kPassNames[pass] + " in TF32");
        }
        const std::vector<float> out = weight_gradients_of(p, false, {nullptr, Math::kTf32});
        Sums sums(c.R * p.P);
        p.for_products([&](int r, std::size_t xi, std::size_t yi, std::size_t wi) {
            sums.add(r * p.P + wi, double(p.x[xi]) * p.y[yi]);
        });
        for (int r = 0; r < c.R; ++r)
            for (std::size_t i = r * p.P; i < r * p.P + c.shape.weights(); ++i)
                ASSERT_NEAR(out[i], sums.values[i], unit * sums.magnitudes[i] + 1e-30)
                    << name_of(c) << " weight " << i % p.P << " in TF32";
    }
}

// Layers of one shape in one launch, or in several where they are more than one holds; each its own bits.
TEST(FusedConvolution, LayersTogetherGiveWhatEachGivesAlone) {
    for (const ConvolutionShape& shape :
         {ConvolutionShape{8, 9, 9, 16, 5, 2, 2}, {3, 8, 8, 8, 5, 1, 2}, {5, 8, 7, 4, 3, 3, 1}})
        for (int pass = 0; pass < 4; ++pass)
            for (const int count : {2, 3, 6}) {
                std::vector<Problem> problems;
                for (int i = 0; i < count; ++i) problems.push_back(Problem({shape, 2, i == 1 ? 0 : 1 + 2 * i}, false));
                const std::vector<std::vector<float>> together = fused(problems, Pass(pass));
                for (int i = 0; i < count; ++i)
                    expect_identical(together[i], fused(problems[i], Pass(pass)),
                                     name_of(problems[i].c) + " " + kPassNames[pass] + " with " +
                                         std::to_string(count - 1) + " beside");
            }
}

TEST(FusedConvolution, LayersTogetherAreOneLaunch) {
    if (device_is_gpu()) GTEST_SKIP() << "a GPU's launches are not counted";
    const std::vector<Problem> three(3, Problem({{8, 9, 9, 16, 5, 2, 2}, 1, 2}, false));
    for (int pass = 0; pass < 4; ++pass) {
        const std::size_t before = launch_count();
        fused(three, Pass(pass));
        EXPECT_EQ(launch_count() - before, 1u) << kPassNames[pass];
    }
}

TEST(FusedConvolution, RefusesWindowsOfNothingButPadding) {
    const GuardedBuffer<float> in(1024);
    GuardedBuffer<float> out(1024);
    const ConvolutionShape shape{1, 4, 4, 1, 3, 1, 3};
    EXPECT_EQ(fused_convolution_forward({{out.data(), in.data(), in.data(), in.data(), 1}}, 16, Activation::kNone,
                                        shape, 1, nullptr)
                  .code,
              kInvalidValue);
    EXPECT_EQ(convolution_forward<float>(Convolver(), out.data(), in.data(), in.data(), 16, shape, 1, 1).code,
              kInvalidValue);
}

// A card with little shared memory has blocks of half as many warps.
TEST(ConvolutionWeights, AreTheSameBitsWithFewerWarps) {
    for (const Case& c : cases()) {
        const Problem p(c, false);
        const std::vector<float> many = weight_gradients_of(p, false);
        launch_options().shared_bytes = 99 * 1024;
        expect_identical(weight_gradients_of(p, false), many, name_of(c));
        launch_options().shared_bytes = 0;
    }
}

TEST(FusedConvolution, ReplicasDoNotMatterToEachOther) {
    for (const Case& c :
         {Case{{8, 6, 6, 16, 5, 2, 2}, 3, 5}, Case{{3, 9, 9, 5, 3, 1, 1}, 5, 17}, Case{{3, 6, 6, 8, 5, 1, 2}, 3, 4}}) {
        const Problem all(c, false);
        for (int r = c.R - 1; r >= 0; --r) {
            Problem one({c.shape, 1, c.N}, false);
            one.x = slice(all.x, r * one.x.size(), one.x.size()), one.y = slice(all.y, r * one.y.size(), one.y.size());
            one.arena = slice(all.arena, r * all.P, all.P);
            for (int pass = 0; pass < 4; ++pass) {
                const std::vector<float> together = fused(all, Pass(pass)), alone = fused(one, Pass(pass));
                expect_identical(slice(together, r * alone.size(), alone.size()), alone, kPassNames[pass]);
            }
            const std::vector<float> together = weight_gradients_of(all, true), alone = weight_gradients_of(one, true);
            const std::size_t used = c.shape.weights();
            expect_identical(slice(together, r * all.P, used), slice(alone, 0, used), "weights");
            expect_identical(slice(together, r * all.P + all.bias_at(), c.shape.x_channels),
                             slice(alone, all.bias_at(), c.shape.x_channels), "biases");
        }
    }
}

TEST(ConvolutionWeights, WithAdamBesideDenseLayers) {
    const Problem p({{8, 7, 7, 12, 5, 2, 2}, 2, 40}, false);  // 640 windows, and a dense layer of 3 x 5
    const std::size_t dense_W = p.P, dense_b = p.P + 15, P = p.P + 24;
    Random random(5);
    const int R = p.c.R, N = 7;
    const GuardedBuffer<float> x(p.x), y(p.y), dy(random.normals<float>(R * N * 3)),
        in(random.normals<float>(R * N * 5)), rates(std::vector<float>{0.01f, 0.1f});
    const GuardedBuffer<std::uint64_t> step(std::vector<std::uint64_t>{4});
    const PartialGradientSizes sizes = partial_gradients(p.c.shape, false, p.c.N);
    GuardedBuffer<float> parts(R * sizes.parts), gradients(random.normals<float>(R * P));
    GuardedBuffer<unsigned int> arrived(std::vector<unsigned int>(R * sizes.arrived, 0));
    const WeightLayers<float> layers{
        {{dense_W, dense_b, dy.data(), in.data(), N, 5, 3}},
        {{0, p.bias_at(), y.data(), x.data(), p.c.shape, false, p.c.N, {parts.data(), arrived.data()}}}};
    const auto start = random.normals<float>(R * P), first = random.uniforms<float>(R * P),
               second = random.uniforms<float>(R * P);
    const auto run = [&](bool together) {
        GuardedBuffer<float> values(start), m(first), v(second), g(gradients.download());
        GuardedBuffer<unsigned long long> key(std::vector<unsigned long long>(R, ~0ull));
        const AdamState<float> state{values.data(), m.data(), v.data(), reinterpret_cast<NonFinite*>(key.data())};
        if (together) {
            check(weight_gradients_adam(state, g.data(), layers, rates.data(), step.data(), {}, R, P, nullptr));
        } else {
            check(weight_gradients(g.data(), layers, R, P, nullptr));
            check(adam<float>(state, g.data(), rates.data(), step.data(), {}, R, P, nullptr));
        }
        return values.download();
    };
    expect_close(run(true), as<double>(run(false)), Tolerance{1e-7, 1e-6}, "parameters");
}

}  // namespace
}  // namespace warpvae

// A Gaussian latent inside fused dense layers, on lanes: every spread and prior, and the layers around a draw in its
// launch, against the operations that they are made of. fused_dense_test.cu holds those against their definition.
#include <array>

#include "cuda/ops/fused_dense.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;

/// What a layer reads, forward (x) and backward (dy), and its parameters W, b of R replicas at stride P.
struct Layer {
    Layer(int R, int N, int in_, int out_) : in(in_), out(out_), P(std::size_t(out_) * (in_ + 1) + 3) {
        Random random(N + 10 * in + 100 * out);
        x = random.normals<float>(std::size_t(R) * N * in);
        dy = random.normals<float>(std::size_t(R) * N * out);
        arena = random.normals<float>(R * P);
    }
    std::size_t bias() const { return std::size_t(out) * in; }
    int in, out;
    std::size_t P;
    std::vector<float> x, dy, arena;
};

/// Priors of Z latents in each of two replicas, on the device: N(0, I), one mean for all, and each its own of both.
struct Priors {
    explicit Priors(int Z) : stride(Z + 3), numbers(Random(6).normals<float>(2 * stride, 0.4)) {}
    std::vector<GaussianPrior<float>> all() const {
        const float *mean = numbers.data(), *deviation = numbers.data() + 3;
        return {{}, {mean, 0}, {nullptr, 0, deviation, stride}, {mean, stride, deviation, stride}};
    }
    std::size_t stride;
    GuardedBuffer<float> numbers;
};

/// body(latent) with every spread and prior.
template <class Body>
void with_all_latents(const Priors& priors, Body body) {
    for (const Spread spread :
         {Spread::kLogVariance, Spread::kLogDeviation, Spread::kLogDeviationFromOne, Spread::kVariance})
        for (const GaussianPrior<float>& prior : priors.all()) {
            SCOPED_TRACE("spread " + std::to_string(int(spread)));
            body(GaussianLatent<float>{spread, prior});
        }
}

/// Moments as a spread means them: variances are positive.
std::vector<float> sound_moments(std::vector<float> moments, Spread spread) {
    if (spread == Spread::kVariance)
        for (float& m : moments) m = std::abs(m) + 0.1f;
    return moments;
}

TEST(FusedGaussian, HeadTakesEverySpreadAndPrior) {
    const int R = 2, N = 19, H = 9;
    for (const int Z : {1, 6, 40}) {
        Layer l(R, N, H, 2 * Z);
        for (float& x : l.x) x = std::abs(x);
        const Priors priors(Z);
        GuardedBuffer<std::uint64_t> seeds(std::vector<std::uint64_t>{7, 8});
        LatentNoise noise;
        noise.seeds = seeds.data(), noise.first_row = 4;
        with_all_latents(priors, [&](const GaussianLatent<float>& latent) {
            GuardedBuffer<float> h(l.x), arena(sound_moments(l.arena, latent.spread)), m(R * N * 2 * Z),
                sample(R * N * Z), k(R * N), moments(m.size()), z(sample.size()), kl(k.size());
            check(fused_dense_forward(m.data(), h.data(), arena.data(), arena.data() + l.bias(), l.P, Activation::kNone,
                                      R, N, H, 2 * Z, nullptr));
            check(gaussian_sample_forward(sample.data(), k.data(), static_cast<const float*>(m.data()), latent.prior,
                                          latent.spread, noise, R, N, Z, nullptr));
            check(fused_gaussian_head(moments.data(), z.data(), kl.data(), h.data(), arena.data(),
                                      arena.data() + l.bias(), l.P, latent, noise, R, N, H, Z, nullptr));
            expect_identical(moments.download(), m.download(), "moments");
            expect_close(z.download(), as<double>(sample.download()), Tolerance{1e-6, 1e-6}, "z");
            expect_close(kl.download(), as<double>(k.download()), Tolerance{0, 2 * Z * kRounding<float> + 1e-6}, "kl");
        });
    }
}

TEST(FusedGaussian, BackwardTakesEverySpreadAndPrior) {
    const int R = 2;
    for (const auto& [N, Z, out] : {std::array{3, 1, 5}, {19, 6, 40}, {5, 37, 7}}) {
        const Layer l(R, N, Z, out);
        const std::size_t rows = std::size_t(R) * N;
        const Priors priors(Z);
        const std::vector<float> some_moments = Random(5).normals<float>(rows * 2 * Z);
        with_all_latents(priors, [&](const GaussianLatent<float>& latent) {
            GuardedBuffer<float> z(l.x), dy(l.dy), arena(l.arena), moments(sound_moments(some_moments, latent.spread)),
                dz(l.x.size()), expected(rows * 2 * Z), d(expected.size());
            check(fused_dense_backward_input(dz.data(), dy.data(), z.data(), arena.data(), l.P, Activation::kNone, R, N,
                                             Z, out, nullptr));
            check(gaussian_sample_backward<float>(expected.data(), dz.data(), z.data(), moments.data(), latent.prior,
                                                  latent.spread, 0.25f, R, N, Z, nullptr));
            check(fused_gaussian_head_backward(d.data(), dy.data(), arena.data(), l.P, z.data(), moments.data(), latent,
                                               0.25f, R, N, Z, out, nullptr));
            expect_close(d.download(), as<double>(expected.download()), Tolerance{1e-5, 1e-6}, "moment gradients");
        });
    }
}

float largest_of(const std::vector<float>& x) {
    float largest = 0;
    for (const float v : x) largest = std::max(largest, std::abs(v));
    return largest;
}

/// The draw's neighbours in the same launch: the layer that reads z, and on the way back the heads.
TEST(FusedGaussian, TheLayersAroundADrawAgreeWithTheirParts) {
    for (const auto& [R, N, H, Z, out] : {std::array{1, 1, 1, 1, 1},
                                          {2, 19, 37, 6, 300},
                                          {1, 33, 400, 20, 40},
                                          {2, 5, 260, 32, 33},
                                          {1, 18, 9, 40, 7}}) {
        const Layer heads(R, N, H, 2 * Z), reader(R, N, Z, out);
        const std::size_t rows = std::size_t(R) * N, W3 = heads.P, b3 = W3 + std::size_t(out) * Z, P = W3 + reader.P;
        std::vector<float> both;
        for (int r = 0; r < R; ++r) {
            const auto first = slice(heads.arena, r * heads.P, heads.P),
                       second = slice(reader.arena, r * reader.P, reader.P);
            both.insert(both.end(), first.begin(), first.end());
            both.insert(both.end(), second.begin(), second.end());
        }
        GuardedBuffer<std::uint64_t> seeds(std::vector<std::uint64_t>{7, 8});
        LatentNoise noise;
        noise.seeds = seeds.data();
        GuardedBuffer<float> h(heads.x), dy(reader.dy), arena(both), moments(rows * 2 * Z), z(rows * Z), kl(rows),
            y(rows * out), expected(rows * out), m(moments.size()), sample(z.size()), k(rows);
        check(fused_gaussian_head(m.data(), sample.data(), k.data(), h.data(), arena.data(),
                                  arena.data() + heads.bias(), P, {}, noise, R, N, H, Z, nullptr));
        check(fused_gaussian_head(moments.data(), z.data(), kl.data(), h.data(), arena.data(),
                                  arena.data() + heads.bias(), P, {}, noise, R, N, H, Z, nullptr,
                                  {y.data(), arena.data() + W3, arena.data() + b3, Activation::kRelu, out}));
        expect_identical(moments.download(), m.download(), "moments");
        expect_identical(z.download(), sample.download(), "z");
        expect_identical(kl.download(), k.download(), "kl");
        check(fused_dense_forward(expected.data(), z.data(), arena.data() + W3, arena.data() + b3, P, Activation::kRelu,
                                  R, N, Z, out, nullptr));
        // Sums of Z terms of size z w, and 2Z terms below; each rounds in its own order.
        expect_close(y.download(), as<double>(expected.download()),
                     Tolerance{Z * kRounding<float> * 4 * largest_of(z.download()), Z * kRounding<float>}, "y");

        GuardedBuffer<float> d(moments.size()), dm(moments.size()), dh(rows * H), dh_expected(dh.size());
        check(fused_gaussian_head_backward(dm.data(), dy.data(), arena.data() + W3, P, z.data(), moments.data(), {},
                                           0.25f, R, N, Z, out, nullptr));
        check(fused_gaussian_head_backward(d.data(), dy.data(), arena.data() + W3, P, z.data(), moments.data(), {},
                                           0.25f, R, N, Z, out, nullptr,
                                           {dh.data(), h.data(), arena.data(), Activation::kRelu, H}));
        expect_identical(d.download(), dm.download(), "moment gradients");
        check(fused_dense_backward_input(dh_expected.data(), dm.data(), h.data(), arena.data(), P, Activation::kRelu, R,
                                         N, H, 2 * Z, nullptr));
        expect_close(dh.download(), as<double>(dh_expected.download()),
                     Tolerance{2 * Z * kRounding<float> * 4 * largest_of(dm.download()), 2 * Z * kRounding<float>},
                     "dh");

        // The last replica alone has the bits that it has beside another.
        const std::size_t last = R - 1, row = last * N;
        const float* const mine = arena.data() + last * P;
        noise.seeds = seeds.data() + last;
        GuardedBuffer<float> m1(N * 2 * Z), z1(N * Z), kl1(N), y1(N * out), d1(N * 2 * Z), dh1(N * H);
        check(fused_gaussian_head(m1.data(), z1.data(), kl1.data(), h.data() + row * H, mine, mine + heads.bias(), P,
                                  {}, noise, 1, N, H, Z, nullptr,
                                  {y1.data(), mine + W3, mine + b3, Activation::kRelu, out}));
        check(fused_gaussian_head_backward(d1.data(), dy.data() + row * out, mine + W3, P, z1.data(), m1.data(), {},
                                           0.25f, 1, N, Z, out, nullptr,
                                           {dh1.data(), h.data() + row * H, mine, Activation::kRelu, H}));
        expect_identical(kl1.download(), slice(kl.download(), row, N), "kl alone");
        expect_identical(y1.download(), slice(y.download(), row * out, N * out), "y alone");
        expect_identical(d1.download(), slice(d.download(), row * 2 * Z, N * 2 * Z), "moment gradients alone");
        expect_identical(dh1.download(), slice(dh.download(), row * H, N * H), "dh alone");
    }
}

}  // namespace
}  // namespace warpvae

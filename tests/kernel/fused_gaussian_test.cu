// A Gaussian latent inside fused dense layers, on lanes: every spread and prior against the operations that they are
// made of, and a replica alone against several. fused_dense_test.cu holds those operations against their definition.
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
        GuardedBuffer<float> factors(Random(6).uniforms<float>(R * Z, 0, 1));
        const KlWeight<float> kl_weight(0.25f, factors.data());
        with_all_latents(priors, [&](const GaussianLatent<float>& latent) {
            GuardedBuffer<float> z(l.x), dy(l.dy), arena(l.arena), moments(sound_moments(some_moments, latent.spread)),
                dz(l.x.size()), expected(rows * 2 * Z), d(expected.size());
            check(fused_dense_backward_input(dz.data(), dy.data(), z.data(), arena.data(), l.P, Activation::kNone, R, N,
                                             Z, out, nullptr));
            check(gaussian_sample_backward<float>(expected.data(), dz.data(), z.data(), moments.data(), latent.prior,
                                                  latent.spread, kl_weight, R, N, Z, nullptr));
            check(fused_gaussian_head_backward(d.data(), dy.data(), arena.data(), l.P, z.data(), moments.data(), latent,
                                               kl_weight, R, N, Z, out, nullptr));
            expect_close(d.download(), as<double>(expected.download()), Tolerance{1e-5, 1e-6}, "moment gradients");
        });
    }
}

TEST(FusedGaussian, AReplicaAloneHasTheBitsThatItHasBesideAnother) {
    const int R = 2, N = 19, H = 37, out = 33;
    for (const int Z : {6, 40}) {
        const Layer heads(R, N, H, 2 * Z), reader(R, N, Z, out);
        GuardedBuffer<std::uint64_t> seeds(std::vector<std::uint64_t>{7, 8});
        LatentNoise noise;
        noise.seeds = seeds.data();
        GuardedBuffer<float> h(heads.x), dy(reader.dy), arena(heads.arena), W(reader.arena), moments(R * N * 2 * Z),
            z(R * N * Z), kl(R * N), d(moments.size());
        check(fused_gaussian_head(moments.data(), z.data(), kl.data(), h.data(), arena.data(),
                                  arena.data() + heads.bias(), heads.P, {}, noise, R, N, H, Z, nullptr));
        check(fused_gaussian_head_backward(d.data(), dy.data(), W.data(), reader.P, z.data(), moments.data(), {}, 0.25f,
                                           R, N, Z, out, nullptr));
        for (int r = 0; r < R; ++r) {
            const std::size_t row = std::size_t(r) * N;
            const float* const mine = arena.data() + r * heads.P;
            noise.seeds = seeds.data() + r;
            GuardedBuffer<float> m1(N * 2 * Z), z1(N * Z), kl1(N), d1(N * 2 * Z);
            check(fused_gaussian_head(m1.data(), z1.data(), kl1.data(), h.data() + row * H, mine, mine + heads.bias(),
                                      heads.P, {}, noise, 1, N, H, Z, nullptr));
            check(fused_gaussian_head_backward(d1.data(), dy.data() + row * out, W.data() + r * reader.P, reader.P,
                                               z1.data(), m1.data(), {}, 0.25f, 1, N, Z, out, nullptr));
            expect_identical(m1.download(), slice(moments.download(), row * 2 * Z, N * 2 * Z), "moments");
            expect_identical(z1.download(), slice(z.download(), row * Z, N * Z), "z");
            expect_identical(kl1.download(), slice(kl.download(), row, N), "kl");
            expect_identical(d1.download(), slice(d.download(), row * 2 * Z, N * 2 * Z), "moment gradients");
        }
    }
}

}  // namespace
}  // namespace warpvae

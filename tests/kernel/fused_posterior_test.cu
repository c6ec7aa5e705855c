// The fused ends of an encoder that is drawn from several times (dense_posterior, dense_to_posterior_backward): as the
// fused product and the parts' own kernels have them, and the same whoever is beside.
#include "cuda/ops/fused_dense.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;

TEST(FusedPosterior, AgreesWithItsParts) {
    struct Case {
        int R, N, K, H, Z;
    };
    for (const auto& [R, N, K, H, Z] :
         {Case{1, 1, 1, 1, 1}, {2, 7, 5, 40, 3}, {1, 33, 3, 200, 30}, {2, 18, 6, 9, 50}, {1, 17, 2, 3, 128}}) {
        const std::size_t W = std::size_t(2) * Z * H, P = W + 2 * Z + 3;
        Random random(Z);
        GuardedBuffer<float> h(random.normals<float>(std::size_t(R) * N * H)), arena(random.normals<float>(R * P));
        GuardedBuffer<std::uint64_t> seeds(std::vector<std::uint64_t>{7, 8}), step(std::vector<std::uint64_t>{3});
        const float* const b = arena.data() + W;
        const std::size_t rows = std::size_t(R) * N, draws = rows * K;
        for (const VarianceHead head : {VarianceHead::kExp, VarianceHead::kSoftplus})
            for (const bool drawn : {true, false}) {
                LatentNoise noise;
                if (drawn) noise.seeds = seeds.data(), noise.step = step.data(), noise.first_row = 8;
                GuardedBuffer<float> m(rows * 2 * Z), z(draws * Z), kl(rows), ratio(draws);
                check(fused_dense_forward(m.data(), h.data(), arena.data(), b, P, Activation::kNone, R, N, H, 2 * Z,
                                          nullptr));
                check(variance_head(m.data(), kl.data(), head, R, N, Z, nullptr));
                check(posterior_samples(z.data(), ratio.data(), m.data(), noise, R, N, K, Z, nullptr));

                GuardedBuffer<float> fm(m.size()), fz(z.size()), fkl(rows), fratio(draws);
                check(fused_posterior({fm.data(), fkl.data(), fz.data(), fratio.data()}, h.data(), arena.data(), b, P,
                                      head, noise, R, N, K, H, Z, nullptr));
                // A variance of e^raw has some ten times raw's error, and 10 is about the largest raw here; z and the
                // sums follow from it. The ratio's terms cancel: its error is that of their squares.
                expect_close(fm.download(), as<double>(m.download()), Tolerance{1e-6, 1e-5}, "moments");
                expect_close(fz.download(), as<double>(z.download()), Tolerance{1e-5, 1e-5}, "z");
                expect_close(fkl.download(), as<double>(kl.download()), Tolerance{0, 2e-5}, "kl");
                std::vector<double> allowed(draws);
                const std::vector<float> Z_ = z.download(), M = m.download();
                for (std::size_t i = 0; i < draws; ++i)
                    for (int j = 0; j < Z; ++j) {
                        const double x = Z_[i * Z + j], mu = M[i / K * 2 * Z + j], v = M[i / K * 2 * Z + Z + j];
                        allowed[i] += 2e-5 * (1 + x * x + (x - mu) * (x - mu) / v + std::abs(std::log(v)));
                    }
                expect_close(fratio.download(), as<double>(ratio.download()), allowed, "ratio");

                GuardedBuffer<float> alone(m.size()), no_z(0);
                check(fused_posterior({alone.data(), nullptr, no_z.data(), nullptr}, h.data(), arena.data(), b, P, head,
                                      noise, R, N, 0, H, Z, nullptr));
                expect_identical(alone.download(), fm.download(), "moments without draws");

                GuardedBuffer<float> last_m(fm.size() / R), last_z(fz.size() / R), last_ratio(draws / R);
                noise.seeds = drawn ? seeds.data() + R - 1 : nullptr;
                const std::size_t before = std::size_t(R - 1) * N;
                check(fused_posterior({last_m.data(), nullptr, last_z.data(), last_ratio.data()}, h.data() + before * H,
                                      arena.data() + (R - 1) * P, b + (R - 1) * P, P, head, noise, 1, N, K, H, Z,
                                      nullptr));
                expect_identical(last_z.download(), slice(fz.download(), before * K * Z, last_z.size()),
                                 "the last replica alone");
                expect_identical(last_ratio.download(), slice(fratio.download(), before * K, last_ratio.size()),
                                 "the last replica alone");
            }
    }
    const auto status = [](int N, int K, int H, int Z, std::size_t first_row) {
        return fused_posterior({}, nullptr, nullptr, nullptr, 0, VarianceHead::kExp,
                               {nullptr, nullptr, Purpose::kLatent, first_row}, 1, N, K, H, Z, nullptr);
    };
    EXPECT_FALSE(status(1, 1, 4, 129, 0).ok());
    EXPECT_FALSE(status(1, 1, 4, 3, 2).ok()) << "the noise of four rows is one block";
    EXPECT_FALSE(status(1, -1, 4, 3, 0).ok());
    EXPECT_FALSE(status(1 << 16, 1 << 16, 4, 3, 0).ok()) << "more draws than an int counts";
}

TEST(FusedPosteriorBackward, AgreesWithItsParts) {
    struct Case {
        int R, N, K, Z, out;
    };
    for (const auto& [R, N, K, Z, out] : {Case{1, 1, 1, 1, 1},
                                          {2, 7, 5, 30, 137},
                                          {3, 5, 16, 3, 9},
                                          {2, 3, 17, 33, 12},
                                          {1, 4, 50, 40, 20},
                                          {2, 2, 64, 7, 5},
                                          {1, 33, 1, 65, 4}}) {
        const std::size_t images = std::size_t(R) * N, draws = images * K, P = std::size_t(out) * Z + 3;
        Random random(K);
        auto m = random.normals<float>(images * 2 * Z);
        for (std::size_t i = 0; i < m.size(); ++i)
            if (int(i % (2 * Z)) >= Z) m[i] = float(std::exp(random.uniform(-2, 2)));
        const auto z_ = random.normals<float>(draws * Z), w_ = random.uniforms<float>(draws, 0, 2. / K);
        GuardedBuffer<float> dy(random.normals<float>(draws * out)), arena(random.normals<float>(R * P)), z(z_),
            moments(m), weights(w_), dz(draws * Z), expected(m.size());
        std::vector<double> orders(R, 1);
        orders[0] = 0.5;
        GuardedBuffer<double> alphas(orders);
        GuardedBuffer<float> factors(random.uniforms<float>(R * Z, 0, 1));
        for (const VarianceHead head : {VarianceHead::kExp, VarianceHead::kSoftplus}) {
            const auto path_of = [&](int r) {
                const std::size_t row = std::size_t(r) * N;
                return PosteriorPath<float>{z.data() + row * K * Z,
                                            moments.data() + row * 2 * Z,
                                            weights.data() + row * K,
                                            {alphas.data() + r, true},
                                            head,
                                            0.25f,
                                            factors.data() + r * Z};
            };
            check(fused_dense_backward_input(dz.data(), dy.data(), z.data(), arena.data(), P, Activation::kNone, R,
                                             N * K, Z, out, nullptr));
            check(posterior_backward(expected.data(), dz.data(), path_of(0), R, N, K, Z, nullptr));
            GuardedBuffer<float> d(m.size());
            check(fused_posterior_backward(d.data(), dy.data(), arena.data(), P, path_of(0), R, N, K, Z, out, nullptr));
            // dz is the same; the sums over K are fused multiply-adds or not.
            std::vector<double> allowed(m.size());
            const std::vector<float> DZ = dz.download();
            for (std::size_t i = 0; i < draws * Z; ++i) {
                const std::size_t at = i / Z / K * 2 * Z + i % Z;
                const double w = 0.25 * w_[i / Z], size = std::abs(DZ[i]) + w * std::abs(z_[i]) + 1;
                allowed[at] += 2e-6 * size,
                    allowed[at + Z] += 2e-6 * (size * (std::abs(z_[i] - m[at]) + 1) + m[at + Z]);
            }
            expect_close(d.download(), as<double>(expected.download()), allowed, "dheads");

            const int last = R - 1;
            GuardedBuffer<float> alone(m.size() / R);
            check(fused_posterior_backward(alone.data(), dy.data() + std::size_t(last) * N * K * out,
                                           arena.data() + last * P, P, path_of(last), 1, N, K, Z, out, nullptr));
            expect_identical(alone.download(), slice(d.download(), last * alone.size(), alone.size()),
                             "the last replica alone");
        }
    }
    EXPECT_FALSE(fused_posterior_backward(nullptr, nullptr, nullptr, 0, {}, 1, 1, 65, 1, 1, nullptr).ok());
    EXPECT_FALSE(fused_posterior_backward(nullptr, nullptr, nullptr, 0, {}, 1, 1 << 26, 64, 1, 1, nullptr).ok());
}

}  // namespace
}  // namespace warpvae

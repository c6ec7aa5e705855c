// A decoder's warped images with their likelihood and its gradients, in one launch: against the operations it is made
// of, and finite differences in double.
#include <cmath>

#include "cuda/ops/dense.h"
#include "cuda/ops/loss.h"
#include "tests/support/warp_test.h"

namespace warpvae {
namespace {

using namespace test;

/// What warp_sigmoid_bernoulli makes of images.
template <class T>
struct Loss {
    std::vector<T> nll, out, dout, dlogits, du;
    Loss(const WarpUnderTest<T>& warp, const std::vector<T>& images, const std::vector<T>& u,
         const std::vector<T>& target, std::size_t N, const SampleShape& s, const SampleOptions& o) {
        GuardedBuffer<T> in(images), numbers(u), t(target), n(N), x(target.size()), d(target.size()), l(images.size()),
            v(u.size());
        check(warp_sigmoid_bernoulli<T>({n.data(), x.data(), d.data(), l.data(), v.data()}, in.data(), numbers.data(),
                                        warp.warp, t.data(), T(0.25), N, s, o, nullptr));
        nll = n.download(), out = x.download(), dout = d.download(), dlogits = l.download(), du = v.download();
    }
};

template <class T>
void expect_its_parts(const SampleShape& s, WarpForm form, int g, std::size_t N, const SampleOptions& o) {
    Random random(21);
    const WarpUnderTest<T> warp(form, g, s, o.align_corners);
    auto images = random.uniforms<T>(images_size(N, s));
    for (std::size_t i = 0; i < images.size(); i += 3) images[i] = T(i % 2);  // some beyond the clip
    const auto u = near_identity<T>(random, form, g, N);
    const auto target = random.uniforms<T>(out_size(N, s));
    const std::size_t D = std::size_t(s.C) * s.out_H * s.out_W;
    const Loss<T> fused(warp, images, u, target, N, s, o);

    expect_identical(fused.out, warp.forward(images, u, N, s, o), "out");
    GuardedBuffer<T> x(fused.out), t(target), nll(N), dout(target.size());
    check(bernoulli_from_probabilities<T>(nll.data(), dout.data(), x.data(), t.data(), T(0.25), 1, int(N), int(D),
                                          nullptr));
    const double rounding = kRounding<T>;
    expect_close(fused.nll, as<double>(nll.download()), Tolerance{0, double(D + 4) * rounding}, "nll");
    expect_close(fused.dout, as<double>(dout.download()), Tolerance{0, 4 * rounding}, "dout");

    const auto plain = warp.backward(fused.dout, images, u, N, s, o);
    GuardedBuffer<T> y(images), dlogits(plain.dimages);
    check(sigmoid_backward<T>(dlogits.data(), dlogits.data(), y.data(), images.size(), nullptr));
    expect_close(fused.dlogits, as<double>(dlogits.download()), Tolerance{0, 2 * rounding}, "dlogits");
    expect_identical(fused.du, plain.dparameters, "du");
}

TEST(WarpLoss, AgreesWithItsParts) {
    for (const SampleShape& s : kShapes)
        for (const auto& [form, g] : kForms)
            for (const std::size_t N : {std::size_t(0), std::size_t(3)}) {
                expect_its_parts<double>(s, form, g, N, {});
                at_all_block_sizes([&, form = form, g = g] { expect_its_parts<float>(s, form, g, N, {}); });
            }
    for (const SampleOptions& o : all_modes())
        expect_its_parts<float>({2, 13, 17, 12, 15}, WarpForm::kInverseAffine, 0, 2, o);
    expect_its_parts<float>({2, 101, 120, 40, 31}, WarpForm::kAffine, 0, 2, {});  // two bands
}

TEST(WarpLoss, FromLogitsByFiniteDifferences) {
    const SampleShape s{2, 5, 4, 4, 6};
    const std::size_t N = 2;
    for (const auto& [form, g] : kForms)
        for (const bool align_corners : {true, false}) {
            // Not zeros beyond the border: near a probability of 0 the likelihood curves too much for a difference.
            const SampleOptions o{Padding::kBorder, align_corners, true};
            Random random(22);
            const WarpUnderTest<double> warp(form, g, s, o.align_corners);
            const Numbers logits = random.normals<double>(images_size(N, s)),
                          target = random.uniforms<double>(out_size(N, s)),
                          u = near_identity<double>(random, form, g, N);
            const auto loss_of = [&](Numbers l, const Numbers& numbers) {
                for (double& x : l) x = 1 / (1 + std::exp(-x));
                return Loss<double>(warp, l, numbers, target, N, s, o);
            };
            const auto sum = [&](const Numbers& l, const Numbers& numbers) {
                double total = 0;
                for (const double x : loss_of(l, numbers).nll) total += 0.25 * x;
                return total;
            };
            const Loss<double> loss = loss_of(logits, u);
            const std::string name = "form " + std::to_string(int(form)) + ", g " + std::to_string(g) + ", ";
            expect_gradient([&](const Numbers& l) { return sum(l, u); }, logits, loss.dlogits,
                            name + "dlogits " + mode_name(o));
            expect_gradient([&](const Numbers& numbers) { return sum(logits, numbers); }, u, loss.du,
                            name + "du " + mode_name(o));
        }
}

TEST(WarpLoss, AnImageDoesNotDependOnItsBatch) {
    const SampleShape s;
    Random random(24);
    const WarpUnderTest<float> warp(WarpForm::kInversePose, 0, s, true);
    const auto images = random.uniforms<float>(3 * 784), target = random.uniforms<float>(3 * 784);
    const auto u = near_identity<float>(random, WarpForm::kInversePose, 0, 3);
    const Loss<float> all(warp, images, u, target, 3, s, {});
    for (std::size_t n = 0; n < 3; ++n) {
        const auto of_image = [n](const std::vector<float>& x) { return slice(x, n * 784, 784); };
        const Loss<float> one(warp, of_image(images), slice(u, n * 5, 5), of_image(target), 1, s, {});
        expect_identical(one.nll, slice(all.nll, n, 1), "nll alone");
        expect_identical(one.dlogits, of_image(all.dlogits), "dlogits alone");
        expect_identical(one.du, slice(all.du, n * 5, 5), "du alone");
    }
}

TEST(WarpLoss, PassesOnWhatIsNotANumber) {
    const SampleShape s{1, 6, 6, 6, 6};
    const WarpUnderTest<float> warp(WarpForm::kAffine, 0, s, true);
    Random random(23);
    const auto images = random.uniforms<float>(72), target = random.uniforms<float>(72);
    std::vector<float> u = near_identity<float>(random, WarpForm::kAffine, 0, 2);
    u[6 + 2] = NAN;
    const Loss<float> loss(warp, images, u, target, 2, s, {});
    EXPECT_TRUE(std::isfinite(loss.nll[0]));
    EXPECT_TRUE(std::isnan(loss.nll[1]));
    for (int i = 0; i < 72; ++i) EXPECT_EQ(std::isnan(loss.dlogits[i]), i >= 36) << i;
}

}  // namespace
}  // namespace warpvae

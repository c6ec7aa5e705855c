// Renyi's bound against plain sums in long double at every order, its weights against finite differences of its loss,
// and what is known of it: equal weights, one weight, two by hand, the order of the orders, and the limit at 1.
#include "cuda/ops/renyi.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
const std::vector<double> kAlphas{-kInfinity, -20, -0.5, 0, 0.5, 0.9, 1 - 1e-9, 1, 1 + 1e-9, 1.5, 4, kInfinity};

/// Rows of every replica, one order each.
template <class T>
struct Rows {
    std::vector<double> alphas;
    int N, K;
    std::vector<T> nll, ratio, kl;  // kl may be empty
    bool analytic_kl = true;

    Rows(std::vector<double> orders, int rows, int draws) : alphas(std::move(orders)), N(rows), K(draws) {
        Random random(N + 7 * K);
        nll = random.uniforms<T>(alphas.size() * N * K, 80, 100);
        ratio = random.normals<T>(nll.size(), 5);
        kl = random.uniforms<T>(alphas.size() * N, 0, 30);
    }
    /// The same log weights in every replica: ratio 0, nll = -w.
    Rows(std::vector<double> orders, const std::vector<double>& w)
        : alphas(std::move(orders)), N(1), K(int(w.size())), ratio(alphas.size() * w.size()) {
        for (std::size_t r = 0; r < alphas.size(); ++r)
            for (const double x : w) nll.push_back(T(-x));
    }

    struct Out {
        std::vector<T> loss, negative_elbo, weights;
    };
    Out run(bool with_loss = true, bool with_elbo = true, bool with_weights = true) const {
        const int R = int(alphas.size());
        GuardedBuffer<T> l(nll), p(ratio), divergence(kl), loss(std::size_t(R) * N), elbo(loss.size()), W(nll.size());
        GuardedBuffer<double> a(alphas);
        const RenyiBound<T> out{with_loss ? loss.data() : nullptr, with_elbo ? elbo.data() : nullptr,
                                with_weights ? W.data() : nullptr};
        check(renyi_bound(out, l.data(), p.data(), kl.empty() ? nullptr : divergence.data(), {a.data(), analytic_kl}, R,
                          N, K, nullptr));
        return {loss.download(), elbo.download(), W.download()};
    }
    bool analytic(double alpha) const { return alpha == 1 && !kl.empty() && analytic_kl; }
};

template <class T>
void expect_reference(const Rows<T>& rows) {
    const int K = rows.K;
    const double u = kRounding<double>;
    std::vector<double> loss, loss_allowed, elbo, elbo_allowed, weights, weights_allowed;
    for (std::size_t row = 0; row < rows.alphas.size() * rows.N; ++row) {
        const double alpha = rows.alphas[row / rows.N], b = 1 - alpha;
        std::vector<long double> w(K);
        long double mean = 0, mean_nll = 0, high = -INFINITY, low = INFINITY, largest = -INFINITY, total = 0;
        for (int k = 0; k < K; ++k) {
            w[k] = (long double)(rows.ratio[row * K + k]) - (long double)(rows.nll[row * K + k]);
            mean += w[k] / K, mean_nll += (long double)(rows.nll[row * K + k]) / K;
            high = std::max(high, w[k]), low = std::min(low, w[k]);
        }
        const bool is_finite = std::isfinite(alpha);
        if (is_finite) {
            for (const long double x : w) largest = std::max(largest, b * x);
            for (const long double x : w) total += std::exp(b * x - largest);
        }
        long double bound = mean;
        if (alpha != 1) bound = is_finite ? (largest + std::log(total / K)) / b : (alpha < 0 ? high : low);
        loss.push_back(double(rows.analytic(alpha) ? rows.kl[row] + mean_nll : -bound));
        elbo.push_back(double(-mean));
        // Sums of K terms of one sign, each right to a few u, so that s and log(...) / b, which is at most high - low,
        // are; and what long double loses by dividing with b.
        const double magnitude = std::max(std::abs(double(high)), std::abs(double(low))), spread = double(high - low);
        const double error = u * (K + 4) * (magnitude + 100) + u * (8 * K + 40) * spread;
        const double of_reference = is_finite && b != 0 ? (K + 2) * 0x1p-64 * (1 + double(largest)) / std::abs(b) : 0;
        loss_allowed.push_back(error + of_reference + kRounding<T> * std::abs(loss.back()));
        elbo_allowed.push_back(error + kRounding<T> * std::abs(elbo.back()));
        for (int k = 0; k < K; ++k) {
            if (!is_finite) {
                weights.push_back(w[k] == bound), weights_allowed.push_back(0);
                continue;
            }
            const double x = double(b * w[k] - largest);
            weights.push_back(double(std::exp(x) / total));
            // e^x passes on what x has lost, to w and to s; so does the sum of the others.
            const double relative = u * (2 * K + 20 + 4 * std::abs(x) + 4 * std::abs(b) * magnitude);
            weights_allowed.push_back((kRounding<T> + relative) * weights.back() +
                                      double(std::numeric_limits<T>::denorm_min()));
        }
    }
    const auto out = rows.run();
    const std::string name = ", K " + std::to_string(K);
    expect_close(out.loss, loss, loss_allowed, "loss" + name);
    expect_close(out.negative_elbo, elbo, elbo_allowed, "negative ELBO" + name);
    expect_close(out.weights, weights, weights_allowed, "weights" + name);
}

TEST(RenyiBound, AgainstPlainSumsAtEveryOrder) {
    for (const int K : {1, 2, 7, 31, 50, 257}) {
        expect_reference(Rows<double>(kAlphas, 3, K));
        Rows<float> rows(kAlphas, 3, K);
        expect_reference(rows);
        rows.analytic_kl = false;
        expect_reference(rows);
        rows.analytic_kl = true, rows.kl.clear();
        expect_reference(rows);
    }
    at_all_block_sizes([] {
        for (const int K : {1, 5, 97}) expect_reference(Rows<float>(kAlphas, 2, K));
        expect_reference(Rows<double>(kAlphas, 1, 33));
    });
}

TEST(RenyiBound, WeightsByFiniteDifferences) {
    for (const bool analytic_kl : {true, false}) {
        Rows<double> rows(kAlphas, 2, 5);
        rows.analytic_kl = analytic_kl;
        const Rows<double> at = rows;
        const auto c = Random(3).normals<double>(rows.alphas.size() * rows.N);
        const auto loss = [&] {
            const std::vector<double> out = rows.run().loss;
            double sum = 0;
            for (std::size_t i = 0; i < out.size(); ++i) sum += c[i] * out[i];
            return sum;
        };
        std::vector<double> to_nll = rows.run().weights, to_ratio = to_nll, to_kl = c;
        for (std::size_t i = 0; i < to_nll.size(); ++i) {
            const std::size_t row = i / rows.K;
            const bool analytic = rows.analytic(rows.alphas[row / rows.N]);
            to_nll[i] *= c[row];
            to_ratio[i] = analytic ? 0 : -to_nll[i];
            if (!analytic) to_kl[row] = 0;
        }
        const auto by = [&](std::vector<double> Rows<double>::*input) {
            return [&, input](const std::vector<double>& x) {
                rows = at;
                rows.*input = x;
                return loss();
            };
        };
        expect_gradient(by(&Rows<double>::nll), at.nll, to_nll, "by nll");
        expect_gradient(by(&Rows<double>::ratio), at.ratio, to_ratio, "by ratio");
        expect_gradient(by(&Rows<double>::kl), at.kl, to_kl, "by kl");
    }
}

TEST(RenyiBound, DoesNotRiseWithTheOrder) {
    std::vector<double> alphas{-kInfinity};
    for (double x = -8; x <= 8; x += 0.25) alphas.push_back(1 + std::sinh(x));
    for (const double x : {-1e-3, -1e-6, -1e-12, 1e-12, 1e-6, 1e-3}) alphas.push_back(1 + x);
    alphas.push_back(kInfinity);
    std::sort(alphas.begin(), alphas.end());
    for (const double scale : {0.01, 1., 100.}) {
        const auto out = Rows<double>(alphas, Random(5).normals<double>(11, scale)).run();
        for (std::size_t i = 1; i < alphas.size(); ++i)
            EXPECT_GE(out.loss[i], out.loss[i - 1] - 1e-14 * scale) << "from " << alphas[i - 1] << " to " << alphas[i];
        EXPECT_GT(out.loss.back(), out.loss.front() + scale);
    }
}

TEST(RenyiBound, JoinsTheMeanSmoothlyAtOne) {
    const auto w = Random(6).normals<double>(50, 10);
    double mean = 0, variance = 0;
    for (const double x : w) mean += x / 50;
    for (const double x : w) variance += (x - mean) * (x - mean) / 50;
    const std::vector<double> steps{0, 1e-9, -1e-9, 1e-12, -1e-12, 0x1p-53, -0x1p-52};
    std::vector<double> alphas{1 - 1e-6, 1 + 1e-6};
    for (const double b : steps) alphas.push_back(1 - b);
    const std::vector<double> loss = Rows<double>(alphas, w).run().loss;
    for (std::size_t i = 2; i < loss.size(); ++i) EXPECT_NEAR(loss[i], loss[2], 1e-7 * std::abs(loss[2])) << alphas[i];
    // bound = mean + b variance / 2 + O(b^2): six digits of a difference of 5e-5.
    EXPECT_NEAR((loss[2] - loss[0]) / (1 - alphas[0]), variance / 2, 1e-4 * variance);
    EXPECT_NEAR((loss[2] - loss[1]) / (1 - alphas[1]), variance / 2, 1e-4 * variance);
}

TEST(RenyiBound, OneDrawIsTheSameAtEveryOrder) {
    const Rows<float> rows(kAlphas, std::vector<double>{-91.25});
    const auto out = rows.run();
    EXPECT_EQ(out.loss, std::vector<float>(kAlphas.size(), 91.25f));
    EXPECT_EQ(out.negative_elbo, out.loss);
    EXPECT_EQ(out.weights, std::vector<float>(kAlphas.size(), 1.f));
}

TEST(RenyiBound, EqualWeightsAreTheBoundAndShareAlike) {
    at_all_block_sizes([] {
        const auto out = Rows<double>(kAlphas, std::vector<double>(8, -3.5)).run();
        EXPECT_EQ(out.loss, std::vector<double>(kAlphas.size(), 3.5));
        for (std::size_t i = 0; i < out.weights.size(); ++i) {
            const bool is_extreme = !std::isfinite(kAlphas[i / 8]);  // the first of equals has all
            EXPECT_EQ(out.weights[i], is_extreme ? i % 8 == 0 : 0.125) << "order " << kAlphas[i / 8];
        }
    });
}

TEST(RenyiBound, TwoWeightsByHand) {
    const double three = std::log(3);
    const std::vector<double> alphas{0, 2, -1, 0.5, 1, kInfinity, -kInfinity};
    const auto out = Rows<double>(alphas, std::vector<double>{0, three}).run();
    const double root = std::sqrt(3);
    expect_close(out.loss,
                 std::vector<double>{-std::log(2), -std::log(1.5), -std::log(5) / 2, -2 * std::log((1 + root) / 2),
                                     -three / 2, 0, -three},
                 Tolerance{1e-15, 0}, "losses by hand");
    expect_close(
        out.weights,
        std::vector<double>{0.25, 0.75, 0.75, 0.25, 0.1, 0.9, 1 / (1 + root), root / (1 + root), 0.5, 0.5, 1, 0, 0, 1},
        Tolerance{1e-15, 0}, "weights by hand");
    const std::vector<double> ties{-1, 2, -1, 2, 1};
    EXPECT_EQ(Rows<double>({kInfinity}, ties).run().weights, (std::vector<double>{1, 0, 0, 0, 0}));
    EXPECT_EQ(Rows<double>({-kInfinity}, ties).run().weights, (std::vector<double>{0, 1, 0, 0, 0}));
}

TEST(RenyiBound, AnInfiniteLossWeighsNothingOrEverything) {
    at_all_block_sizes([] {
        const auto out = Rows<float>(kAlphas, {0, -kInfinity, 0}).run();
        for (std::size_t r = 0; r < kAlphas.size(); ++r) {
            const float weight = out.weights[r * 3 + 1];
            EXPECT_EQ(out.negative_elbo[r], INFINITY);
            if (kAlphas[r] < 1) {
                const double b = 1 - kAlphas[r];
                EXPECT_NEAR(out.loss[r], -std::log(2. / 3) / b, 1e-6 / b) << kAlphas[r];
                EXPECT_EQ(weight, 0.f);
            } else {
                EXPECT_EQ(out.loss[r], INFINITY) << kAlphas[r];
                EXPECT_EQ(weight, kAlphas[r] == 1 ? 1.f / 3 : 1.f);
            }
        }
        const auto all = Rows<float>(kAlphas, {-kInfinity, -kInfinity}).run();
        for (std::size_t r = 0; r < kAlphas.size(); ++r) {
            EXPECT_EQ(all.loss[r], INFINITY) << kAlphas[r];
            EXPECT_EQ(all.weights[2 * r] + all.weights[2 * r + 1], 1.f);
        }
    });
}

TEST(RenyiBound, NotANumberStaysInItsRow) {
    for (const bool in_ratio : {false, true}) {
        Rows<float> rows(kAlphas, 3, 40);
        (in_ratio ? rows.ratio : rows.nll)[(7 * 3 + 1) * 40 + 38] = NAN;  // where the order is 1
        (in_ratio ? rows.ratio : rows.nll)[(2 * 3 + 2) * 40 + 1] = NAN;
        (in_ratio ? rows.ratio : rows.nll)[1 * 40] = NAN;  // the largest
        rows.analytic_kl = false;
        at_all_block_sizes([&] {
            const auto out = rows.run();
            for (std::size_t i = 0; i < out.loss.size(); ++i) {
                const bool here = i == 1 || i == 8 || i == 22;
                EXPECT_EQ(std::isnan(out.loss[i]), here) << i;
                EXPECT_EQ(std::isnan(out.negative_elbo[i]), here) << i;
                EXPECT_EQ(std::isnan(out.weights[40 * i + 5]), here && i != 22) << i;  // at order 1 all are 1 / K
            }
        });
    }
    EXPECT_TRUE(std::isnan(Rows<double>({kNaN}, {1, 2}).run().loss[0]));
}

TEST(RenyiBound, EachOutputMayBeNullAndNoDrawsAreRefused) {
    const Rows<float> rows(kAlphas, 2, 9);
    const auto all = rows.run();
    for (int left_out = 0; left_out < 3; ++left_out) {
        const auto some = rows.run(left_out != 0, left_out != 1, left_out != 2);
        if (left_out != 0) expect_identical(some.loss, all.loss, "loss");
        if (left_out != 1) expect_identical(some.negative_elbo, all.negative_elbo, "negative ELBO");
        if (left_out != 2) expect_identical(some.weights, all.weights, "weights");
        for (const float x : left_out == 0 ? some.loss : left_out == 1 ? some.negative_elbo : some.weights)
            EXPECT_TRUE(std::isnan(x)) << "written without being asked";
    }
    const float* none = nullptr;
    EXPECT_FALSE(renyi_bound(RenyiBound<float>{}, none, none, none, {}, 1, 1, 0, nullptr).ok());
    EXPECT_TRUE(renyi_bound(RenyiBound<float>{}, none, none, none, {}, 1, 0, 5, nullptr).ok());
}

}  // namespace
}  // namespace warpvae

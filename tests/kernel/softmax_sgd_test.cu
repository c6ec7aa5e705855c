// Softmax regression by stochastic gradients in one block: against a plain loop in double over the same order of rows,
// by hand, by finite differences, and on classes that planes separate.
#include <array>

#include "cuda/device/buffer.h"
#include "cuda/ops/linear_models.h"
#include "cuda/ops/minibatch.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;

/// One problem: n rows of d features, labels below K.
template <class T>
struct Problem {
    std::size_t n;
    int d;
    std::vector<T> x;
    std::vector<std::uint8_t> y;
    std::uint64_t seed;

    Problem(std::size_t rows, int features, int K, std::uint64_t seed_) : n(rows), d(features), seed(seed_) {
        Random random(seed + n + d);
        x = random.normals<T>(n * d);
        y = random.integers<std::uint8_t>(n, 0, K - 1);
    }
};

template <class T>
std::vector<T> trained(const std::vector<Problem<T>>& problems, const SoftmaxSgdOptions& options) {
    const int Q = int(problems.size()), d = problems[0].d;
    std::vector<DeviceBuffer<T>> x;
    std::vector<DeviceBuffer<std::uint8_t>> y;
    std::vector<const T*> features;
    std::vector<const std::uint8_t*> labels;
    std::vector<std::uint64_t> seeds;
    for (const auto& problem : problems) {
        features.push_back(x.emplace_back(problem.x).data());
        labels.push_back(y.emplace_back(problem.y).data());
        seeds.push_back(problem.seed);
    }
    const DeviceBuffer<const T*> X(features);
    const DeviceBuffer<const std::uint8_t*> Y(labels);
    const DeviceBuffer<std::uint64_t> S(seeds);
    GuardedBuffer<T> weights(std::size_t(Q) * options.classes * (d + 1));
    check(softmax_sgd(weights.data(), X.data(), Y.data(), S.data(), options, Q, problems[0].n, d, nullptr));
    return weights.download();
}

template <class T>
std::vector<std::uint8_t> predicted(const std::vector<T>& weights, const std::vector<T>& x, int K, int Q, std::size_t m,
                                    int d) {
    const GuardedBuffer<T> W(weights), X(x);
    std::vector<const T*> each;
    for (int q = 0; q < Q; ++q) each.push_back(X.data() + q * m * d);
    const DeviceBuffer<const T*> features(each);
    GuardedBuffer<std::uint8_t> out(Q * m);
    check(softmax_predict(out.data(), W.data(), features.data(), K, Q, m, d, nullptr));
    return out.download();
}

/// The mean cross-entropy of `rows`, and its gradient added to `gradient` if there is one.
template <class T>
double cross_entropy(const std::vector<double>& W, const Problem<T>& problem, const std::vector<std::size_t>& rows,
                     int K, std::vector<double>* gradient = nullptr) {
    const int d = problem.d, D = d + 1;
    double loss = 0;
    for (const std::size_t row : rows) {
        std::vector<double> x(problem.x.begin() + row * d, problem.x.begin() + (row + 1) * d), e(K);
        x.push_back(1);
        double total = 0;
        for (int k = 0; k < K; ++k) {
            double logit = 0;
            for (int j = 0; j < D; ++j) logit += W[k * D + j] * x[j];
            total += e[k] = std::exp(logit);
        }
        loss -= std::log(e[problem.y[row]] / total) / double(rows.size());
        for (int k = 0; gradient && k < K; ++k)
            for (int j = 0; j < D; ++j)
                (*gradient)[k * D + j] += (e[k] / total - (k == problem.y[row])) * x[j] / double(rows.size());
    }
    return loss;
}

template <class T>
std::vector<double> plain(const Problem<T>& problem, const SoftmaxSgdOptions& options) {
    const int K = options.classes;
    std::vector<double> W(std::size_t(K) * (problem.d + 1));
    std::vector<std::vector<std::uint32_t>> orders;
    for (std::size_t step = 0, next = 0; step < std::size_t(options.steps); ++step) {
        std::vector<std::size_t> rows;
        for (int i = 0; i < options.batch; ++i, ++next) {
            if (next / problem.n == orders.size()) {  // an epoch begins
                GuardedBuffer<std::uint32_t> order(problem.n);
                check(minibatch_order(order.data(), problem.n, problem.seed, orders.size(), nullptr));
                orders.push_back(order.download());
            }
            rows.push_back(orders.back()[next % problem.n]);
        }
        std::vector<double> gradient(W.size());
        cross_entropy(W, problem, rows, K, &gradient);
        for (std::size_t i = 0; i < W.size(); ++i) W[i] -= double(options.learning_rate) * gradient[i];
    }
    return W;
}

template <class T>
void against_a_plain_loop(std::size_t n, int d, const SoftmaxSgdOptions& options) {
    const Problem<T> problem(n, d, options.classes, 11);
    const std::vector<double> expected = plain(problem, options);
    // Descent on a convex loss moves no two points apart, so errors add up. A step makes: d + 1 roundings of a logit's
    // sums, which are below |w| |x| and add up as their root, and a probability feels a half of them at most; a dozen
    // of a probability; batch + 3 of the sum; one of the weight.
    const auto largest_norm = [](const auto& rows, int D) {
        double largest = 0;
        for (std::size_t first = 0; D && first < rows.size(); first += D) {
            double square = 0;
            for (int k = 0; k < D; ++k) square += double(rows[first + k]) * double(rows[first + k]);
            largest = std::max(largest, std::sqrt(square));
        }
        return largest;
    };
    const double w = largest_norm(expected, d + 1), x = std::max(1., largest_norm(problem.x, 1));
    const double logit = 4 * std::sqrt(d + 1.) * w * (largest_norm(problem.x, d) + 1) / 2;
    const double allowed =
        options.steps * 2 * kRounding<T> * (options.learning_rate * x * (logit + 12 + options.batch + 3) + w);
    expect_close(trained<T>({problem}, options), expected, Tolerance{allowed, 0},
                 std::string(sizeof(T) == 4 ? "float" : "double") + ", n " + std::to_string(n) + " d " +
                     std::to_string(d) + " K " + std::to_string(options.classes));
}
TEST(SoftmaxSgd, AgainstAPlainLoopOverTheSameRows) {
    at_all_block_sizes([] {
        against_a_plain_loop<float>(1, 1, {1, 1, 3, 0.5f});
        against_a_plain_loop<float>(7, 3, {2, 5, 20, 0.5f});      // epochs end within a batch
        against_a_plain_loop<float>(5, 2, {3, 256, 3, 0.5f});     // and many times
        against_a_plain_loop<float>(33, 65, {10, 32, 12, 0.1f});  // one past a tile
        against_a_plain_loop<float>(41, 256, {32, 33, 3, 0.1f});
        against_a_plain_loop<float>(100, 0, {4, 8, 9, 0.5f});  // intercepts alone
        against_a_plain_loop<double>(7, 3, {2, 5, 20, 0.5f});
        against_a_plain_loop<double>(67, 31, {7, 13, 30, 0.2f});
        against_a_plain_loop<double>(41, 256, {32, 256, 1, 0.1f});  // all the shared memory there can be
    });
}

TEST(SoftmaxSgd, OneStepByHand) {
    // From 0 both classes have probability 1/2: the gradient is the mean of (-1/2, 1/2) (1, 1) and (1/2, -1/2) (3, 1).
    Problem<float> problem(2, 1, 2, 5);
    problem.x = {1, 3}, problem.y = {0, 1};
    at_all_block_sizes([&] {
        EXPECT_EQ(trained<float>({problem}, {2, 2, 1, 0.5f}), (std::vector<float>{-0.25f, 0, 0.25f, 0}));
        EXPECT_EQ(trained<float>({problem}, {2, 2, 0, 0.5f}), std::vector<float>(4)) << "no step";
    });
}

TEST(SoftmaxSgd, AStepFollowsTheGradientByFiniteDifferences) {
    const int n = 9, d = 4, K = 3;
    const Problem<double> problem(n, d, K, 2);
    std::vector<std::size_t> all(n);
    for (int i = 0; i < n; ++i) all[i] = i;
    std::vector<double> gradient = trained<double>({problem}, {K, n, 1, 0.5f});
    for (double& g : gradient) g *= -2;
    expect_gradient([&](const std::vector<double>& W) { return cross_entropy(W, problem, all, K); },
                    std::vector<double>(gradient.size()), gradient, "a step from 0");
}

TEST(SoftmaxSgd, WholeEpochsAsABatchAreTheSameInAnyOrder) {
    Problem<double> problem(12, 3, 3, 1);
    const std::vector<double> expected = trained<double>({problem}, {3, 12, 10, 0.5f});
    expect_close(trained<double>({problem}, {3, 36, 10, 0.5f}), expected, Tolerance{1e-13, 0}, "three at a time");
    problem.seed = 77;
    expect_close(trained<double>({problem}, {3, 12, 10, 0.5f}), expected, Tolerance{1e-13, 0}, "another seed");
    EXPECT_NE(trained<double>({problem}, {3, 5, 1, 0.5f}),
              trained<double>({Problem<double>(12, 3, 3, 1)}, {3, 5, 1, 0.5f}));
}

TEST(SoftmaxSgd, ProblemsAreAsTheyAreAlone) {
    const SoftmaxSgdOptions options{5, 8, 25, 0.3f};
    std::vector<Problem<float>> problems;
    for (const std::uint64_t seed : {3, 4, 9}) problems.emplace_back(50, 12, 5, seed);
    at_all_block_sizes([&] {
        const std::vector<float> together = trained(problems, options);
        for (std::size_t q = 0; q < problems.size(); ++q)
            expect_identical(slice(together, q * 5 * 13, 5 * 13), trained<float>({problems[q]}, options), "problem");
    });
}

TEST(SoftmaxSgd, SeparatesWhatPlanesSeparate) {
    const int n = 600, d = 20, K = 10;
    Problem<float> problem(n, d, K, 21);
    for (int i = 0; i < n; ++i) {  // a class's rows about 8 along its own axis
        problem.x[i * d + 2 * problem.y[i]] += 8;
    }
    const std::vector<float> W = trained<float>({problem}, {K, 32, 800, 0.05f});
    const std::vector<std::uint8_t> guess = predicted(W, problem.x, K, 1, n, d);
    int wrong = 0;
    for (int i = 0; i < n; ++i) wrong += guess[i] != problem.y[i];
    EXPECT_LE(wrong, 1);
}

TEST(SoftmaxSgd, ALabelOutOfRangeMakesItsOwnProblemNaN) {
    const SoftmaxSgdOptions options{3, 6, 2, 0.5f};
    std::vector<Problem<float>> problems{{6, 4, 3, 1}, {6, 4, 3, 2}};
    const std::vector<float> whole = trained(problems, options);
    at_all_block_sizes([&] {
        for (const int label : {3, 255}) {
            problems[0].y[2] = std::uint8_t(label);
            const std::vector<float> W = trained(problems, options);
            for (int i = 0; i < 15; ++i) EXPECT_TRUE(std::isnan(W[i])) << i;
            for (int i = 15; i < 30; ++i) EXPECT_FALSE(std::isnan(W[i])) << i;
        }
    });
    expect_identical(slice(trained(problems, options), 15, 15), slice(whole, 15, 15), "the other one");
}

TEST(SoftmaxSgd, WhatCannotBeIsRefused) {
    GuardedBuffer<float> weights(4);
    const auto asked = [&](const SoftmaxSgdOptions& options, std::size_t n, int d) {
        return softmax_sgd<float>(weights.data(), nullptr, nullptr, nullptr, options, 1, n, d, nullptr).ok();
    };
    EXPECT_FALSE(asked({0, 1, 1, 1}, 5, 1));
    EXPECT_FALSE(asked({33, 1, 1, 1}, 5, 1));
    EXPECT_FALSE(asked({2, 0, 1, 1}, 5, 1));
    EXPECT_FALSE(asked({2, 257, 1, 1}, 5, 1));
    EXPECT_FALSE(asked({2, 1, -1, 1}, 5, 1));
    EXPECT_FALSE(asked({2, 1, 1, 1}, 0, 1)) << "no rows";
    EXPECT_FALSE(asked({2, 1, 1, 1}, 5, 257));
    for (const float w : weights.download()) EXPECT_TRUE(std::isnan(w)) << "refused, yet written";
}

TEST(SoftmaxPredict, TheLargestAndTheFirstOfEquals) {
    for (const auto& [Q, m, d, K] : {std::array{1, 0, 3, 2}, std::array{1, 1, 1, 1}, std::array{3, 31, 5, 7},
                                     std::array{2, 257, 3, 10}, std::array{1, 2, 0, 3}}) {
        Random random(m + d);
        const auto W = random.integers<float>(std::size_t(Q) * K * (d + 1), -2, 2);  // exact, and often equal
        const auto x = random.integers<float>(std::size_t(Q) * m * d, -2, 2);
        std::vector<std::uint8_t> expected;
        for (int row = 0; row < Q * m; ++row) {
            std::vector<int> logits(K);
            for (int k = 0; k < K; ++k) {
                const float* w = W.data() + (row / m * K + k) * (d + 1);
                logits[k] = int(w[d]);
                for (int j = 0; j < d; ++j) logits[k] += int(w[j] * x[std::size_t(row) * d + j]);
            }
            expected.push_back(std::uint8_t(std::max_element(logits.begin(), logits.end()) - logits.begin()));
        }
        at_all_block_sizes([&, Q = Q, m = m, d = d, K = K] {
            expect_identical(predicted(W, x, K, Q, m, d), expected, "float");
            expect_identical(predicted(as<double>(W), as<double>(x), K, Q, m, d), expected, "double");
        });
    }
}

}  // namespace
}  // namespace warpvae

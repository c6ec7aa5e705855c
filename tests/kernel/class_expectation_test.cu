// The exact expectation over classes against a plain double reference and against finite differences of the whole loss.
#include <cstdint>

#include "cuda/ops/pairs.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// A step's inputs, any of them changed by a test before it runs.
template <class T>
struct Step {
    PairShape shape;
    int R;
    T labelled_scale = T(0.3);
    std::vector<T> logits, nll, kl, log_prior;
    std::vector<std::uint8_t> labels;

    Step(const PairShape& s, int replicas) : shape(s), R(replicas) {
        Random random(s.unlabelled + 10 * s.classes + 100 * s.labelled);
        logits = random.normals<T>(std::size_t(R) * s.images() * s.classes, 2);
        nll = random.uniforms<T>(std::size_t(R) * s.pairs(), 50, 150);
        kl = random.uniforms<T>(nll.size(), 0, 30);
        labels = random.integers<std::uint8_t>(std::size_t(R) * s.labelled, 0, std::max(s.classes - 1, 0));
        std::vector<double> p = random.uniforms<double>(s.classes, 0.5, 1.5);
        double total = 0;
        for (const double v : p) total += v;
        for (const double v : p) log_prior.push_back(T(std::log(v / total)));
    }
};

template <class T>
struct Result {
    std::vector<T> pair_weights, dlogits, reconstruction, kl, class_kl, cross_entropy;
};

template <class T>
Result<T> run(const Step<T>& s, bool in_place = false) {
    const std::size_t R = s.R;
    GuardedBuffer<T> logits(s.logits), nll(s.nll), kl(s.kl), prior(s.log_prior);
    GuardedBuffer<std::uint8_t> labels(s.labels);
    GuardedBuffer<T> weights(s.nll.size()), dlogits(s.logits.size()), reconstruction(R * s.shape.unlabelled),
        divergence(reconstruction.size()), class_kl(reconstruction.size()), cross_entropy(R * s.shape.labelled);
    GuardedBuffer<T>& gradient = in_place ? logits : dlogits;
    check(class_expectation({weights.data(), gradient.data(), reconstruction.data(), divergence.data(), class_kl.data(),
                             cross_entropy.data()},
                            logits.data(), nll.data(), kl.data(), labels.data(), prior.data(), s.labelled_scale,
                            s.shape, s.R, nullptr));
    return {weights.download(),    gradient.download(), reconstruction.download(),
            divergence.download(), class_kl.download(), cross_entropy.download()};
}

/// The definitions in double, and what rounding may add to each: u for each operation, 3u for e^x, 2u for log.
struct Reference {
    Result<double> value, allowed;

    template <class T>
    explicit Reference(const Step<T>& s) {
        const int U = s.shape.unlabelled, K = s.shape.classes, L = s.shape.labelled;
        const double u = (sizeof(T) == 8 ? 2 : 1) * kRounding<T>, scale = double(s.labelled_scale);
        const auto add = [](std::vector<double>& values, std::vector<double>& errors, double x, double error) {
            values.push_back(x), errors.push_back(error);
        };
        for (int r = 0; r < s.R; ++r)
            for (int i = 0; i < U + L; ++i) {
                const T* x = s.logits.data() + (std::size_t(r) * (U + L) + i) * K;
                std::vector<double> q(K), log_q(K);
                double largest = -kInfinity, smallest = kInfinity, total = 0;
                for (int k = 0; k < K; ++k)
                    largest = std::max(largest, double(x[k])), smallest = std::min(smallest, double(x[k]));
                for (int k = 0; k < K; ++k) total += std::exp(x[k] - largest);
                for (int k = 0; k < K; ++k) log_q[k] = x[k] - largest - std::log(total), q[k] = std::exp(log_q[k]);
                // A difference d of logits is off by |d| u, its exponential as much in proportion, and so are their
                // sum, its logarithm and the quotient.
                const double range = largest - smallest;
                const double q_error = (2 * range + K + 8) * u, log_error = (3 * range + K + 8 + 3 * std::log(K)) * u;
                if (i >= U) {
                    const std::size_t l = std::size_t(r) * L + i - U;
                    const int label = s.labels[l];
                    add(value.pair_weights, allowed.pair_weights, scale, 0);
                    add(value.cross_entropy, allowed.cross_entropy, -log_q[label], log_error);
                    for (int k = 0; k < K; ++k)
                        add(value.dlogits, allowed.dlogits, scale * (q[k] - (k == label)),
                            scale * (q[k] * q_error + 2 * u));
                    continue;
                }
                const T *nll = s.nll.data() + std::size_t(r) * s.shape.pairs() + i * K,
                        *kl = s.kl.data() + std::size_t(r) * s.shape.pairs() + i * K;
                const auto expectation = [&](auto f) {
                    double sum = 0;
                    for (int k = 0; k < K; ++k) sum += q[k] * f(k);
                    return sum;
                };
                const auto ratio = [&](int k) { return log_q[k] - s.log_prior[k]; };
                const auto size = [&](int k) { return std::abs(log_q[k]) + std::abs(double(s.log_prior[k])); };
                const double reconstruction = expectation([&](int k) { return double(nll[k]); });
                const double divergence = expectation([&](int k) { return double(kl[k]); });
                const double class_kl = expectation(ratio), sum_error = q_error + (K + 1) * u;
                const double cost_error = (reconstruction + divergence) * sum_error;
                const double class_error = expectation(size) * (sum_error + u) + log_error;
                add(value.reconstruction, allowed.reconstruction, reconstruction, reconstruction * sum_error);
                add(value.kl, allowed.kl, divergence, divergence * sum_error);
                add(value.class_kl, allowed.class_kl, class_kl, class_error);
                for (int k = 0; k < K; ++k) {
                    const double cost = double(nll[k]) + kl[k], loss = reconstruction + divergence + class_kl;
                    add(value.pair_weights, allowed.pair_weights, q[k] / U, q[k] / U * (q_error + u));
                    const double difference = cost + ratio(k) - loss;
                    const double error = 4 * u * (cost + size(k) + loss) + cost_error + class_error + log_error;
                    add(value.dlogits, allowed.dlogits, q[k] / U * difference,
                        q[k] / U * (std::abs(difference) * (q_error + 2 * u) + error));
                }
            }
    }
};

template <class T>
void expect_values(const Step<T>& s) {
    const Result<T> out = run(s);
    const Reference reference(s);
    const auto& [value, allowed] = reference;
    const std::string name = ", U " + std::to_string(s.shape.unlabelled) + " K " + std::to_string(s.shape.classes) +
                             " L " + std::to_string(s.shape.labelled);
    // The reference lists each image's pairs together, as pairs lie.
    expect_close(out.pair_weights, value.pair_weights, allowed.pair_weights, "pair weights" + name);
    expect_close(out.dlogits, value.dlogits, allowed.dlogits, "dlogits" + name);
    expect_close(out.reconstruction, value.reconstruction, allowed.reconstruction, "reconstruction" + name);
    expect_close(out.kl, value.kl, allowed.kl, "kl" + name);
    expect_close(out.class_kl, value.class_kl, allowed.class_kl, "class kl" + name);
    expect_close(out.cross_entropy, value.cross_entropy, allowed.cross_entropy, "cross entropy" + name);
}

TEST(ClassExpectation, AgainstThePlainFormula) {
    at_all_block_sizes([] {
        for (const PairShape& shape : {PairShape{1, 1, 0}, PairShape{3, 2, 2}, PairShape{5, 10, 0}, PairShape{0, 10, 4},
                                       PairShape{2, 31, 3}, PairShape{1, 97, 1}, PairShape{2, 256, 1}}) {
            expect_values(Step<float>(shape, 2));
            expect_values(Step<double>(shape, 2));
        }
    });
}

TEST(ClassExpectation, ByFiniteDifferencesOfTheWholeLoss) {
    // L of the header's comment, from the row losses and the pairs' costs, in everything that it depends on.
    for (const PairShape& shape : {PairShape{2, 3, 2}, PairShape{3, 4, 0}, PairShape{0, 5, 3}}) {
        const Step<double> at(shape, 2);
        const std::size_t logits = at.logits.size(), pairs = at.nll.size();
        const int U = shape.unlabelled;
        const auto loss = [&](const std::vector<double>& x) {
            Step<double> s = at;
            s.logits = slice(x, 0, logits), s.nll = slice(x, logits, pairs), s.kl = slice(x, logits + pairs, pairs);
            const Result<double> out = run(s);
            double sum = 0;
            for (std::size_t i = 0; i < out.kl.size(); ++i)
                sum += (out.reconstruction[i] + out.kl[i] + out.class_kl[i]) / U;
            for (const double v : out.cross_entropy) sum += s.labelled_scale * v;
            for (std::size_t p = 0; p < pairs; ++p)
                if (int(p % shape.pairs()) >= U * shape.classes) sum += s.labelled_scale * (s.nll[p] + s.kl[p]);
            return sum;
        };
        std::vector<double> x = at.logits;
        x.insert(x.end(), at.nll.begin(), at.nll.end());
        x.insert(x.end(), at.kl.begin(), at.kl.end());
        const Result<double> out = run(at);
        std::vector<double> gradient = out.dlogits;
        for (int twice = 0; twice < 2; ++twice)
            gradient.insert(gradient.end(), out.pair_weights.begin(), out.pair_weights.end());
        expect_gradient(loss, x, gradient, "the whole loss");
    }
}

TEST(ClassExpectation, EqualLogitsAverageExactly) {
    Step<float> s({1, 4, 0}, 1);
    s.logits = {7, 7, 7, 7}, s.nll = {8, 16, 24, 32}, s.kl = {4, 0, 8, 0}, s.log_prior = {0, 0, 0, 0};
    at_all_block_sizes([&] {
        const Result<float> out = run(s);
        EXPECT_EQ(out.pair_weights, std::vector<float>(4, 0.25f));
        EXPECT_EQ(out.reconstruction[0], 20.f);
        EXPECT_EQ(out.kl[0], 3.f);
        expect_close(out.class_kl, std::vector<double>{-std::log(4.)}, Tolerance{0, 2e-7}, "-log 4");
        // The classes' terms are equal, and only the costs' distances from their mean are left.
        expect_close(out.dlogits, std::vector<double>{-11 / 4., -7 / 4., 9 / 4., 9 / 4.}, Tolerance{1e-6, 0},
                     "dlogits");
    });
}

TEST(ClassExpectation, ExtremeLogitsStayFinite) {
    Step<float> s({1, 3, 1}, 1);
    s.logits = {1e4f, -1e4f, 0, 1e4f, -1e4f, 0}, s.nll = {100, 2e3f, 50, 7}, s.kl = {1, 2, 3, 4};
    s.log_prior.assign(3, std::log(1 / 3.f)), s.labels = {1}, s.labelled_scale = 0.5f;
    at_all_block_sizes([&] {
        const Result<float> out = run(s);
        EXPECT_EQ(out.pair_weights, (std::vector<float>{1, 0, 0, 0.5f}));
        EXPECT_EQ(out.reconstruction[0], 100.f);
        EXPECT_EQ(out.kl[0], 1.f);
        expect_close(out.class_kl, std::vector<double>{std::log(3.)}, Tolerance{0, 2e-7}, "log 3");
        EXPECT_EQ(out.cross_entropy[0], 2e4f);
        EXPECT_EQ(out.dlogits, (std::vector<float>{0, 0, 0, 0.5f, -0.5f, 0}));
    });
    // A class that never occurs costs nothing where q has none of it, and all where q has some.
    s.log_prior = {0, -float(kInfinity), -float(kInfinity)};
    const Result<float> never = run(s);
    EXPECT_EQ(never.class_kl[0], 0.f);
    EXPECT_EQ(never.dlogits[1], 0.f);
    s.logits[1] = s.logits[0];
    EXPECT_EQ(run(s).class_kl[0], float(kInfinity));
}

TEST(ClassExpectation, WhatIsNotFiniteIsNeverHidden) {
    const float kNaN = std::numeric_limits<float>::quiet_NaN();
    const int K = 3;
    const Step<float> sound({3, K, 2}, 1);
    // Image 1 holds the fault: in a cost, be its class ruled out or not, or in a logit.
    for (const float fault : {kNaN, float(kInfinity), -float(kInfinity)})
        for (const bool ruled_out : {false, true})
            for (const bool in_kl : {false, true})
                at_all_block_sizes([&] {
                    Step<float> s = sound;
                    (in_kl ? s.kl : s.nll)[1 * K + 2] = fault;
                    if (ruled_out) s.logits[1 * K + 2] = -1e4f;
                    const Result<float> out = run(s);
                    for (int u = 0; u < 3; ++u) {
                        EXPECT_EQ(std::isfinite((in_kl ? out.kl : out.reconstruction)[u]), u != 1);
                        EXPECT_TRUE(std::isfinite((in_kl ? out.reconstruction : out.kl)[u]));
                    }
                    for (int i = 0; i < 5 * K; ++i) EXPECT_EQ(std::isfinite(out.dlogits[i]), i / K != 1) << i;
                });
    for (const float fault : {kNaN, float(kInfinity)})
        for (const int image : {1, 4})
            at_all_block_sizes([&] {
                Step<float> s = sound;
                s.logits[image * K + 1] = fault;
                const Result<float> out = run(s);
                for (int i = 0; i < 5 * K; ++i) EXPECT_EQ(std::isfinite(out.dlogits[i]), i / K != image) << i;
                for (int u = 0; u < 3; ++u) EXPECT_EQ(std::isfinite(out.class_kl[u]), u != image);
                for (int l = 0; l < 2; ++l) EXPECT_EQ(std::isfinite(out.cross_entropy[l]), 3 + l != image);
            });
}

TEST(ClassExpectation, ALabelBeyondTheClassesGivesNaN) {
    Step<float> s({1, 3, 3}, 1);
    s.labels = {2, 3, 255};
    at_all_block_sizes([&] {
        const Result<float> out = run(s);
        for (int l = 0; l < 3; ++l) EXPECT_EQ(std::isnan(out.cross_entropy[l]), l > 0);
        for (int i = 0; i < 4 * 3; ++i) EXPECT_EQ(std::isnan(out.dlogits[i]), i / 3 > 1) << i;
    });
}

TEST(ClassExpectation, TheGradientMayOverwriteTheLogits) {
    for (const PairShape& shape : {PairShape{3, 10, 4}, PairShape{1, 131, 2}})
        at_all_block_sizes([&] {
            const Step<float> s(shape, 2);
            const Result<float> apart = run(s), in_place = run(s, true);
            expect_identical(in_place.dlogits, apart.dlogits, "dlogits");
            expect_identical(in_place.pair_weights, apart.pair_weights, "pair weights");
            expect_identical(in_place.class_kl, apart.class_kl, "class kl");
            expect_identical(in_place.cross_entropy, apart.cross_entropy, "cross entropy");
        });
}

TEST(ClassExpectation, EachOutputMayBeLeftOut) {
    const Step<float> s({3, 4, 2}, 2);
    const Result<float> all = run(s);
    GuardedBuffer<float> logits(s.logits), nll(s.nll), kl(s.kl), prior(s.log_prior);
    GuardedBuffer<std::uint8_t> labels(s.labels);
    const auto alone = [&](float* ClassExpectation<float>::*member, const std::vector<float>& expected) {
        GuardedBuffer<float> only(expected.size());
        ClassExpectation<float> out{};
        out.*member = only.data();
        check(class_expectation(out, logits.data(), nll.data(), kl.data(), labels.data(), prior.data(),
                                s.labelled_scale, s.shape, s.R, nullptr));
        expect_identical(only.download(), expected, "one output alone");
    };
    at_all_block_sizes([&] {
        const Result<float> same = run(s);
        alone(&ClassExpectation<float>::pair_weights, same.pair_weights);
        alone(&ClassExpectation<float>::dlogits, same.dlogits);
        alone(&ClassExpectation<float>::reconstruction, same.reconstruction);
        alone(&ClassExpectation<float>::kl, same.kl);
        alone(&ClassExpectation<float>::class_kl, same.class_kl);
        alone(&ClassExpectation<float>::cross_entropy, same.cross_entropy);
    });
}

TEST(ClassExpectation, WithoutAClassifierOnlyThePairsWeigh) {
    for (const int K : {0, 10})
        at_all_block_sizes([K] {
            const PairShape shape{0, K, 5};
            GuardedBuffer<float> weights(2 * 5);
            ClassExpectation<float> out{};
            out.pair_weights = weights.data();
            check(class_expectation<float>(out, nullptr, nullptr, nullptr, nullptr, nullptr, 0.2f, shape, 2, nullptr));
            EXPECT_EQ(weights.download(), std::vector<float>(10, 0.2f));
        });
    GuardedBuffer<float> b(1024);
    const auto status = [&](const float* logits, const PairShape& shape) {
        return class_expectation<float>({}, logits, b.data(), b.data(), nullptr, b.data(), 1.f, shape, 1, nullptr);
    };
    EXPECT_FALSE(status(nullptr, {1, 3, 0}).ok()) << "unlabelled images need logits";
    EXPECT_FALSE(status(b.data(), {1, 257, 0}).ok());
    EXPECT_FALSE(status(b.data(), {1, 0, 0}).ok());
    EXPECT_TRUE(status(b.data(), {0, 3, 0}).ok());
}

TEST(ClassExpectation, AReplicaIsTheSameAlone) {
    const Step<float> all({3, 10, 2}, 3);
    const Result<float> together = run(all);
    const PairShape& shape = all.shape;
    for (int r = 0; r < all.R; ++r) {
        const std::size_t logits = shape.images() * shape.classes, pairs = shape.pairs();
        Step<float> one = all;
        one.R = 1;
        one.logits = slice(all.logits, r * logits, logits), one.labels = slice(all.labels, r * 2, 2);
        one.nll = slice(all.nll, r * pairs, pairs), one.kl = slice(all.kl, r * pairs, pairs);
        const Result<float> alone = run(one);
        expect_identical(alone.dlogits, slice(together.dlogits, r * logits, logits), "dlogits");
        expect_identical(alone.pair_weights, slice(together.pair_weights, r * pairs, pairs), "pair weights");
        expect_identical(alone.class_kl, slice(together.class_kl, r * 3, 3), "class kl");
        expect_identical(alone.cross_entropy, slice(together.cross_entropy, r * 2, 2), "cross entropy");
    }
}

}  // namespace
}  // namespace warpvae

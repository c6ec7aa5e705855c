// Softmax cross-entropy against a reference in double, its gradient against finite differences, both memory orders.
#include "cuda/softmax_cross_entropy.cuh"

#include <gtest/gtest.h>

#include "cuda/device/buffer.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using test::GuardedBuffer;
using test::Random;

struct Result {
    std::vector<double> loss, gradient;
    std::vector<std::uint8_t> predicted;
};

struct Shape {
    int R, N, K;
    ClassAxis axis;
    std::size_t at(int r, int n, int k) const {
        const std::size_t row = axis == ClassAxis::kFirst ? std::size_t(k) * N + n : std::size_t(n) * K + k;
        return std::size_t(r) * N * K + row;
    }
    std::size_t rows() const { return std::size_t(R) * N; }
};

/// labels [R, first + N]; bias [R, P].
template <class T>
Result reference(const Shape& s, const std::vector<T>& logits, const std::vector<T>& bias, std::size_t P,
                 const std::vector<std::uint8_t>& labels, int first, double scale) {
    Result out{std::vector<double>(s.rows()), std::vector<double>(logits.size()), std::vector<std::uint8_t>(s.rows())};
    for (int r = 0; r < s.R; ++r)
        for (int n = 0; n < s.N; ++n) {
            std::vector<double> x(std::size_t(s.K));
            std::size_t best = 0;
            for (int k = 0; k < s.K; ++k) {
                x[k] = double(logits[s.at(r, n, k)]) + (bias.empty() ? 0. : double(bias[r * P + k]));
                if (x[k] > x[best]) best = std::size_t(k);
            }
            double total = 0;
            for (const double value : x) total += std::exp(value - x[best]);
            const int label = labels[std::size_t(r) * (first + s.N) + first + n];
            const std::size_t row = std::size_t(r) * s.N + n;
            out.loss[row] = std::log(total) + x[best] - x[label];
            out.predicted[row] = static_cast<std::uint8_t>(best);
            for (int k = 0; k < s.K; ++k)
                out.gradient[s.at(r, n, k)] = scale * (std::exp(x[k] - x[best]) / total - (k == label));
        }
    return out;
}

struct Labels {
    Labels(const std::vector<std::uint8_t>& all, int R) : bytes(all) {
        std::vector<const std::uint8_t*> pointers;
        for (int r = 0; r < R; ++r) pointers.push_back(bytes.data() + all.size() / R * r);
        table = DeviceBuffer<const std::uint8_t*>(pointers);
    }
    DeviceBuffer<std::uint8_t> bytes;
    DeviceBuffer<const std::uint8_t*> table;
};

template <class T>
void compare(const Shape& s, bool with_bias, bool in_place) {
    Random random(std::uint64_t(s.N) * 100 + s.K);
    const int first = 3;
    const std::size_t P = s.K + 5;
    // Quarters up to 8: sums with the bias are exact, so the argmax and its ties are too.
    auto logits = random.integers<T>(s.rows() * s.K, -32, 32);
    for (T& x : logits) x /= T(4);
    std::vector<T> bias;
    if (with_bias) bias = random.integers<T>(s.R * P, -2, 2);
    const auto labels = random.integers<std::uint8_t>(std::size_t(s.R) * (first + s.N), 0, s.K - 1);
    const T scale = T(0.37);
    const Result expected = reference(s, logits, bias, P, labels, first, double(scale));

    const Labels device_labels(labels, s.R);
    GuardedBuffer<T> x(logits), b(bias), loss(s.rows()), gradient(logits.size());
    GuardedBuffer<std::uint8_t> predicted(s.rows());
    check(softmax_cross_entropy<T>({loss.data(), in_place ? x.data() : gradient.data(), predicted.data()}, x.data(),
                                   with_bias ? b.data() : nullptr, P, {device_labels.table.data(), first}, scale,
                                   s.axis, s.R, s.N, s.K, nullptr));
    const std::string name = "N " + std::to_string(s.N) + ", K " + std::to_string(s.K);
    // exp 1.5 ulp each, K - 1 additions, a division: 2 (K + 6) roundings of numbers up to 1; the loss's largest term is
    // x_max - x_label <= 20, and log adds 1.5 ulp of at most log K + 1.
    const double eps = test::kRounding<T>, roundings = 2. * (s.K + 6) * eps;
    test::expect_close(loss.download(), expected.loss, test::Tolerance{roundings + 8 * eps, 4 * eps}, name + ", loss");
    test::expect_close(in_place ? x.download() : gradient.download(), expected.gradient,
                       test::Tolerance{double(scale) * roundings, 4 * eps}, name + ", gradient");
    test::expect_identical(predicted.download(), expected.predicted, name + ", predicted");
}

TEST(SoftmaxCrossEntropy, MatchesTheReference) {
    test::at_all_block_sizes([] {
        for (const ClassAxis axis : {ClassAxis::kLast, ClassAxis::kFirst})
            for (const int N : {1, 2, 63, 64, 65, 127, 257})
                for (const int K : {1, 2, 10}) compare<float>({2, N, K, axis}, K != 2, N % 2 == 0);
        // The most that a block brings into shared memory, and more than that.
        for (const int K : {32, 33})
            for (const int N : {255, 513}) compare<float>({2, N, K, ClassAxis::kLast}, true, N == 255);
    });
}
TEST(SoftmaxCrossEntropy, MatchesTheReferenceInDouble) {
    for (const ClassAxis axis : {ClassAxis::kLast, ClassAxis::kFirst}) {
        compare<double>({3, 131, 7, axis}, true, false);
        compare<double>({1, 2, 256, axis}, false, true);
    }
}

TEST(SoftmaxCrossEntropy, GradientMatchesFiniteDifferences) {
    for (const ClassAxis axis : {ClassAxis::kLast, ClassAxis::kFirst}) {
        const Shape s{2, 5, 4, axis};
        Random random(9);
        const auto logits = random.normals<double>(s.rows() * s.K, 2.);
        const auto bias = random.normals<double>(std::size_t(s.R) * s.K);
        const auto labels = random.integers<std::uint8_t>(s.rows(), 0, s.K - 1);
        const Labels device_labels(labels, s.R);
        DeviceBuffer<double> x(logits), b(bias), loss(s.rows()), gradient(logits.size());
        const auto run = [&](const std::vector<double>& at, double* out) {
            x.upload(at);
            check(softmax_cross_entropy<double>({loss.data(), out}, x.data(), b.data(), s.K,
                                                {device_labels.table.data()}, 1., s.axis, s.R, s.N, s.K, nullptr));
            double sum = 0;
            for (const double value : loss.download()) sum += value;
            return sum;
        };
        run(logits, gradient.data());
        test::expect_gradient([&](const std::vector<double>& at) { return run(at, nullptr); }, logits,
                              gradient.download(), "dloss/dlogits");
    }
}

TEST(SoftmaxCrossEntropy, ExtremesNeitherOverflowNorHideNan) {
    const Shape s{1, 5, 3, ClassAxis::kFirst};
    const float inf = INFINITY;
    std::vector<float> logits(15, 0.f);
    const auto set = [&](int n, float a, float b, float c) {
        logits[s.at(0, n, 0)] = a, logits[s.at(0, n, 1)] = b, logits[s.at(0, n, 2)] = c;
    };
    set(0, 1e4f, -1e4f, 0.f);  // exp(1e4) would be infinite
    set(1, -inf, 2.f, 2.f);    // a class that cannot be: probability 0
    set(2, NAN, 0.f, 0.f);     // must show
    set(3, 3e38f, 3e38f, 3e38f);
    set(4, 5.f, 5.f, 5.f);  // ties: the lowest; its label, 3, is out of range
    const Labels labels({0, 1, 1, 2, 3}, 1);
    GuardedBuffer<float> x(logits), loss(5), gradient(15);
    GuardedBuffer<std::uint8_t> predicted(5);
    check(softmax_cross_entropy<float>({loss.data(), gradient.data(), predicted.data()}, x.data(), nullptr, 0,
                                       {labels.table.data()}, 1.f, s.axis, 1, 5, 3, nullptr));
    const auto l = loss.download(), g = gradient.download();
    EXPECT_EQ(l[0], 0.f);
    EXPECT_NEAR(l[1], std::log(2.), 1e-6);
    EXPECT_EQ(g[s.at(0, 1, 0)], 0.f);
    EXPECT_NEAR(g[s.at(0, 1, 1)], -0.5, 1e-6);
    EXPECT_TRUE(std::isnan(l[2]));
    EXPECT_TRUE(std::isnan(g[s.at(0, 2, 0)]));
    EXPECT_NEAR(l[3], std::log(3.), 1e-6);
    EXPECT_TRUE(std::isnan(l[4]));
    EXPECT_EQ(predicted.download()[4], 0);
}

TEST(SoftmaxCrossEntropy, OutputsAndLabelsAreOptional) {
    const Shape s{1, 70, 3, ClassAxis::kLast};
    Random random(4);
    const auto logits = random.normals<float>(210);
    const Labels labels(random.integers<std::uint8_t>(70, 0, 2), 1);
    GuardedBuffer<float> x(logits), loss(70), alone(70), gradient(210);
    GuardedBuffer<std::uint8_t> with(70), without(70);
    const auto run = [&](float* l, float* g, std::uint8_t* p, const std::uint8_t* const* y) {
        check(softmax_cross_entropy<float>({l, g, p}, x.data(), nullptr, 0, {y}, 1.f, s.axis, 1, 70, 3, nullptr));
    };
    run(loss.data(), gradient.data(), with.data(), labels.table.data());
    run(nullptr, nullptr, without.data(), nullptr);
    run(alone.data(), nullptr, nullptr, labels.table.data());
    test::expect_identical(without.download(), with.download(), "predicted without labels");
    test::expect_identical(alone.download(), loss.download(), "loss alone");
    test::expect_identical(x.download(), logits, "logits are left alone");
}

TEST(SoftmaxCrossEntropy, NoRowsAndImpossibleSizes) {
    const auto run = [](int R, int N, int K) {
        return softmax_cross_entropy<float>({}, nullptr, nullptr, 0, {}, 1.f, ClassAxis::kLast, R, N, K, nullptr);
    };
    EXPECT_TRUE(run(1, 0, 3).ok());
    EXPECT_TRUE(run(0, 5, 3).ok());
    EXPECT_FALSE(run(1, -1, 3).ok());
    EXPECT_FALSE(run(1, 5, 0).ok());
    EXPECT_FALSE(run(1, 5, 257).ok());  // a predicted class is a byte
}

}  // namespace
}  // namespace warpvae

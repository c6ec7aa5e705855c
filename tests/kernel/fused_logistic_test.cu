// Logistic regression's sums in one launch, against plain sums in double: sizes around a tile and a chunk, classes
// without rows, problems that have ended, rows that no quad is aligned with.
#include "cuda/fused_logistic.cuh"

#include <gtest/gtest.h>

#include "cuda/device/buffer.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using test::GuardedBuffer;
using test::Random;

struct Shape {
    int Q;
    std::size_t n;
    int K, d;
    std::size_t chunks() const { return fused_logistic_chunks(n); }
};

/// Q problems, of which the second has ended and the last has no rows of class 1.
struct Problems {
    Shape s;
    std::vector<float> x;
    std::vector<std::uint8_t> y;
    std::vector<double> theta;
    std::vector<unsigned> counts;
    std::vector<LbfgsControl> control;

    explicit Problems(const Shape& shape)
        : s(shape), counts(std::size_t(s.Q) * 256, 9), control(std::size_t(s.Q), LbfgsControl{1, 0, 0, 0, 0, 1.}) {
        Random random(s.n * 1000 + s.K * 10 + s.d);
        x = random.normals<float>(s.Q * s.n * s.d);
        theta = random.normals<double>(std::size_t(s.Q) * s.K * (s.d + 1), 0.5);
        const int last = s.Q - 1;
        for (int q = 0; q < s.Q; ++q)
            for (std::size_t i = 0; i < s.n; ++i) {
                const int label = random.integer(0, s.K - 1);
                y.push_back(static_cast<std::uint8_t>(q == last && label == 1 ? 0 : label));
            }
        if (s.K > 1) counts[std::size_t(last) * 256 + 1] = 0;
        if (s.Q > 2) control[1].active = 0;
    }
    bool is_active(int q) const { return control[std::size_t(q)].active; }
};

struct Sums {
    std::vector<float> weights, bias;
    std::vector<double> loss;
};

/// `shift` floats before the rows: no quad of them is aligned where it is not a multiple of 4.
Sums run(const Problems& p, std::size_t shift = 0) {
    const Shape& s = p.s;
    std::vector<float> shifted(shift, NAN);
    shifted.insert(shifted.end(), p.x.begin(), p.x.end());
    const GuardedBuffer<float> x(shifted);
    const GuardedBuffer<std::uint8_t> y(p.y);
    const GuardedBuffer<double> theta(p.theta);
    const GuardedBuffer<unsigned> counts(p.counts);
    std::vector<const std::uint8_t*> each;
    for (int q = 0; q < s.Q; ++q) each.push_back(y.data() + q * s.n);
    const DeviceBuffer<const std::uint8_t*> labels(each);
    const DeviceBuffer<LbfgsControl> control(p.control);
    const std::size_t rows = s.Q * s.chunks();
    GuardedBuffer<float> weights(rows * s.K * s.d), bias(rows * s.K);
    GuardedBuffer<double> loss(rows);
    check(fused_logistic_sums({weights.data(), bias.data(), loss.data(), int(s.chunks())}, theta.data(),
                              {x.data() + shift, labels.data(), s.n, s.d}, counts.data(), control.data(), s.Q, s.K,
                              nullptr));
    return {weights.download(), bias.download(), loss.download()};
}

/// Sums over one chunk of a problem in double, and how far floats may be from them.
struct Reference {
    std::vector<double> gradient, allowed;  // [K, d + 1]
    double loss = 0, loss_allowed = 0;

    Reference(const Problems& p, int q, std::size_t chunk) {
        const int K = p.s.K, d = p.s.d, D = d + 1;
        const double eps = test::kRounding<float>;
        std::vector<double> size(std::size_t(K) * D);
        gradient.resize(size.size()), allowed.resize(size.size());
        const double* theta = p.theta.data() + std::size_t(q) * K * D;
        const std::size_t first = chunk * kLogisticChunk, last = std::min(p.s.n, first + kLogisticChunk);
        for (std::size_t i = first; i < last; ++i) {
            std::vector<double> row(p.x.begin() + (q * p.s.n + i) * d, p.x.begin() + (q * p.s.n + i + 1) * d), e(K);
            row.push_back(1);
            double largest = -INFINITY, total = 0, score_error = 0;
            for (int k = 0; k < K; ++k) {
                double magnitude = 0;
                for (int j = 0; j < D; ++j)
                    e[k] += double(float(theta[k * D + j])) * row[j], magnitude += std::abs(theta[k * D + j] * row[j]);
                if (p.counts[q * 256 + k] == 0) e[k] = -INFINITY;
                largest = std::max(largest, e[k]);
                score_error = std::max(score_error, (D + 1) * eps * magnitude);  // a chain of multiply-adds
            }
            const int label = p.y[q * p.s.n + i];
            const double above = largest - e[label];
            for (double& value : e) total += value = std::exp(value - largest);
            loss += std::log(total) + above;
            // exp and log 1.5 ulp, K additions, a division, and what the scores are off on both sides.
            const double slope_error = 2 * score_error + 2 * (K + 7) * eps;
            loss_allowed += slope_error + 4 * eps * (above + 1);
            for (int k = 0; k < K; ++k)
                for (int j = 0; j < D; ++j) {
                    const double slope = e[k] / total - (k == label);
                    gradient[k * D + j] += slope * row[j];
                    size[k * D + j] += std::abs(slope * row[j]);
                    allowed[k * D + j] += slope_error * std::abs(row[j]);
                }
        }
        const LogisticTile tile(d);
        const int in_tile = (LogisticTile::kRows + tile.groups - 1) / tile.groups;
        const double chain = in_tile * kLogisticChunk / LogisticTile::kRows + tile.groups;
        for (std::size_t i = 0; i < size.size(); ++i) allowed[i] += chain * eps * size[i];
    }
};

void compare(const Shape& s, std::size_t shift = 0) {
    const Problems p(s);
    const Sums sums = run(p, shift);
    const int D = s.d + 1;
    std::vector<double> found, expected, allowed, losses, expected_losses, losses_allowed;
    for (int q = 0; q < s.Q; ++q)
        for (std::size_t c = 0; c < s.chunks(); ++c) {
            const std::size_t chunk = q * s.chunks() + c;
            if (!p.is_active(q)) {  // left alone
                EXPECT_TRUE(std::isnan(sums.loss[chunk]) && std::isnan(sums.bias[chunk * s.K]));
                continue;
            }
            const Reference reference(p, q, c);
            for (int k = 0; k < s.K; ++k)
                for (int j = 0; j < D; ++j)
                    found.push_back(j < s.d ? sums.weights[(chunk * s.K + k) * s.d + j] : sums.bias[chunk * s.K + k]);
            expected.insert(expected.end(), reference.gradient.begin(), reference.gradient.end());
            allowed.insert(allowed.end(), reference.allowed.begin(), reference.allowed.end());
            losses.push_back(sums.loss[chunk]);
            expected_losses.push_back(reference.loss), losses_allowed.push_back(reference.loss_allowed);
        }
    const std::string name =
        "n " + std::to_string(s.n) + ", K " + std::to_string(s.K) + ", d " + std::to_string(s.d) + ", ";
    test::expect_close(found, expected, allowed, name + "gradient");
    test::expect_close(losses, expected_losses, losses_allowed, name + "loss");
}

TEST(FusedLogistic, MatchesThePlainSums) {
    for (const std::size_t n : {1u, 127u, 128u, 129u, 512u, 513u, 1100u})
        for (const int d : {1, 20}) compare({3, n, 10, d});
    for (const int d : {0, 3, 4, 7, 31, 100, 101, 131}) compare({2, 300, 10, d});
    for (const int K : {1, 2, 4, 5, 8, 9, 16}) compare({2, 200, K, 12});
}
TEST(FusedLogistic, RowsNeedNotBeAligned) {
    for (const std::size_t shift : {1u, 2u, 4u}) compare({1, 140, 3, 8}, shift);
}

TEST(FusedLogistic, AProblemDoesNotDependOnItsCompany) {
    const Problems together({4, 700, 10, 30});
    const Sums all = run(together);
    const std::size_t chunks = together.s.chunks(), K = 10, d = 30;
    for (const int q : {0, 2, 3}) {
        Problems alone({1, 700, 10, 30});
        alone.x = test::slice(together.x, q * 700 * d, 700 * d), alone.y = test::slice(together.y, q * 700, 700);
        alone.theta = test::slice(together.theta, q * K * (d + 1), K * (d + 1));
        alone.counts = test::slice(together.counts, std::size_t(q) * 256, 256);
        const Sums one = run(alone);
        test::expect_identical(one.weights, test::slice(all.weights, q * chunks * K * d, chunks * K * d), "weights");
        test::expect_identical(one.bias, test::slice(all.bias, q * chunks * K, chunks * K), "bias");
        test::expect_identical(one.loss, test::slice(all.loss, q * chunks, chunks), "loss");
    }
}

TEST(FusedLogistic, OverflowAndNanShow) {
    Problems p({1, 130, 3, 5});
    p.x[129 * 5] = 3e38f, p.theta[0] = 10;  // a score of infinity
    const Sums infinite = run(p);
    EXPECT_TRUE(std::isnan(infinite.loss[0]));
    p.x[129 * 5] = NAN;
    const Sums nan = run(p);
    EXPECT_TRUE(std::isnan(nan.loss[0]));
    EXPECT_TRUE(std::isnan(nan.weights[0]));
}

TEST(FusedLogistic, FitsWhatABlockHasRoomFor) {
    EXPECT_TRUE(fused_logistic_fits(16, 100));
    EXPECT_FALSE(fused_logistic_fits(17, 100));
    EXPECT_FALSE(fused_logistic_fits(0, 100));
    EXPECT_FALSE(fused_logistic_fits(10, -1));
    EXPECT_FALSE(fused_logistic_fits(10, 784));
    test::LaunchOptionsScope restore;
    launch_options().shared_bytes = 64 * 1024;
    EXPECT_FALSE(fused_logistic_fits(10, 100));
    EXPECT_TRUE(fused_logistic_fits(10, 80));
}

}  // namespace
}  // namespace warpvae

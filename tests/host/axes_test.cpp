// Whether latents are a model's axes: on Gaussians of which it is known, diagonal and rotated; the nearest signed
// permutation against all of them; what random rotations give.
#include "host/evaluate/axes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "host/evaluate/features.h"

namespace warpvae {
namespace {

using Numbers = std::vector<double>;

/// A rotation of d dimensions.
Numbers rotation(int d, unsigned seed) {
    std::mt19937 engine(seed);
    std::normal_distribution<double> draw;
    Numbers Q(std::size_t(d) * d);
    for (double& entry : Q) entry = draw(engine);
    for (int i = 0; i < d; ++i) {
        double* row = Q.data() + i * d;
        for (int before = 0; before < i; ++before) {
            const double along = std::inner_product(row, row + d, Q.data() + before * d, 0.);
            for (int j = 0; j < d; ++j) row[j] -= along * Q[before * d + j];
        }
        const double length = std::sqrt(std::inner_product(row, row + d, row, 0.));
        for (int j = 0; j < d; ++j) row[j] /= length;
    }
    return Q;
}
Numbers identity(int d) {
    Numbers I(std::size_t(d) * d, 0.);
    for (int i = 0; i < d; ++i) I[i * d + i] = 1;
    return I;
}

/// A model whose means are Gaussian with these variances along the rows of Q and 0 along further latents, and whose
/// decoder stretches the same directions.
struct Gaussian {
    Gaussian(const Numbers& variances, const Numbers& Q, int latents) : Z(latents) {
        const int a = int(variances.size());
        std::mt19937 engine(7);
        std::normal_distribution<double> draw;
        std::vector<float> rows;
        for (int n = 0; n < 4000; ++n) {
            std::vector<float> row(std::size_t(Z), 0.f);
            for (int k = 0; k < a; ++k) {
                const double along = std::sqrt(variances[k]) * draw(engine);
                for (int j = 0; j < a; ++j) row[j] += float(along * Q[k * a + j]);
            }
            rows.insert(rows.end(), row.begin(), row.end());
        }
        const Matmul matmul;
        const DeviceBuffer<float> means(rows);
        pca = fit_pca(matmul, means.data(), 4000, Z, Z);
        for (int image = 0; image < 5; ++image) {
            Numbers& gram = grams.emplace_back(std::size_t(Z) * Z, 0.);
            for (int k = 0; k < a; ++k)
                for (int i = 0; i < a; ++i)
                    for (int j = 0; j < a; ++j)
                        gram[i * Z + j] += (1 + k + 0.3 * image * (k % 2)) * Q[k * a + i] * Q[k * a + j];
        }
    }
    AxisMeasures measures() const { return measure_axes(pca, grams, {}); }
    int Z;
    Pca pca;
    std::vector<Numbers> grams;
};

/// n variances, each a fifth above the one before.
Numbers rising(int n) {
    Numbers variances = {0.2};
    while (int(variances.size()) < n) variances.push_back(1.2 * variances.back());
    return variances;
}

TEST(Axes, ADiagonalGaussianLiesOnItsAxes) {
    const AxisMeasures found = Gaussian(rising(8), identity(8), 11).measures();
    EXPECT_EQ(found.active, 8);
    EXPECT_LT(found.correlation.value, 0.03) << "4000 draws: 1 / sqrt(4000) and a little";
    EXPECT_NEAR(found.overlap.value, 1, 1e-9);
    EXPECT_NEAR(found.jacobian.value, 0, 1e-6);
    EXPECT_NEAR(found.jacobian.score(), 1, 1e-6);
    for (const AgainstRotations& of : {found.correlation, found.overlap, found.jacobian}) {
        EXPECT_TRUE(of.decides());
        EXPECT_DOUBLE_EQ(of.p, 1. / 200) << "nearer than each of 199 rotations";
        EXPECT_GT(of.score(), 0.8);
    }
    EXPECT_GT(found.loading.value, found.loading.random_mean);
}

TEST(Axes, ARotatedGaussianIsLikeRandomRotations) {
    int near = 0;
    for (const unsigned seed : {1u, 2u, 3u}) {
        const AxisMeasures found = Gaussian(rising(8), rotation(8, seed), 11).measures();
        ASSERT_EQ(found.active, 8);
        for (const AgainstRotations& of : {found.loading, found.correlation, found.jacobian}) {
            EXPECT_LT(std::abs(of.value - of.random_mean), 4 * of.random_std);
            near += of.p <= 0.05;
        }
        EXPECT_NEAR(found.overlap.value, 1, 1e-9) << "the rotation stays among the active latents";
    }
    EXPECT_LE(near, 2) << "of nine";
}

TEST(Axes, RotatedOverAllLatentsTheOverlapCannotDecide) {
    const AxisMeasures found = Gaussian(rising(8), rotation(8, 1), 8).measures();
    EXPECT_EQ(found.active, 8);
    EXPECT_NEAR(found.overlap.value, 1, 1e-9);
    EXPECT_FALSE(found.overlap.decides());
    EXPECT_EQ(found.overlap.p, 1);
}

TEST(Axes, EqualVariancesHideAxesFromTheMeans) {
    const AxisMeasures found = Gaussian(Numbers(18, 0.7), identity(18), 18).measures();
    EXPECT_NEAR(found.loading.random_mean, 0.51, 0.01) << "of 18 random dimensions";
    EXPECT_LT(found.loading.score(), 0.3) << "any basis is one of eigenvectors";
    EXPECT_LT(std::abs(found.correlation.value - found.correlation.random_mean), 4 * found.correlation.random_std)
        << "so does a covariance that is the same in every direction";
    EXPECT_NEAR(found.jacobian.value, 0, 1e-6);
}

TEST(Axes, NothingIsMeasuredWithoutTwoActiveLatents) {
    const AxisMeasures found = Gaussian({0.5}, {1}, 4).measures();
    EXPECT_EQ(found.active, 1);
    EXPECT_TRUE(std::isnan(found.correlation.value) && std::isnan(found.jacobian.value));
    EXPECT_EQ(found.jacobian.p, 1);
}

TEST(Axes, TheNearestPermutationIsTheNearestOfAll) {
    for (const int d : {1, 2, 5})
        for (const unsigned seed : {1u, 2u, 3u, 4u}) {
            const Numbers V = rotation(d, seed);
            std::vector<int> order(d);
            std::iota(order.begin(), order.end(), 0);
            double nearest = INFINITY;
            do {
                double squares = 0;  // of V - P, with P's signs as V has them
                for (int i = 0; i < d; ++i)
                    for (int j = 0; j < d; ++j) {
                        const double of_V = std::abs(V[i * d + j]);
                        squares += (of_V - (order[i] == j)) * (of_V - (order[i] == j));
                    }
                nearest = std::min(nearest, std::sqrt(squares));
            } while (std::next_permutation(order.begin(), order.end()));
            EXPECT_NEAR(distance_to_permutation(V, d), nearest, 1e-6) << d;
        }
    EXPECT_NEAR(distance_to_permutation({0, 0, -1, 1, 0, 0, 0, -1, 0}, 3), 0, 1e-7);
    EXPECT_NEAR(distance_to_permutation({std::sqrt(0.5), std::sqrt(0.5), -std::sqrt(0.5), std::sqrt(0.5)}, 2),
                std::sqrt(4 - 2 * std::sqrt(2)), 1e-9);
}

TEST(Axes, TheSameSeedGivesTheSameRotations) {
    const Gaussian model(rising(5), rotation(5, 1), 6);
    EXPECT_EQ(model.measures().jacobian.random_mean, model.measures().jacobian.random_mean);
    EXPECT_NE(model.measures().jacobian.random_mean,
              measure_axes(model.pca, model.grams, {.seed = 2}).jacobian.random_mean);
}

}  // namespace
}  // namespace warpvae

// Leading eigenvectors by subspace iteration: against a library that finds all, on matrices whose eigenvalues are
// known, and where it has to say that it is not the right method.
#include "host/evaluate/leading_eigenvectors.h"

#include <gtest/gtest.h>

#include "cuda/device/buffer.h"
#include "cuda/ops/linear_models.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using test::Random;

/// sum_i values[i] v_i v_i^T for orthonormal v_i, which are Householder reflections of the unit vectors.
std::vector<double> matrix_of(const std::vector<double>& values, std::uint64_t seed) {
    const std::size_t D = values.size();
    std::vector<double> u = Random(seed).normals<double>(D), A(D * D);
    double square = 0;
    for (const double x : u) square += x * x;
    // H = 1 - 2 u u^T / |u|^2;  H diag(values) H
    double weighted = 0;
    for (std::size_t i = 0; i < D; ++i) weighted += values[i] * u[i] * u[i];
    for (std::size_t i = 0; i < D; ++i)
        for (std::size_t j = 0; j < D; ++j)
            A[i * D + j] = (i == j ? values[i] : 0) - 2 / square * (values[i] + values[j]) * u[i] * u[j] +
                           4 / (square * square) * weighted * u[i] * u[j];
    return A;
}
std::vector<double> falling(std::size_t D, double first, double factor) {
    std::vector<double> values;
    for (std::size_t i = 0; i < D; ++i) values.push_back(first), first *= factor;
    return values;
}

TEST(LeadingEigenvectors, AreThoseOfALibrary) {
    const Matmul matmul;
    for (const int D : {80, 101, 200})
        for (const int count : {1, 2}) {
            const std::vector<double> values = falling(std::size_t(D), 50, 0.7), A = matrix_of(values, D);
            const DeviceBuffer<double> matrix(A);
            const auto found = leading_eigenvectors(matmul, matrix.data(), D, count);
            ASSERT_TRUE(found);
            const auto d = std::size_t(D);
            DeviceBuffer<double> all(d), vectors(d * d);
            check(symmetric_eigen(all.data(), vectors.data(), matrix.data(), D, nullptr));
            const auto rows = vectors.download();
            for (std::size_t z = 0; z < std::size_t(count); ++z) {
                EXPECT_NEAR(found->values[z], values[z], 1e-11 * values[0]);
                // A residual of 1e-12 of the largest value over the distance to the next one.
                const double* theirs = rows.data() + (d - 1 - z) * d;
                const double* ours = found->vectors.data() + z * d;
                double cosine = 0;
                for (std::size_t j = 0; j < d; ++j) cosine += ours[j] * theirs[j];
                for (std::size_t j = 0; j < d; ++j)
                    ASSERT_NEAR(ours[j], (cosine < 0 ? -1 : 1) * theirs[j], 1e-10) << D << ", vector " << z;
            }
        }
}

TEST(LeadingEigenvectors, EqualValuesShareAnOrthonormalBasis) {
    // Three equal values, of which two are asked for: any basis of their space does.
    std::vector<double> values = falling(64, 1, 0.5);
    values[0] = values[1] = values[2] = 4;
    const std::vector<double> A = matrix_of(values, 5);
    const Matmul matmul;
    const DeviceBuffer<double> matrix(A);
    const auto found = leading_eigenvectors(matmul, matrix.data(), 64, 2);
    ASSERT_TRUE(found);
    const std::vector<double>& v = found->vectors;
    for (std::size_t a = 0; a < 2; ++a) {
        EXPECT_NEAR(found->values[a], 4, 1e-11);
        for (std::size_t i = 0; i < 64; ++i) {
            double image = 0;
            for (std::size_t j = 0; j < 64; ++j) image += A[i * 64 + j] * v[a * 64 + j];
            EXPECT_NEAR(image, 4 * v[a * 64 + i], 1e-11);
        }
        for (std::size_t b = 0; b < 2; ++b) {
            double product = 0;
            for (std::size_t j = 0; j < 64; ++j) product += v[a * 64 + j] * v[b * 64 + j];
            EXPECT_NEAR(product, a == b, 1e-13);
        }
    }
}

TEST(LeadingEigenvectors, LeaveToALibraryWhatItDoesBetter) {
    const Matmul matmul;
    const auto finds = [&](const std::vector<double>& values, int count) {
        const DeviceBuffer<double> matrix(matrix_of(values, 3));
        return leading_eigenvectors(matmul, matrix.data(), int(values.size()), count).has_value();
    };
    EXPECT_TRUE(finds(falling(60, 3, 0.6), 2));
    EXPECT_FALSE(finds(falling(60, 3, 0.6), 8)) << "a block of more than a quarter of the vectors";
    EXPECT_FALSE(finds(falling(60, 3, 0.6), 0));
    EXPECT_FALSE(finds(falling(60, 3, 0.999), 2)) << "values too close together";
    EXPECT_FALSE(finds(std::vector<double>(60, 0.), 2)) << "of rank 0";
    std::vector<double> few(60, 0.);
    few[0] = 3, few[1] = 2;
    EXPECT_FALSE(finds(few, 2)) << "of rank 2";
    few[1] = NAN;
    EXPECT_FALSE(finds(few, 2)) << "not finite";
}

}  // namespace
}  // namespace warpvae

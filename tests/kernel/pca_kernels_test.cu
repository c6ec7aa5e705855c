// What principal component analysis stands on: centred rows, and the eigenvectors of a symmetric matrix.
#include "cuda/pca.cuh"

#include <gtest/gtest.h>

#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using test::GuardedBuffer;
using test::Random;

TEST(PcaKernels, CentredRows) {
    test::at_all_block_sizes([] {
        for (const int n : {0, 1, 13})
            for (const int D : {1, 31, 257}) {
                Random random(std::uint64_t(n) * 300 + D);
                auto x = random.normals<float>(std::size_t(n) * D, 3.);
                const auto mean = random.normals<double>(D);
                if (n > 1) x[D] = NAN;
                const GuardedBuffer<float> values(x);
                const GuardedBuffer<double> m(mean);
                GuardedBuffer<float> as_float(x.size());
                GuardedBuffer<double> as_double(x.size()), as_it_is(x.size());
                check(centre_rows(as_float.data(), values.data(), m.data(), n, D, nullptr));
                check(centre_rows(as_double.data(), values.data(), m.data(), n, D, nullptr));
                check(centre_rows(as_it_is.data(), values.data(), nullptr, n, D, nullptr));
                const auto f = as_float.download();
                const auto d = as_double.download(), same = as_it_is.download();
                for (std::size_t i = 0; i < x.size(); ++i) {
                    const double expected = double(x[i]) - mean[i % D];
                    if (std::isnan(expected)) {
                        EXPECT_TRUE(std::isnan(f[i]) && std::isnan(d[i]) && std::isnan(same[i]));
                        continue;
                    }
                    ASSERT_EQ(d[i], expected);
                    ASSERT_EQ(f[i], float(expected));
                    ASSERT_EQ(same[i], double(x[i]));
                }
            }
    });
    EXPECT_FALSE(centre_rows<float>(nullptr, nullptr, nullptr, 70000, 1, nullptr).ok());
}

/// Q diag(values) Q^T with a random orthogonal Q, [D, D].
std::vector<double> planted(const std::vector<double>& values, std::uint64_t seed) {
    const std::size_t D = values.size();
    Random random(seed);
    auto Q = random.normals<double>(D * D);
    for (std::size_t i = 0; i < D; ++i) {  // Gram and Schmidt, twice for its rounding
        double* row = Q.data() + i * D;
        for (int pass = 0; pass < 2; ++pass) {
            for (std::size_t k = 0; k < i; ++k) {
                double dot = 0;
                for (std::size_t j = 0; j < D; ++j) dot += row[j] * Q[k * D + j];
                for (std::size_t j = 0; j < D; ++j) row[j] -= dot * Q[k * D + j];
            }
            double norm = 0;
            for (std::size_t j = 0; j < D; ++j) norm += row[j] * row[j];
            for (std::size_t j = 0; j < D; ++j) row[j] /= std::sqrt(norm);
        }
    }
    std::vector<double> A(D * D);
    for (std::size_t k = 0; k < D; ++k)
        for (std::size_t i = 0; i < D; ++i)
            for (std::size_t j = 0; j < D; ++j) A[i * D + j] += values[k] * Q[k * D + i] * Q[k * D + j];
    for (std::size_t i = 0; i < D; ++i)
        for (std::size_t j = 0; j < i; ++j) A[i * D + j] = A[j * D + i];
    return A;
}

void expect_eigen(const std::vector<double>& values, std::uint64_t seed) {
    const std::size_t D = values.size();
    const auto A = planted(values, seed);
    const GuardedBuffer<double> matrix(A);
    GuardedBuffer<double> found(D), vectors(D * D);
    check(symmetric_eigen(found.data(), vectors.data(), matrix.data(), int(D), nullptr));
    test::expect_identical(matrix.download(), A, "the matrix, left as it was");
    double norm = 0;
    for (const double value : values) norm = std::max(norm, std::abs(value));
    // LAPACK's bound on eigenvalues and residuals: a small multiple of D eps |A|.
    const double allowed = 16. * double(D) * test::kRounding<double> * norm;
    const auto w = found.download(), V = vectors.download();
    auto sorted = values;
    std::sort(sorted.begin(), sorted.end());
    test::expect_close(w, sorted, test::Tolerance{allowed, 0}, std::to_string(D) + " eigenvalues");
    double residual = 0, angle = 0;
    for (std::size_t i = 0; i < D; ++i)
        for (std::size_t j = 0; j < D; ++j) {
            double product = -w[i] * V[i * D + j], dot = i == j ? -1 : 0;
            for (std::size_t k = 0; k < D; ++k) {
                product += A[j * D + k] * V[i * D + k];
                dot += V[i * D + k] * V[j * D + k];
            }
            residual = std::max(residual, std::abs(product)), angle = std::max(angle, std::abs(dot));
        }
    EXPECT_LE(residual, allowed);
    EXPECT_LE(angle, 16. * double(D) * test::kRounding<double>);
}

TEST(PcaKernels, SymmetricEigen) {
    expect_eigen({-2.5}, 1);
    expect_eigen({3, -1}, 2);
    expect_eigen({1, 1, 1, 0, 0, -4, 7}, 3);  // equal and zero ones
    std::vector<double> many;
    for (int i = 0; i < 101; ++i) many.push_back(std::exp(-0.2 * i));  // falling by 9 decades
    expect_eigen(many, 4);
}

TEST(PcaKernels, SymmetricEigenOfNothing) {
    EXPECT_TRUE(symmetric_eigen(nullptr, nullptr, nullptr, 0, nullptr).ok());
    EXPECT_FALSE(symmetric_eigen(nullptr, nullptr, nullptr, -1, nullptr).ok());
}

}  // namespace
}  // namespace warpvae

// Inverses of symmetric positive definite matrices: A inverse(A) = I, from 1 x 1 to badly conditioned ones.
#include "cuda/spd_inverse.cuh"

#include <gtest/gtest.h>

#include "tests/support/device_test.h"

namespace warpvae {
namespace {

/// [R, D, D]: X^T X / rows + ridge, with columns of X of very different sizes if `unequal`.
std::vector<double> matrices(int R, int D, double ridge, bool unequal) {
    test::Random random(std::uint64_t(D) + 1);
    std::vector<double> out;
    for (int r = 0; r < R; ++r) {
        const int rows = D + 5;
        auto X = random.normals<double>(std::size_t(rows) * D);
        if (unequal)
            for (std::size_t i = 0; i < X.size(); ++i) X[i] *= std::pow(10., double(i % D % 7) - 3);
        for (int i = 0; i < D; ++i)
            for (int j = 0; j < D; ++j) {
                double sum = i == j ? ridge : 0;
                for (int n = 0; n < rows; ++n) sum += X[std::size_t(n) * D + i] * X[std::size_t(n) * D + j] / rows;
                out.push_back(sum);
            }
    }
    return out;
}

void compare(int R, int D, double ridge, bool unequal) {
    const auto A = matrices(R, D, ridge, unequal);
    test::GuardedBuffer<double> device(A);
    check(spd_inverse(device.data(), R, D, nullptr));
    const auto inverse = device.download();
    for (int r = 0; r < R; ++r)
        for (int i = 0; i < D; ++i)
            for (int j = 0; j < D; ++j) {
                // Scaled to a unit diagonal of A, so that unequal columns do not blur the comparison.
                const double* a = A.data() + std::size_t(r) * D * D;
                const double* b = inverse.data() + std::size_t(r) * D * D;
                double sum = 0, size = 0;
                for (int k = 0; k < D; ++k) {
                    const double term = a[i * D + k] * b[k * D + j] * std::sqrt(a[j * D + j] / a[i * D + i]);
                    sum += term, size += std::abs(term);
                }
                // Gauss-Jordan on a positive definite matrix: some D roundings of the terms, times the growth of the
                // inverse's entries, which `size` holds once more.
                ASSERT_NEAR(sum, i == j, 16. * D * test::kRounding<double> * size * size)
                    << D << ": " << r << ", " << i << ", " << j;
            }
}

TEST(SpdInverse, TimesTheMatrixIsTheIdentity) {
    test::at_all_block_sizes([] {
        for (const int D : {1, 2, 3, 11, 31, 33}) compare(2, D, 1e-3, false);
    });
    compare(10, 101, 1e-6, false);
    compare(1, 21, 1e-9, true);
}

TEST(SpdInverse, ImpossibleSizes) {
    EXPECT_TRUE(spd_inverse(nullptr, 0, 5, nullptr).ok());
    EXPECT_TRUE(spd_inverse(nullptr, 1, 0, nullptr).ok());
    EXPECT_FALSE(spd_inverse(nullptr, 1, -1, nullptr).ok());
    EXPECT_FALSE(spd_inverse(nullptr, 1, 4000, nullptr).ok());
}

}  // namespace
}  // namespace warpvae

// The nearest rows by keys, by true distances, and ranks, against plain sorting.
#include <algorithm>
#include <array>
#include <numeric>

#include "cuda/ops/umap.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;

/// Whole numbers, many of them equal, so that keys are exact and ties decide.
struct Keys {
    Keys(int first_row, int row_count, int all_rows) : first(first_row), rows(row_count), n(all_rows) {
        Random random(std::uint64_t(n) * 100 + unsigned(rows));
        products = random.integers<float>(std::size_t(rows) * n, -20, 20);
        norms = random.integers<float>(n, 0, 30);
    }
    float key(int row, int j) const { return norms[j] - 2 * products[std::size_t(row) * n + j]; }
    /// All others, the nearest first.
    std::vector<int> order(int row) const {
        std::vector<int> all(n);
        std::iota(all.begin(), all.end(), 0);
        all.erase(all.begin() + first + row);
        std::stable_sort(all.begin(), all.end(), [&](int a, int b) { return key(row, a) < key(row, b); });
        return all;
    }
    int first, rows, n;
    std::vector<float> products, norms;
};
constexpr std::array<std::array<int, 4>, 7> kSizes{{// first, rows, n, K
                                                    {0, 0, 5, 2},
                                                    {0, 2, 2, 1},
                                                    {1, 1, 3, 2},
                                                    {30, 3, 33, 32},
                                                    {60, 5, 67, 7},
                                                    {0, 9, 257, 31},
                                                    {2000, 2, 2161, 30}}};

TEST(NearestNeighbours, SquaredNorms) {
    for (const std::size_t n : {0, 1, 257})
        for (const int D : {1, 16}) {
            Random random(n + D);
            const auto x = random.normals<float>(n * D, 50);
            std::vector<double> expected(n), allowed(n);
            for (std::size_t i = 0; i < n; ++i) {
                for (int j = 0; j < D; ++j) expected[i] += double(x[i * D + j]) * double(x[i * D + j]);
                allowed[i] = 1.0001 * kRounding<float> * expected[i];  // one rounding
            }
            at_all_block_sizes([&] {
                GuardedBuffer<float> X(x), norms(n);
                check(squared_norms(norms.data(), X.data(), n, D, nullptr));
                expect_close(norms.download(), expected, allowed, "squared_norms");
            });
        }
}

TEST(NearestNeighbours, CandidatesAreTheLeastKeys) {
    for (const auto& [first, rows, n, K] : kSizes) {
        const Keys keys(first, rows, n);
        at_all_block_sizes([&, first = first, rows = rows, n = n, K = K] {
            const GuardedBuffer<float> products(keys.products), norms(keys.norms);
            GuardedBuffer<int> candidates(std::size_t(rows) * K);
            GuardedBuffer<float> found(std::size_t(rows) * K);
            check(nearest_candidates(candidates.data(), found.data(), products.data(), norms.data(), first, rows, n, K,
                                     nullptr));
            auto list = candidates.download();
            const auto key = found.download();
            for (int row = 0; row < rows; ++row) {
                for (int c = 0; c < K; ++c) ASSERT_EQ(key[row * K + c], keys.key(row, list[row * K + c]));
                auto expected = keys.order(row);
                expected.resize(K);
                std::sort(expected.begin(), expected.end());
                std::sort(list.begin() + row * K, list.begin() + (row + 1) * K);
                ASSERT_EQ(slice(list, std::size_t(row) * K, K), expected) << "row " << row << " of " << n;
            }
        });
    }
}

TEST(NearestNeighbours, TheNearestOfCandidatesByTrueDistance) {
    for (const auto& [first, rows, n, K] : kSizes)
        for (const int D : {1, 5}) {
            Random random(std::uint64_t(n) + D);
            // On a coarse grid far from 0: equal distances, and keys that would be rounded away.
            auto x = random.integers<float>(std::size_t(n) * D, 0, 9);
            for (float& value : x) value += 1e6f;
            std::vector<int> candidates;
            for (int row = 0; row < rows; ++row) {
                auto others = Keys(first, rows, n).order(row);  // some K of them
                candidates.insert(candidates.end(), others.begin(), others.begin() + K);
            }
            for (const int k : {1, (K + 1) / 2, K})
                at_all_block_sizes([&, first = first, rows = rows, K = K] {
                    const GuardedBuffer<float> X(x);
                    const GuardedBuffer<int> C(candidates);
                    GuardedBuffer<int> indices(std::size_t(rows) * k);
                    GuardedBuffer<float> distances(std::size_t(rows) * k);
                    check(nearest_of_candidates(indices.data(), distances.data(), C.data(), X.data(), first, rows, D, K,
                                                k, nullptr));
                    const auto list = indices.download();
                    const auto found = distances.download();
                    for (int row = 0; row < rows; ++row) {
                        const auto square = [&](int j) {
                            double sum = 0;
                            for (int d = 0; d < D; ++d)
                                sum += std::pow(double(x[(first + row) * D + d]) - double(x[j * D + d]), 2);
                            return sum;
                        };
                        auto expected = slice(candidates, std::size_t(row) * K, K);
                        std::sort(expected.begin(), expected.end());
                        std::stable_sort(expected.begin(), expected.end(),
                                         [&](int a, int b) { return square(a) < square(b); });
                        for (int m = 0; m < k; ++m) {
                            ASSERT_EQ(list[row * k + m], expected[m]);
                            ASSERT_EQ(found[row * k + m], float(std::sqrt(square(expected[m]))));
                        }
                    }
                });
        }
}

TEST(NearestNeighbours, Ranks) {
    for (const auto& [first, rows, n, k] : kSizes) {
        const Keys keys(first, rows, n);
        Random random(std::uint64_t(n) + 1);
        std::vector<int> indices;
        for (int i = 0; i < rows * k; ++i)
            indices.push_back((first + i / k + random.integer(1, n - 1)) % n);  // any other row
        at_all_block_sizes([&, first = first, rows = rows, n = n, k = k] {
            const GuardedBuffer<float> products(keys.products), norms(keys.norms);
            const GuardedBuffer<int> I(indices);
            GuardedBuffer<int> ranks(std::size_t(rows) * k);
            check(neighbour_ranks(ranks.data(), I.data(), products.data(), norms.data(), first, rows, n, k, nullptr));
            const auto found = ranks.download();
            for (int row = 0; row < rows; ++row) {
                const auto order = keys.order(row);
                for (int m = row * k; m < (row + 1) * k; ++m) ASSERT_EQ(order[found[m] - 1], indices[m]);
            }
        });
    }
}

TEST(NearestNeighbours, SizesThatNoKernelCanTake) {
    EXPECT_FALSE(nearest_candidates(nullptr, nullptr, nullptr, nullptr, 0, 5, 5, 5, nullptr).ok());
    EXPECT_FALSE(nearest_candidates(nullptr, nullptr, nullptr, nullptr, 3, 3, 5, 2, nullptr).ok());
    EXPECT_FALSE(nearest_of_candidates(nullptr, nullptr, nullptr, nullptr, 0, 1, 1, 2, 3, nullptr).ok());
    EXPECT_FALSE(neighbour_ranks(nullptr, nullptr, nullptr, nullptr, 0, 1, 5, 0, nullptr).ok());
}

}  // namespace
}  // namespace warpvae

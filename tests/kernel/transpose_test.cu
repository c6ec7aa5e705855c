// Transposed matrices against plain loops: exact, for every replica at its stride, and nothing written between them.
#include <array>

#include "cuda/ops/convolution.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;

template <class T>
void expect_transposed(int R, int batch, int rows, int columns, std::size_t gap) {
    const std::size_t n = std::size_t(batch) * rows * columns, x_stride = n + gap, y_stride = n + 2 * gap;
    Random random(n + R);
    auto x = random.normals<T>(R * x_stride);
    if (!x.empty()) x.back() = std::numeric_limits<T>::infinity();
    std::vector<T> expected = GuardedBuffer<T>(R * y_stride).download();  // NaN where nothing is to be written
    for (int r = 0; r < R; ++r)
        for (int b = 0; b < batch; ++b)
            for (int i = 0; i < rows; ++i)
                for (int j = 0; j < columns; ++j)
                    expected[r * y_stride + (std::size_t(b) * columns + j) * rows + i] =
                        x[r * x_stride + (std::size_t(b) * rows + i) * columns + j];
    const auto body = [&] {
        GuardedBuffer<T> X(x), y(R * y_stride);
        check(transpose(y.data(), y_stride, X.data(), x_stride, R, batch, rows, columns, nullptr));
        expect_identical(y.download(), expected, "transpose");
    };
    n < 1000 ? at_all_block_sizes(body) : body();
}

TEST(Transpose, EveryElementOfEveryReplicaInItsPlace) {
    for (const auto& [R, batch, rows, columns] :
         {std::array{0, 2, 3, 4}, std::array{2, 0, 3, 4}, std::array{2, 3, 0, 4}, std::array{1, 1, 1, 1},
          std::array{1, 1, 1, 31}, std::array{1, 3, 17, 1}, std::array{3, 2, 3, 5}, std::array{1, 1, 257, 1},
          std::array{2, 7, 11, 9}, std::array{5, 32, 25, 64}})
        for (const std::size_t gap : {0, 39}) {
            expect_transposed<float>(R, batch, rows, columns, gap);
            expect_transposed<double>(R, batch, rows, columns, gap);
        }
}

TEST(Transpose, ThereAndBack) {
    const int R = 2, batch = 5, rows = 16, columns = 25;
    const std::size_t n = std::size_t(batch) * rows * columns;
    const auto x = Random(1).normals<float>(R * n);
    GuardedBuffer<float> X(x), y(R * n), back(R * n);
    check(transpose(y.data(), n, X.data(), n, R, batch, rows, columns, nullptr));
    check(transpose(back.data(), n, y.data(), n, R, batch, columns, rows, nullptr));
    expect_identical(back.download(), x, "there and back");
}

TEST(Transpose, NegativeSizesAreRefused) {
    GuardedBuffer<float> x(4), y(4);
    EXPECT_FALSE(transpose(y.data(), 4, x.data(), 4, -1, 1, 2, 2, nullptr).ok());
    EXPECT_FALSE(transpose(y.data(), 4, x.data(), 4, 1, -1, 2, 2, nullptr).ok());
    EXPECT_FALSE(transpose(y.data(), 4, x.data(), 4, 1, 1, -2, 2, nullptr).ok());
    EXPECT_FALSE(transpose(y.data(), 4, x.data(), 4, 1, 1, 2, -2, nullptr).ok());
    for (const float v : y.download()) EXPECT_TRUE(std::isnan(v)) << "refused, yet written";
}

}  // namespace
}  // namespace warpvae

#include "host/evaluate/nearest_neighbours.h"

#include <algorithm>
#include <string>
#include <vector>

#include "data/error.h"
#include "host/evaluate/pca.h"
#include "host/evaluate/rows.h"

namespace warpvae {

void for_row_products(const Matmul& matmul, const float* x, std::size_t n, int D, const char* name, RowProducts body,
                      std::size_t products) {
    const Stream stream = matmul.stream();
    const auto d = std::size_t(D);
    if (n >> 31) throw Error(std::string(name) + ": " + std::to_string(n) + " rows are too many");
    require_finite(std::string(name) + ": ", x, 1, n, D, nullptr, stream);
    const DeviceBuffer<double> mean(mean_of_rows(matmul, x, n, D));
    DeviceBuffer<float> centred(n * d, "centred rows"), norms(n, "squared lengths");
    for_row_chunks(n, [&](std::size_t first, int rows) {
        check(centre_rows(centred.data() + first * d, x + first * d, mean.data(), rows, D, stream));
    });
    check(squared_norms(norms.data(), centred.data(), n, D, stream));
    if (const auto at = first_non_finite(norms.data(), 1, n, stream)[0]; at != ~0ull)
        throw Error(std::string(name) + ": row " + std::to_string(at) + " is too far from the mean for its square");

    const std::size_t group = std::clamp<std::size_t>(products / n, 1, n);
    DeviceBuffer<float> tile(group * n, "products of rows");
    for (std::size_t first = 0; first < n; first += group) {
        const int rows = int(std::min(group, n - first));
        check(warpvae::matmul(matmul, tile.data(), 0, Op::kNone, centred.data() + first * d, 0, Op::kTranspose,
                              centred.data(), 0, 1, rows, int(n), D));
        body(tile.data(), norms.data(), int(first), rows);
    }
    check(stream_synchronize(stream));  // the buffers end here
}

Neighbours nearest_neighbours(const Matmul& matmul, const float* x, std::size_t n, int D, int k, std::size_t products,
                              const char* name) {
    if (D < 1 || k < 1 || std::size_t(k) >= n)
        throw Error(std::string(name) + ": " + std::to_string(k) + " of " + std::to_string(n) + " rows with " +
                    std::to_string(D) + " features make no sense");
    const Range range("nearest_neighbours");
    const Stream stream = matmul.stream();
    const auto each = std::size_t(k);
    const int K = int(std::min(each + kSpareCandidates, n - 1));
    Neighbours out{k, DeviceBuffer<int>(n * each, "neighbours"), DeviceBuffer<float>(n * each, "distances")};
    DeviceBuffer<int> candidates;
    DeviceBuffer<float> keys;
    for_row_products(
        matmul, x, n, D, name,
        [&](const float* tile, const float* norms, int first, int rows) {
            const std::size_t count = std::size_t(rows) * std::size_t(K), at = std::size_t(first) * each;
            if (first == 0) {
                candidates = DeviceBuffer<int>(count, "candidates");
                keys = DeviceBuffer<float>(count, "candidates");
            }
            check(nearest_candidates(candidates.data(), keys.data(), tile, norms, first, rows, int(n), K, stream));
            check(nearest_of_candidates(out.indices.data() + at, out.distances.data() + at, candidates.data(), x, first,
                                        rows, D, K, k, stream));
        },
        products);
    return out;
}

}  // namespace warpvae

#include "host/evaluate/nearest_neighbours.h"

#include <algorithm>
#include <string>
#include <vector>

#include "data/error.h"
#include "host/evaluate/pca.h"
#include "host/evaluate/row_chunks.h"

namespace warpvae {

namespace {

/// The first element that is not a finite number, or `count`.
std::size_t first_bad(const float* x, std::size_t count, Stream stream) {
    DeviceBuffer<unsigned long long> bad(std::vector<unsigned long long>{count});
    check(first_non_finite(bad.data(), x, 1, count, stream));
    return bad.download(stream)[0];
}

}  // namespace

void for_row_products(const Matmul& matmul, const float* x, std::size_t n, int D, const char* name, RowProducts body,
                      std::size_t products) {
    const Stream stream = matmul.stream();
    const auto d = static_cast<std::size_t>(D);
    if (n >> 31) throw Error(std::string(name) + ": " + std::to_string(n) + " rows are too many");
    if (const std::size_t at = first_bad(x, n * d, stream); at < n * d)
        throw Error(std::string(name) + ": feature " + std::to_string(at % d) + " of row " + std::to_string(at / d) +
                    " is not a finite number");
    const DeviceBuffer<double> mean(mean_of_rows(matmul, x, n, D));
    DeviceBuffer<float> centred(n * d, "centred rows"), norms(n, "squared lengths");
    for (std::size_t first = 0; first < n; first += RowChunks::kRows)
        check(centre_rows(centred.data() + first * d, x + first * d, mean.data(),
                          static_cast<int>(std::min(n - first, RowChunks::kRows)), D, stream));
    check(squared_norms(norms.data(), centred.data(), n, D, stream));
    if (const std::size_t at = first_bad(norms.data(), n, stream); at < n)
        throw Error(std::string(name) + ": row " + std::to_string(at) + " is too far from the mean for its square");

    const std::size_t group = std::clamp<std::size_t>(products / n, 1, n);
    DeviceBuffer<float> tile(group * n, "products of rows");
    for (std::size_t first = 0; first < n; first += group) {
        const int rows = static_cast<int>(std::min(group, n - first));
        check(warpvae::matmul(matmul, tile.data(), 0, Op::kNone, centred.data() + first * d, 0, Op::kTranspose,
                              centred.data(), 0, 1, rows, static_cast<int>(n), D));
        body(tile.data(), norms.data(), static_cast<int>(first), rows);
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
    const auto each = static_cast<std::size_t>(k);
    const int K = static_cast<int>(std::min(each + kSpareCandidates, n - 1));
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
            check(nearest_candidates(candidates.data(), keys.data(), tile, norms, first, rows, static_cast<int>(n), K,
                                     stream));
            check(nearest_of_candidates(out.indices.data() + at, out.distances.data() + at, candidates.data(), x, first,
                                        rows, D, K, k, stream));
        },
        products);
    return out;
}

}  // namespace warpvae

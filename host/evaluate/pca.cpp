#include "host/evaluate/pca.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "data/error.h"
#include "host/evaluate/leading_eigenvectors.h"
#include "host/evaluate/rows.h"

namespace warpvae {

namespace {

constexpr std::size_t kChunk = RowChunks::kRows;

/// Adds up the chunks' sums [chunks, count].
std::vector<double> sum_of_chunks(const DeviceBuffer<double>& sums, std::size_t chunks, std::size_t count,
                                  DeviceBuffer<double>& total, Stream stream) {
    total = DeviceBuffer<double>(count, "PCA");
    check(column_sum(total.data(), sums.data(), count, 1, int(chunks), int(count), stream));
    return total.download(stream);
}

/// The leading `count` of a covariance [D, D], by a library where subspace iteration does not pay.
LeadingEigenvectors eigenvectors(const Matmul& matmul, const DeviceBuffer<double>& matrix, int D, int count) {
    if (auto leading = leading_eigenvectors(matmul, matrix.data(), D, count)) return std::move(*leading);
    const auto d = std::size_t(D);
    DeviceBuffer<double> values(d), vectors(d * d, "PCA");
    check(symmetric_eigen(values.data(), vectors.data(), matrix.data(), D, matmul.stream()));
    const std::vector<double> all = values.download(matmul.stream()), rows = vectors.download(matmul.stream());
    LeadingEigenvectors found;
    for (std::size_t z = 1; z <= std::size_t(count); ++z) {  // they ascend
        const auto row = rows.begin() + std::ptrdiff_t((d - z) * d);
        found.values.push_back(all[d - z]);
        found.vectors.insert(found.vectors.end(), row, row + D);
    }
    return found;
}

}  // namespace

std::vector<double> mean_of_rows(const Matmul& matmul, const float* x, std::size_t n, int D) {
    const Stream stream = matmul.stream();
    const auto d = std::size_t(D);
    const std::size_t rows = std::min(n, kChunk), chunks = RowChunks(n).count;
    const DeviceBuffer<double> ones(std::vector<double>(rows, 1.));
    DeviceBuffer<double> values(rows * d, "PCA"), sums(chunks * d), total;
    for_row_chunks(n, [&](std::size_t first, int count) {
        check(centre_rows(values.data(), x + first * d, nullptr, count, D, stream));
        check(warpvae::matmul(matmul, sums.data() + first / kChunk * d, 0, Op::kNone, ones.data(), 0, Op::kNone,
                              values.data(), 0, 1, 1, D, count));
    });
    std::vector<double> mean = sum_of_chunks(sums, chunks, d, total, stream);
    for (double& value : mean) value /= double(n);
    return mean;
}

Pca fit_pca(const Matmul& matmul, const float* x, std::size_t n, int D, int components) {
    const std::string name = "PCA: ";
    if (n < 2 || D < 1)
        throw Error(name + "needs two rows and one feature at least, not " + std::to_string(n) + " and " +
                    std::to_string(D));
    if (components < 1 || components > D)
        throw Error(name + "1 to " + std::to_string(D) + " components are possible, not " + std::to_string(components));
    const Range range("pca.fit");
    const Stream stream = matmul.stream();
    const auto d = std::size_t(D);
    require_finite(name, x, 1, n, D, nullptr, stream);

    Pca pca{D, components, mean_of_rows(matmul, x, n, D), {}, {}, 0};
    const DeviceBuffer<double> mean(pca.mean);
    const std::size_t chunks = RowChunks(n).count;
    DeviceBuffer<double> values(std::min(n, kChunk) * d, "PCA"), sums(chunks * d * d, "PCA's covariance"), matrix;
    for_row_chunks(n, [&](std::size_t first, int count) {
        check(centre_rows(values.data(), x + first * d, mean.data(), count, D, stream));
        check(warpvae::matmul(matmul, sums.data() + first / kChunk * d * d, 0, Op::kTranspose, values.data(), 0,
                              Op::kNone, values.data(), 0, 1, D, D, count));
    });
    const std::vector<double> scatter = sum_of_chunks(sums, chunks, d * d, matrix, stream);
    for (std::size_t j = 0; j < d; ++j) pca.total_variance += scatter[j * d + j] / double(n - 1);

    const LeadingEigenvectors found = eigenvectors(matmul, matrix, D, components);
    for (std::size_t z = 0; z < std::size_t(components); ++z) {
        const auto first = found.vectors.begin() + std::ptrdiff_t(z * d), last = first + D;
        const double largest =
            *std::max_element(first, last, [](double a, double b) { return std::abs(a) < std::abs(b); });
        for (auto value = first; value != last; ++value) pca.directions.push_back(largest < 0 ? -*value : *value);
        pca.variances.push_back(std::max(0., found.values[z] / double(n - 1)));
    }
    return pca;
}

DeviceBuffer<float> project_pca(const Matmul& matmul, const Pca& pca, const float* x, std::size_t n, PcaCentre centre) {
    const Range range("pca.project");
    const Stream stream = matmul.stream();
    const auto d = std::size_t(pca.features), Z = std::size_t(pca.components);
    DeviceBuffer<float> out(n * Z, "PCA's projection");
    if (n == 0) return out;
    const DeviceBuffer<double> mean(centre == PcaCentre::kOwn ? mean_of_rows(matmul, x, n, pca.features) : pca.mean);
    const DeviceBuffer<float> directions(std::vector<float>(pca.directions.begin(), pca.directions.end()));
    DeviceBuffer<float> centred(std::min(n, kChunk) * d, "PCA");
    for_row_chunks(n, [&](std::size_t first, int count) {
        check(centre_rows(centred.data(), x + first * d, mean.data(), count, pca.features, stream));
        check(warpvae::matmul(matmul, out.data() + first * Z, 0, Op::kNone, centred.data(), 0, Op::kTranspose,
                              directions.data(), 0, 1, count, pca.components, pca.features));
    });
    check(stream_synchronize(stream));  // the buffers end here
    return out;
}

}  // namespace warpvae

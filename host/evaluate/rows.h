// Rows of data, device [n, d]: in chunks of a fixed length, and what the fits ask of them. Products are summed in float
// within a chunk and in double over the chunks: a chunk is short enough for float sums, and its fixed length fixes the
// bits.
#pragma once
#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "cuda/device/device.h"

namespace warpvae {

/// Rows 0..n-1 as whole chunks and a shorter last one.
struct RowChunks {
    static constexpr std::size_t kRows = 4096;  ///< of a whole chunk
    struct Part {
        std::size_t first;  ///< chunk
        int count, rows;    ///< chunks, and rows of each
    };
    explicit RowChunks(std::size_t n) {
        const std::size_t full = n / kRows, tail = n % kRows;
        if (full) parts.push_back({0, int(full), int(kRows)});
        if (tail) parts.push_back({full, 1, int(tail)});
        count = full + (tail != 0);
    }
    std::vector<Part> parts;
    std::size_t count;
    /// Rows that a buffer over one part must hold.
    std::size_t rows() const {
        std::size_t most = 0;
        for (const Part& part : parts) most = std::max(most, std::size_t(part.count) * std::size_t(part.rows));
        return most;
    }
};

/// Calls body(first row, rows) for one chunk after the other.
template <class Body>
void for_row_chunks(std::size_t n, Body body) {
    for (std::size_t first = 0; first < n; first += RowChunks::kRows)
        body(first, int(std::min(RowChunks::kRows, n - first)));
}

/// The number of the first of x [count, n] that is not finite, in each of them; ~0 where all are.
std::vector<unsigned long long> first_non_finite(const float* x, int count, std::size_t n, Stream stream);
/// Throws Error, which begins with `name`, naming the row and column of a number of x [count, n, d] that is not finite.
/// `what` names the count things that have such rows each ("problem"); null: there is one.
void require_finite(const std::string& name, const float* x, int count, std::size_t n, int d, const char* what,
                    Stream stream);
/// Throws Error, which begins with `name`, unless a classifier can be fitted: at least one `what` ("problem"), row and
/// feature, a positive C, and 2 to 256 classes.
void require_fit(const std::string& name, const char* what, int count, std::size_t n, int d, double C, int classes);

}  // namespace warpvae

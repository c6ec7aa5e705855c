// Rows of data in chunks of a fixed length. Products are summed in float within a chunk and in double over the chunks:
// a chunk is short enough for float sums, and its fixed length fixes the bits.
#pragma once
#include <algorithm>
#include <cstddef>
#include <vector>

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
        if (full) parts.push_back({0, static_cast<int>(full), static_cast<int>(kRows)});
        if (tail) parts.push_back({full, 1, static_cast<int>(tail)});
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

}  // namespace warpvae

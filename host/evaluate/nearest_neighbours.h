// The k nearest rows of every row, exact, on the device: method in cuda/nearest_neighbours.cuh.
#pragma once
#include <cstddef>
#include <functional>

#include "cuda/device/buffer.h"
#include "cuda/ops.h"

namespace warpvae {

/// Row i's k nearest others, the nearest first, equal ones by their number; Euclidean distances right to rounding.
struct Neighbours {
    int k = 0;
    DeviceBuffer<int> indices;      ///< [n, k]
    DeviceBuffer<float> distances;  ///< [n, k]
};

/// Products of rows first..first + rows - 1 with all n, and all squared lengths: the keys of nearest_candidates.
using RowProducts = std::function<void(const float* products, const float* norms, int first, int rows)>;
inline constexpr std::size_t kRowProducts = std::size_t(1) << 25;
/// Calls `body` for one group of rows after the other; the rows are centred first. Throws Error, which begins with
/// `name`, naming the row and column of a number that is not finite, or a row too long for its square.
///   x: device [n, D]. `products` is the most numbers that one group's products may be: more rows where it allows.
void for_row_products(const Matmul& matmul, const float* x, std::size_t n, int D, const char* name, RowProducts body,
                      std::size_t products = kRowProducts);

/// How many candidates beyond k are examined. A neighbour can be missed only if so many other rows are equally near up
/// to the rounding of the products (some 1e-6 of the rows' squared lengths).
inline constexpr int kSpareCandidates = 16;
/// x: device [n, D], D >= 1; 1 <= k < n. Throws Error as for_row_products and for other sizes.
Neighbours nearest_neighbours(const Matmul& matmul, const float* x, std::size_t n, int D, int k,
                              std::size_t products = kRowProducts, const char* name = "nearest neighbours");

}  // namespace warpvae

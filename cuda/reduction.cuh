// Sums over rows for metrics and statistics, in double and in a fixed order: the same launch gives the same bits.
//
// Contract: block any; reads each value once. accumulate_moments gives a column to a thread.
#pragma once
#include "cuda/device/reduce.cuh"
#include "cuda/ops/optimiser.h"

namespace warpvae {

/// One block per replica: totals[r * stride] += scale * sum_n values[r * value_stride + n].
template <class T>
__global__ void accumulate_sum_kernel(double* totals, std::size_t stride, const T* values, std::size_t value_stride,
                                      double scale, int N) {
    const T* row = values + blockIdx.y * value_stride;
    double total = 0;
    for (int n : block_stride(N)) total += double(row[n]);
    total = block_sum(total);
    if (threadIdx.x == 0) totals[blockIdx.y * stride] += scale * total;
}

/// sums[r, 0, d] += sum_n x[r, n, d];  sums[r, 1, d] += sum_n x[r, n, d]^2.
template <class T>
__global__ void accumulate_moments_kernel(double* sums, const T* x, int N, int D, int x_stride) {
    const T* X = x + std::size_t(blockIdx.y) * N * x_stride;
    double* first = sums + std::size_t(blockIdx.y) * 2 * D;
    double* second = first + D;
    for (int d : grid_stride(D)) {
        double sum = 0, square = 0;
        for (int n = 0; n < N; ++n) {
            const double value = double(X[std::size_t(n) * x_stride + d]);
            sum += value;
            square += value * value;
        }
        first[d] += sum;
        second[d] += square;
    }
}

/// One block per replica: correct[r] += how many predictions equal their labels.
template <class Count>
__global__ void accumulate_correct_kernel(Count* correct, const std::uint8_t* predicted,
                                          const std::uint8_t* const* labels, std::size_t first, int N) {
    const std::uint8_t* guess = predicted + std::size_t(blockIdx.y) * N;
    const std::uint8_t* truth = labels[blockIdx.y] + first;
    unsigned hits = 0;
    for (int n : block_stride(N)) hits += guess[n] == truth[n];
    hits = block_sum(hits);
    if (threadIdx.x == 0) correct[blockIdx.y] += hits;
}

}  // namespace warpvae

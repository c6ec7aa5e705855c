// Sums over rows for metrics and statistics, in double and in a fixed order: the same launch gives the same bits.
//
// Contract: block any; deterministic; reads each value once. accumulate_moments gives a column to a thread.
#pragma once
#include "cuda/device/reduce.cuh"
#include "cuda/ops/optimiser.h"

namespace warpvae {

/// The block adds scale * the sum of replica r's values to *total; its first `threads` threads read them, or all.
template <class T>
__device__ void add_sum(double* total, const RowValues<T>& of, int r, int threads = 1024) {
    const T* const values = of.values + r * of.stride;
    const int step = static_cast<int>(blockDim.x) < threads ? static_cast<int>(blockDim.x) : threads;
    double sum = 0;
    if (static_cast<int>(threadIdx.x) < step)
        for (int n = threadIdx.x; n < of.count; n += step) sum += double(values[n]);
    sum = block_sum(sum);
    if (threadIdx.x == 0) *total += of.scale * sum;
}
/// One block per replica: totals[r * stride] += its sum.
template <class T>
__global__ void accumulate_sum_kernel(double* totals, std::size_t stride, RowValues<T> of) {
    add_sum(totals + blockIdx.y * stride, of, blockIdx.y);
}

template <class T>
struct SumTerms {
    RowValues<T> of[kMostSums];
};
/// One block per term and replica. The first one also counts the step, which no other block reads.
template <class T, class Step>
__global__ void accumulate_sums_kernel(double* totals, Step* step, SumTerms<T> terms) {
    if (blockIdx.x == 0 && blockIdx.y == 0 && threadIdx.x == 0) *step += 1;
    if (blockIdx.x + 1 == gridDim.x) return;  // a block that is there where there are no terms
    add_sum(totals + blockIdx.y * (gridDim.x - 1) + blockIdx.x, terms.of[blockIdx.x], blockIdx.y);
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

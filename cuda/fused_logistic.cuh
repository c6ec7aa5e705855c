// Logistic regression's loss and gradient, summed over the rows of all problems in one launch: scores, softmax and the
// product with the rows, while a tile of the rows is in shared memory. As products of their own these read the rows
// twice, write every score three times, and cost five launches for each problem.
//
//   s = W x_i + b,   p = softmax(s),   loss = sum_i log sum_k exp(s_k) - s_label
//   dloss/dW = sum_i (p - onehot(label)) x_i^T,   dloss/db = sum_i p - onehot(label)
//
//   block     a chunk of 512 rows of one problem, in tiles of 128; a column of ones stands for the intercept
//   scores    a thread takes a row: scores, softmax and loss stay in registers, p - onehot goes to shared memory
//   products  a thread takes four neighbouring columns and every g-th row; its 4 K sums stay in registers for all tiles
//   end       the g sums of each entry are added in order
//
// On the CPU device a library's products are faster (logistic_is_fused says which it is); tests hold this kernel, run
// as lanes, against a plain sum.
//
// Contract: block fixed (128); dynamic shared memory of LogisticTile::shared_bytes, 66 KB for 100 features and 10
// classes: three blocks a multiprocessor, 162 registers and no spills. Reads each feature once, 4 bytes, and 1 byte a
// row; 2 K (d + 1) multiply-adds a row. Deterministic; a problem's bits depend on nothing beside it.
#pragma once
#include "cuda/dense_tile.cuh"
#include "cuda/math.cuh"
#include "cuda/ops/linear_models.h"

namespace warpvae {

/// How a block's threads share rows of d features and a 1, and what it keeps of them in shared memory.
struct LogisticTile {
    static constexpr int kRows = 128;  ///< and threads: one scores one row
    int quads;                         ///< of columns, the ones among them
    int pitch;                         ///< from row to row: an odd number of quads has no bank conflicts
    int groups;                        ///< of threads with the same columns
    WARPVAE_HOST_DEVICE explicit constexpr LogisticTile(int d)
        : quads(d / 4 + 1), pitch(4 * (quads | 1)), groups(kRows / quads) {}
    WARPVAE_HOST_DEVICE constexpr int weight_floats(int classes) const { return 4 * quads * classes; }
    constexpr std::size_t shared_bytes(int classes) const {
        const int rows = kRows * pitch, sums = groups * weight_floats(classes);  // the rows first, the sums at the end
        return sizeof(float) * (weight_floats(classes) + kRows * classes + std::size_t(rows > sums ? rows : sums));
    }
};

namespace detail {

/// weights [quads, kClasses, 4]: the columns of W and, last, the intercept. A class without rows, or beyond K, has the
/// intercept -infinity.
template <int kClasses>
__device__ void load_logistic_weights(float* weights, const double* theta, const unsigned* counts, int K, int d,
                                      const LogisticTile& tile) {
    for (int e = threadIdx.x; e < tile.weight_floats(kClasses); e += LogisticTile::kRows) {
        const int k = e / 4 % kClasses, j = e / (4 * kClasses) * 4 + e % 4;
        const bool has_rows = k < K && counts[k];
        const float absent = j == d ? -INFINITY : 0.f;
        weights[e] = !has_rows ? absent : j <= d ? float(theta[k * (d + 1) + j]) : 0.f;
    }
}

/// Begins the copy of a tile's first `count` rows, kFloats numbers at a time, a warp for a row; zeros past them.
template <int kFloats>
__device__ void copy_logistic_rows(AsyncCopies& copies, float* x, const float* from, int count, int d, int pitch) {
    for (int row = warp_index(); row < LogisticTile::kRows; row += LogisticTile::kRows / 32)
        for (int j = kFloats * lane_index(); j < d; j += 32 * kFloats)
            copies.begin<4 * kFloats>(x + row * pitch + j, from + std::size_t(row) * d + j, row < count);
}

/// score[k] += weights[k] times the row.
template <int kClasses>
__device__ void add_scores(float (&score)[kClasses], const float* row, const float* weights, int quads) {
    for (int quad = 0; quad < quads; ++quad, row += 4, weights += 4 * kClasses) {
        float x[4], w[4];
        load_quad(x, row);
#pragma unroll
        for (int k = 0; k < kClasses; ++k) {
            load_quad(w, weights + 4 * k);
#pragma unroll
            for (int i = 0; i < 4; ++i) score[k] = multiply_add(w[i], x[i], score[k]);
        }
    }
}

/// score := softmax(score) - onehot(label); returns the row's loss.
template <int kClasses>
__device__ float scores_to_slopes(float (&score)[kClasses], int label) {
    float largest = -INFINITY, at_label = NAN, total = 0;
#pragma unroll
    for (int k = 0; k < kClasses; ++k) {
        largest = score[k] > largest ? score[k] : largest;
        at_label = k == label ? score[k] : at_label;
    }
#pragma unroll
    for (int k = 0; k < kClasses; ++k) total += score[k] = exp_(score[k] - largest);
    const float share = 1.f / total;
#pragma unroll
    for (int k = 0; k < kClasses; ++k) score[k] = score[k] * share - (k == label ? 1.f : 0.f);
    return log_(total) + (largest - at_label);
}

/// sums[k] += slope k of a row times four columns of it, over the rows first, first + step, ...; x: of row 0.
template <int kClasses>
__device__ void add_products(float (&sums)[kClasses][4], const float* slopes, const float* x, int first, int step,
                             int pitch) {
    for (int row = first; row < LogisticTile::kRows; row += step) {
        float columns[4], slope[4];
        load_quad(columns, x + row * pitch);
#pragma unroll
        for (int quad = 0; quad < kClasses; quad += 4) {
            load_quad(slope, slopes + row * kClasses + quad);
#pragma unroll
            for (int k = 0; k < 4; ++k)
#pragma unroll
                for (int i = 0; i < 4; ++i) sums[quad + k][i] = multiply_add(slope[k], columns[i], sums[quad + k][i]);
        }
    }
}

}  // namespace detail

/// One block for each chunk of the rows (x) and problem (y). K at most kClasses, a multiple of 4.
template <int kClasses>
__global__ void __launch_bounds__(LogisticTile::kRows, 3)
    fused_logistic_kernel(LogisticSums to, const double* theta, LogisticRows rows, const unsigned* counts,
                          const LbfgsControl* control, int K) {
    const std::size_t q = blockIdx.y;
    if (!control[q].active) return;
    constexpr int kRows = LogisticTile::kRows;
    const int d = rows.d, D = d + 1, thread = threadIdx.x;
    const LogisticTile tile(d);
    float* const weights = dynamic_shared<float>();
    float* const slopes = weights + tile.weight_floats(kClasses);  // [kRows, kClasses]
    float* const x = slopes + kRows * kClasses;                    // [kRows, pitch]
    detail::load_logistic_weights<kClasses>(weights, theta + q * K * D, counts + q * 256, K, d, tile);
    for (int j = d; j < 4 * tile.quads; ++j) x[thread * tile.pitch + j] = j == d ? 1.f : 0.f;

    const int group = thread / tile.quads, column = 4 * (thread % tile.quads);
    const bool is_wide = d % 4 == 0 && detail::is_quad_aligned(rows.features);
    const std::size_t begin = std::size_t(blockIdx.x) * kLogisticChunk, left = rows.n - begin;
    const int count = left < std::size_t(kLogisticChunk) ? int(left) : kLogisticChunk;
    float sums[kClasses][4] = {};
    double loss = 0;
    for (int first = 0; first < count; first += kRows) {
        AsyncCopies copies;
        const float* const from = rows.features + (q * rows.n + begin + first) * d;
        __syncthreads();  // nobody reads the tile before this one any more
        if (is_wide)
            detail::copy_logistic_rows<4>(copies, x, from, count - first, d, tile.pitch);
        else
            detail::copy_logistic_rows<1>(copies, x, from, count - first, d, tile.pitch);
        copies.end_group();
        copies.wait<0>();
        __syncthreads();
        float slope[kClasses] = {};  // of rows past the end: 0
        if (first + thread < count) {
            detail::add_scores(slope, x + thread * tile.pitch, weights, tile.quads);
            loss += detail::scores_to_slopes(slope, rows.labels[q][begin + first + thread]);
        }
#pragma unroll
        for (int k = 0; k < kClasses; k += 4)
            *reinterpret_cast<float4*>(slopes + thread * kClasses + k) =
                float4{slope[k], slope[k + 1], slope[k + 2], slope[k + 3]};
        __syncthreads();
        if (group < tile.groups) detail::add_products(sums, slopes, x + column, group, tile.groups, tile.pitch);
    }

    __syncthreads();
    const int width = 4 * tile.quads;
    if (group < tile.groups)
#pragma unroll
        for (int k = 0; k < kClasses; ++k)
            *reinterpret_cast<float4*>(x + (group * kClasses + k) * width + column) =
                float4{sums[k][0], sums[k][1], sums[k][2], sums[k][3]};
    loss = block_sum(loss);  // its barriers show the sums to all
    const std::size_t chunk = q * to.chunks + blockIdx.x;
    for (int e = thread; e < K * D; e += kRows) {
        const int k = e / D, j = e % D;
        float sum = 0;
        for (int g = 0; g < tile.groups; ++g) sum += x[(g * kClasses + k) * width + j];
        if (j < d)
            to.weights[(chunk * K + k) * d + j] = sum;
        else
            to.bias[chunk * K + k] = sum;
    }
    if (thread == 0) to.loss[chunk] = loss;
}

}  // namespace warpvae

// Multinomial regression by plain stochastic gradient descent, a whole training in one block. A step is too little work
// for a launch (batch K (d + 1) products), and the weights, which all steps share, stay in shared memory throughout.
//
//   p = softmax(W (x, 1)) over classes, for the batch's rows x;   W -= rate / batch sum_rows (p - onehot(label)) (x, 1)
//
// as argo's LatentVarsClassificationHook trains it (Peste et al. 2017). Rows come in gather.cuh's kCycle order. First a
// warp takes a row, and its lanes the classes. Then each thread takes entries of W, and sums each over the batch's rows
// in their order.
//
// Contract: block any; deterministic. Dynamic shared memory K (d + 1 + batch) numbers. A label of K or more makes the
// weights NaN, and so does a feature that is not finite. Each step reads the batch's features twice, the second time
// from the cache.
#pragma once
#include "cuda/device/reduce.cuh"
#include "cuda/device/shared.cuh"
#include "cuda/gather.cuh"
#include "cuda/math.cuh"
#include "cuda/ops/linear_models.h"

namespace warpvae {

// Entries of a row of W that a thread takes at once: some vectors' worth on the CPU, one on a GPU.
#ifdef __CUDACC__
inline constexpr int kSgdTile = 1;
#else
inline constexpr int kSgdTile = 64;
#endif
inline constexpr int kSgdMaxBatch = 256;
/// Dynamic shared memory of softmax_sgd: W, and the slopes of a batch.
template <class T>
constexpr std::size_t softmax_sgd_bytes(int K, int d, int batch) {
    return std::size_t(K) * (d + 1 + batch) * sizeof(T);
}

/// w [d + 1] times (x [d], 1).
template <class T>
__device__ inline T affine_product(const T* w, const T* x, int d) {
    T sum = T(0);
    WARPVAE_SIMD(reduction(+ : sum))
    for (int j = 0; j < d; ++j) sum += w[j] * x[j];
    return sum + w[d];
}

/// One block per problem. weights [Q, K, d + 1]; features, labels and seeds [Q].
template <class T>
__global__ void __launch_bounds__(1024, 1)
    softmax_sgd_kernel(T* weights, const T* const* features, const std::uint8_t* const* labels,
                       const std::uint64_t* seeds, SoftmaxSgdOptions options, MinibatchOrder order, int d) {
    const int K = options.classes, batch = options.batch, D = d + 1;
    const int tiles = (d + kSgdTile - 1) / kSgdTile;
    const T rate = T(options.learning_rate) / T(batch);
    T* W = dynamic_shared<T>();
    T* slopes = W + K * D;  // [batch, K]: of the loss, by the logits
    __shared__ const T* rows[kSgdMaxBatch];

    for (int i : block_stride(K * D)) W[i] = T(0);
    for (int step = 0; step < options.steps; ++step) {
        __syncthreads();
        for (int n = warp_index(); n < batch; n += warps_per_block()) {
            const std::uint32_t row = minibatch_image(order, seeds[blockIdx.x], step, n).image;
            const T* x = features[blockIdx.x] + std::size_t(row) * d;
            const int label = labels[blockIdx.x][row];
            T* slope = slopes + n * K;
            if (lane_index() == 0) rows[n] = x;

            const auto classes = warp_stride(K);
            T largest = T(-INFINITY), total = T(0);
            for (int k : classes) {
                slope[k] = affine_product(W + k * D, x, d);
                largest = slope[k] > largest ? slope[k] : largest;
            }
            largest = warp_max(largest);
            WARPVAE_SIMD(reduction(+ : total))
            for (int k = classes.first; k < classes.last; k += classes.step) {
                slope[k] = exp_(slope[k] - largest);
                total += slope[k];
            }
            total = label < K ? warp_sum(total) : T(NAN);
            for (int k : classes) slope[k] = slope[k] / total - (k == label ? T(1) : T(0));
        }
        __syncthreads();
        for (int tile : block_stride(K * tiles)) {
            const int k = tile / tiles, first = tile % tiles * kSgdTile;
            const int width = d - first < kSgdTile ? d - first : kSgdTile;
            T sum[kSgdTile] = {};
            for (int n = 0; n < batch; ++n) {
                const T slope = slopes[n * K + k];
                const T* x = rows[n] + first;
                WARPVAE_SIMD()
                for (int j = 0; j < width; ++j) sum[j] += slope * x[j];
            }
            for (int j = 0; j < width; ++j) W[k * D + first + j] -= rate * sum[j];
        }
        for (int k : block_stride(K)) {
            T sum = T(0);
            for (int n = 0; n < batch; ++n) sum += slopes[n * K + k];
            W[k * D + d] -= rate * sum;
        }
    }
    __syncthreads();
    T* out = weights + std::size_t(blockIdx.x) * K * D;
    for (int i : block_stride(K * D)) out[i] = W[i];
}

/// predicted [Q, m]; features [Q] of [m, d]. One grid row per problem.
template <class T>
__global__ void softmax_predict_kernel(std::uint8_t* predicted, const T* weights, const T* const* features, int K,
                                       std::size_t m, int d) {
    const std::size_t q = blockIdx.y;
    const T* W = weights + q * K * (d + 1);
    for (std::size_t i : grid_stride(m)) {
        const T* x = features[q] + i * d;
        int best = 0;
        T largest = T(-INFINITY);
        for (int k = 0; k < K; ++k) {
            const T value = affine_product(W + k * (d + 1), x, d);
            if (value > largest) largest = value, best = k;
        }
        predicted[q * m + i] = std::uint8_t(best);
    }
}

}  // namespace warpvae

// EQUIVAE's loss over classes (Feige 2019, eq. 4 to 7). For an unlabelled image it is the exact expectation, under
// q(y|x) = softmax(logits), of the cost e = nll + kl of each class's pair, plus the divergence of q(y|x) from the
// classes' frequencies p(y). For a labelled image it is the cost of its one pair plus the classifier's cross-entropy.
// The gradients by the logits and by every pair's cost are short enough to write by hand:
//
//   unlabelled   loss = sum_k q_k g_k,   g_k = e_k + log q_k - log p_k,   dloss/de_k = q_k,
//                dloss/dlogit_k = q_k (g_k - loss)                 (the derivative of log q_k sums to 0)
//   labelled     loss = e - log q_y,   dloss/de = 1,   dloss/dlogit_k = q_k - [k = y]
//
// Unlabelled images are weighed by 1 / U, labelled ones by labelled_scale. log q is the logarithm of the softmax,
// finite for any finite logits. A class with q_k = 0 adds nothing to the divergence; but if its cost is infinite or
// NaN, the loss is NaN (0 inf), so that such a cost shows.
//
// Contract: one block per image, whose threads share the classes; block any; no shared memory but the reductions';
// deterministic. Reads and writes some 30 bytes per image and class.
#pragma once
#include "cuda/device/reduce.cuh"
#include "cuda/math.cuh"
#include "cuda/ops/pairs.h"

namespace warpvae {

/// q(y|x) of one image, held by the block that shares its logits x [K].
template <class T>
struct ClassPosterior {
    const T* x;
    T largest, total, log_total;
    __device__ static ClassPosterior of(const T* x, int K) {
        T largest = T(-INFINITY), total = T(0);
        for (int k : block_stride(K)) largest = x[k] > largest || x[k] != x[k] ? x[k] : largest;
        largest = block_max(largest);
        const auto classes = block_stride(K);
        WARPVAE_SIMD(reduction(+ : total))
        for (int k = classes.first; k < classes.last; k += classes.step) total += exp_(x[k] - largest);
        total = block_sum(total);
        return {x, largest, total, log_(total)};
    }
    __device__ T q(int k) const { return exp_(x[k] - largest) / total; }
    __device__ T log_q(int k) const { return (x[k] - largest) - log_total; }
    /// log(q / p), and 0 where q is: q log(q / p) has that limit, and so has its gradient.
    __device__ T log_ratio(int k, const T* log_prior) const { return q(k) == T(0) ? T(0) : log_q(k) - log_prior[k]; }
};

/// One block per image. Without logits only the labelled pairs' weights are written.
template <class T>
__global__ void class_expectation_kernel(ClassExpectation<T> out, const T* logits, const T* nll, const T* kl,
                                         const std::uint8_t* labels, const T* log_prior, T labelled_scale,
                                         PairShape shape) {
    const int image = blockIdx.x, U = shape.unlabelled, K = shape.classes, L = shape.labelled;
    const std::size_t r = blockIdx.y, pairs = r * shape.pairs();
    const bool leader = threadIdx.x == 0;
    const auto classes = block_stride(K);
    if (image >= U && leader && out.pair_weights) out.pair_weights[pairs + U * K + image - U] = labelled_scale;
    if (!logits) return;
    const std::size_t row = (r * shape.images() + image) * K;
    const ClassPosterior<T> posterior = ClassPosterior<T>::of(logits + row, K);
    T* dlogits = out.dlogits ? out.dlogits + row : nullptr;

    if (image >= U) {
        const std::size_t at = r * L + image - U;
        const int label = labels[at];
        const T scale = label < K ? labelled_scale : T(NAN);
        if (leader && out.cross_entropy) out.cross_entropy[at] = label < K ? -posterior.log_q(label) : T(NAN);
        if (!dlogits) return;
        __syncthreads();  // dlogits may be logits: all threads have read the label's entry before it is overwritten
        WARPVAE_SIMD()
        for (int k = classes.first; k < classes.last; k += classes.step)
            dlogits[k] = scale * (posterior.q(k) - (k == label ? T(1) : T(0)));
        return;
    }

    const std::size_t first = pairs + std::size_t(image) * K;
    const T* pair_nll = nll + first;
    const T* pair_kl = kl + first;
    T reconstruction = T(0), divergence = T(0), class_kl = T(0);
    WARPVAE_SIMD(reduction(+ : reconstruction, divergence, class_kl))
    for (int k = classes.first; k < classes.last; k += classes.step) {
        const T q = posterior.q(k);
        reconstruction += q * pair_nll[k];
        divergence += q * pair_kl[k];
        class_kl += q * posterior.log_ratio(k, log_prior);
    }
    reconstruction = block_sum(reconstruction);
    divergence = block_sum(divergence);
    class_kl = block_sum(class_kl);
    if (leader) {
        const std::size_t at = r * U + image;
        if (out.reconstruction) out.reconstruction[at] = reconstruction;
        if (out.kl) out.kl[at] = divergence;
        if (out.class_kl) out.class_kl[at] = class_kl;
    }
    const T mean_cost = reconstruction + divergence;
    for (int k : classes) {
        const T weight = posterior.q(k) / T(U);
        if (out.pair_weights) out.pair_weights[first + k] = weight;
        if (dlogits)
            dlogits[k] =
                weight * ((pair_nll[k] + pair_kl[k] - mean_cost) + (posterior.log_ratio(k, log_prior) - class_kl));
    }
}

}  // namespace warpvae

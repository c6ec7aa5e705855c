// The Bernoulli negative log-likelihood of grey levels t in [0, 1], and its gradient, in one pass over the pixels.
//
//   from logits          nll = max(l, 0) - l t + log(1 + e^-|l|),       dnll/dl = sigmoid(l) - t
//                        with l clipped to +-largest_logit, where such a bound is given
//   from probabilities   nll = -t log p - (1 - t) log(1 - p),           dnll/dp = (p - t) / (p (1 - p))
//                        with p clipped to [1e-6, 1 - 1e-6] (Vive, appendix A)
//   from sigmoids        the same of p = sigmoid(l),                    dnll/dl = p - t
//
// A clipped value has no gradient.
//
// Contract: one block per row of D pixels, block any, no shared memory but the reduction's. Reads 8 bytes a pixel,
// writes 4 (nothing without a gradient); rows that share a target find it in the cache. Deterministic. The gradient may
// overwrite its input.
#pragma once
#include "cuda/device/reduce.cuh"
#include "cuda/math.cuh"
#include "cuda/ops/loss.h"

namespace warpvae {

template <class T>
struct BernoulliTerm {
    T nll, gradient;
};

struct FromLogit {
    template <class T>
    __device__ BernoulliTerm<T> operator()(T logit, T target) const {
        const T magnitude = logit < T(0) ? -logit : logit;
        const T e = exp_of_nonpositive(-magnitude);
        const T positive = logit > T(0) ? logit : T(0);  // a NaN logit reaches the sum through e
        return {positive - logit * target + log1p_(e), (logit < T(0) ? e : T(1)) / (T(1) + e) - target};
    }
};

/// Logits beyond +-largest count as that and have no gradient.
template <class L>
struct FromClippedLogit {
    L largest;
    template <class T>
    __device__ BernoulliTerm<T> operator()(T logit, T target) const {
        const bool clipped = logit < -largest || logit > largest;
        const BernoulliTerm<T> term =
            FromLogit()(logit < -largest ? -largest : (logit > largest ? largest : logit), target);
        return {term.nll, clipped ? T(0) : term.gradient};
    }
};

/// From p, and with through_sigmoid the gradient taken on to the logit whose sigmoid p is: dp/dl = p (1 - p), which
/// cancels the quotient.
template <bool through_sigmoid>
struct FromClippedProbability {
    template <class T>
    __device__ BernoulliTerm<T> operator()(T probability, T target) const {
        const T low = T(1e-6), high = T(1) - T(1e-6);
        const bool clipped = probability < low || probability > high;
        const T p = probability < low ? low : (probability > high ? high : probability);
        const T nll = -(target * log_(p) + (T(1) - target) * log_(T(1) - p));
        const T slope = through_sigmoid ? T(1) : p * (T(1) - p);
        return {nll, clipped ? T(0) : (p - target) / slope};
    }
};
using FromProbability = FromClippedProbability<false>;
using FromSigmoid = FromClippedProbability<true>;

/// nll[row] = sum of terms; gradient[row, :] = scale * rows.weights[row] * term.gradient; either may be null. The
/// target's row is the row's own, or one that it shares (RowMap).
template <class T, class Term>
__global__ void bernoulli_kernel(T* nll, T* gradient, const T* input, const T* target, T scale, int D, LossRows<T> rows,
                                 Term term_of) {
    const std::size_t row = std::size_t(blockIdx.y) * gridDim.x + blockIdx.x;
    const T* x = input + row * D;
    const T* t = target + rows.target_of(blockIdx.y, blockIdx.x, gridDim.x) * D;
    if (rows.weights) scale *= rows.weights[row];
    T total = T(0);
    const auto pixels = block_stride(D);
    T* g = gradient ? gradient + row * D : nullptr;
    if (g && nll) {
        WARPVAE_SIMD(reduction(+ : total))
        for (int i = pixels.first; i < pixels.last; i += pixels.step) {
            const BernoulliTerm<T> term = term_of(x[i], t[i]);
            total += term.nll;
            g[i] = scale * term.gradient;
        }
    } else if (g) {
        WARPVAE_SIMD()
        for (int i = pixels.first; i < pixels.last; i += pixels.step) g[i] = scale * term_of(x[i], t[i]).gradient;
    } else {
        WARPVAE_SIMD(reduction(+ : total))
        for (int i = pixels.first; i < pixels.last; i += pixels.step) total += term_of(x[i], t[i]).nll;
    }
    if (!nll) return;
    total = block_sum(total);
    if (threadIdx.x == 0) nll[row] = total;
}

template <class T>
__global__ void sigmoid_kernel(T* y, const T* x, std::size_t n) {
    const auto elements = grid_stride(n);
    WARPVAE_SIMD()
    for (std::size_t i = elements.first; i < elements.last; i += elements.step) y[i] = sigmoid_(x[i]);
}

}  // namespace warpvae

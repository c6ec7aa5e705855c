// Likelihoods of images and labels. Letters and conventions: cuda/ops.h.
#pragma once
#include <cstddef>
#include <cstdint>

#include "cuda/device/device.h"

namespace warpvae {

// --- losses: bernoulli.cuh, gaussian_likelihood.cuh, softmax_cross_entropy.cuh ---------------------------------------

/// Which target each of N rows is compared with. The first `shared` targets serve a run of `times` rows each; every
/// target after them serves one row. So K draws of each image are {N / K, K}, and by default each row has its own.
struct RowMap {
    int shared = 0, times = 1;
    constexpr bool fits(int N) const { return shared >= 0 && times >= 0 && (long long)shared * times <= N; }
    /// How many targets N rows have.
    WARPVAE_HOST_DEVICE constexpr int targets(int N) const { return N - shared * times + shared; }
    WARPVAE_HOST_DEVICE constexpr int target_of(int n) const {
        return n < shared * times ? n / times : n - shared * times + shared;
    }
};
/// The rows of a likelihood: what each is compared with, and what it weighs in the gradient.
template <class T>
struct LossRows {
    const T* weights = nullptr;  ///< [R, N]: times `scale` in the gradient; null: 1
    RowMap map;                  ///< target [R, map.targets(N), D]
    constexpr bool fits(int N) const { return map.fits(N); }
    /// The target's row for row n of N in replica r.
    WARPVAE_HOST_DEVICE constexpr std::size_t target_of(std::size_t r, int n, int N) const {
        return r * map.targets(N) + map.target_of(n);
    }
};

/// Negative log-likelihood of `target` in [0, 1] under Bernoulli(sigmoid(logits)), summed over D, and dlogits = scale *
/// (sigmoid(logits) - target); either may be null. nll [R, N]; the rest [R, N, D]; dlogits may be logits. Logits beyond
/// +-largest_logit (0: no such bound) count as that and have no gradient: probabilities clipped to [p, 1 - p] where
/// largest_logit = log((1 - p) / p).
template <class T>
Status bernoulli_from_logits(T* nll, T* dlogits, const T* logits, const T* target, T scale, int R, int N, int D,
                             Stream stream, const LossRows<T>& rows = {}, T largest_logit = T(0));
/// The same from probabilities, clipped to [1e-6, 1 - 1e-6] before the logarithm (Vive, appendix A): the gradient is 0
/// where the clip is active. dprobabilities may be probabilities.
template <class T>
Status bernoulli_from_probabilities(T* nll, T* dprobabilities, const T* probabilities, const T* target, T scale, int R,
                                    int N, int D, Stream stream);
/// Negative log-likelihood of `target` under Normal(mean, exp(log_deviation)^2), summed over D = pixels * C channels
/// (the last axis), and dmean and dlog_deviation of sum_n scale * rows.weights[n] * nll[n]; each may be null.
///   nll = sum_i (t - m)^2 / (2 s^2) + log s + log(2 pi) / 2
/// log_deviation: null for s = 1, else `deviations` numbers at stride P, 1 (one for all) or C (one for each channel),
/// as is dlog_deviation. nll [R, N]; mean, dmean [R, N, D], one place allowed.
template <class T>
Status gaussian_likelihood(T* nll, T* dmean, T* dlog_deviation, const T* mean, const T* target, const T* log_deviation,
                           int deviations, std::size_t P, T scale, int R, int N, int pixels, int C, Stream stream,
                           const LossRows<T>& rows = {});
/// y = sigmoid(x), n elements, in place allowed.
template <class T>
Status sigmoid(T* y, const T* x, std::size_t n, Stream stream);
/// Where the class axis of logits lies: [R, N, K], or [R, K, N].
enum class ClassAxis { kLast, kFirst };
/// Multinomial cross-entropy of x = logits + bias: loss[r, n] = log sum_k exp(x[k]) - x[label],
/// dlogits = scale * (softmax(x) - onehot(label)), predicted[r, n] = argmax (lowest of equals). Each of the three may
/// be null, and so may bias; without labels only predicted is written. A label of K or more gives a NaN loss. K from 1
/// to 256.
///   logits, dlogits [R, N, K] or [R, K, N] (in place allowed); bias [K] at stride P; labels [R] device pointers to
///   bytes, read from `first`.
template <class T>
Status softmax_cross_entropy(T* loss, T* dlogits, std::uint8_t* predicted, const T* logits, const T* bias,
                             std::size_t P, const std::uint8_t* const* labels, std::size_t first, T scale,
                             ClassAxis axis, int R, int N, int K, Stream stream);

}  // namespace warpvae

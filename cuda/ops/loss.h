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

/// What a layer's logits are compared with, and how (dense_bernoulli).
template <class T>
struct BernoulliTarget {
    const T* values = nullptr;  ///< [R, map.targets(N), D], in [0, 1]
    T scale = T(1);             ///< of the gradient
    RowMap map = {};
    T largest_logit = T(0);  ///< as bernoulli_from_logits has it
    constexpr bool fits(int N) const { return map.fits(N) && largest_logit >= T(0); }
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
                                    int N, int D, Stream stream, const LossRows<T>& rows = {});
/// What log s counts as at least.
inline constexpr double kLeastLogDeviation = -6;
/// log s of the deviations s of a replica's pixels.
template <class T>
struct LogDeviation {
    const T* values = nullptr;  ///< [count] at stride P; null: s = 1
    int count = 0;              ///< 1 (one for all) or C (one for each channel)
    std::size_t P = 0;
};
/// What gaussian_likelihood writes; each may be null.
template <class T>
struct GaussianLoss {
    T* nll;             ///< [R, N]
    T* dmean;           ///< [R, N, D]; mean's place allowed
    T* dlog_deviation;  ///< as LogDeviation's values
};
/// Negative log-likelihood of `target` under Normal(mean, s^2), summed over D = pixels * C channels (the last axis),
/// and the gradient of sum_n scale * rows.weights[n] * nll[n]. mean [R, N, D].
///   nll = sum_i (t - m)^2 / (2 s^2) + log s + log(2 pi) / 2,   log s from kLeastLogDeviation upwards
template <class T>
Status gaussian_likelihood(const GaussianLoss<T>& out, const T* mean, const T* target, const LogDeviation<T>& deviation,
                           T scale, int R, int N, int pixels, int C, Stream stream, const LossRows<T>& rows = {});
/// y = sigmoid(x), n elements, in place allowed.
template <class T>
Status sigmoid(T* y, const T* x, std::size_t n, Stream stream);
/// Where the class axis of logits lies: [R, N, K], or [R, K, N].
enum class ClassAxis { kLast, kFirst };
/// What softmax_cross_entropy writes of x = logits + bias; each may be null.
template <class T>
struct CrossEntropy {
    T* loss = nullptr;                  ///< [R, N]: log sum_k exp(x[k]) - x[label]
    T* dlogits = nullptr;               ///< as logits, whose place is allowed: scale * (softmax(x) - onehot(label))
    std::uint8_t* predicted = nullptr;  ///< [R, N]: argmax, the lowest of equals
};
/// The labels of N rows.
struct LabelRows {
    const std::uint8_t* const* labels =
        nullptr;            ///< [R] device pointers to bytes; null: none, and only `predicted` is written
    std::size_t first = 0;  ///< the row of each that is row 0
};
/// Multinomial cross-entropy, its gradient, and the most likely class. A label of K or more gives a NaN loss. K from 1
/// to 256.
///   logits [R, N, K] or [R, K, N]; bias [K] at stride P, or null
template <class T>
Status softmax_cross_entropy(const CrossEntropy<T>& out, const T* logits, const T* bias, std::size_t P,
                             const LabelRows& rows, T scale, ClassAxis axis, int R, int N, int K, Stream stream);

}  // namespace warpvae

// Likelihoods of images and labels. Letters and conventions: cuda/ops.h.
#pragma once
#include <cstddef>
#include <cstdint>

#include "cuda/device/device.h"

namespace warpvae {

// --- losses: bernoulli.cuh, softmax_cross_entropy.cuh ----------------------------------------------------------------

/// Negative log-likelihood of `target` in [0, 1] under Bernoulli(sigmoid(logits)), summed over D, and, unless dlogits
/// is null, dlogits = scale * (sigmoid(logits) - target). nll [R, N]; the rest [R, N, D]; dlogits may be logits.
template <class T>
Status bernoulli_from_logits(T* nll, T* dlogits, const T* logits, const T* target, T scale, int R, int N, int D,
                             Stream stream);
/// The same from probabilities, clipped to [1e-6, 1 - 1e-6] before the logarithm (Vive, appendix A): the gradient is 0
/// where the clip is active. dprobabilities may be probabilities.
template <class T>
Status bernoulli_from_probabilities(T* nll, T* dprobabilities, const T* probabilities, const T* target, T scale, int R,
                                    int N, int D, Stream stream);
/// y = sigmoid(x), n elements, in place allowed.
template <class T>
Status sigmoid(T* y, const T* x, std::size_t n, Stream stream);
/// Where the class axis of logits lies: [R, N, K], or [R, K, N].
enum class ClassAxis { kLast, kFirst };
/// Multinomial cross-entropy of x = logits + bias: loss[r, n] = log sum_k exp(x[k]) - x[label],
/// dlogits = scale * (softmax(x) - onehot(label)), predicted[r, n] = argmax (lowest of equals). Each of the three may
/// be null, and so may bias; without labels only predicted is written. A label of K or more gives a NaN loss. K at most
/// 256.
///   logits, dlogits [R, N, K] or [R, K, N] (in place allowed); bias [K] at stride P; labels [R] device pointers to
///   bytes, read from `first`.
template <class T>
Status softmax_cross_entropy(T* loss, T* dlogits, std::uint8_t* predicted, const T* logits, const T* bias,
                             std::size_t P, const std::uint8_t* const* labels, std::size_t first, T scale,
                             ClassAxis axis, int R, int N, int K, Stream stream);

}  // namespace warpvae

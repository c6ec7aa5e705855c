// The distribution of an image given its latents, whose parameter is the decoder's output. Models that let their
// configuration choose it compute -log p(x | z) here, all of them; the others are Bernoulli.
#pragma once
#include "cuda/ops/loss.h"

namespace warpvae {

/// p(x|z): Bernoulli with the output as logits, or Gaussian with the output as means.
enum class Likelihood { kBernoulli, kGaussian };

template <class T>
struct ImageLikelihood {
    Likelihood kind;
    int pixels, channels;            ///< of an image
    T largest_logit = T(0);          ///< Bernoulli: as bernoulli_from_logits has it
    LogDeviation<T> deviation = {};  ///< Gaussian
    T* d_log_deviation = nullptr;    ///< Gaussian: where its gradient goes; null: not wanted

    /// nll [R, N] of the decoder's output for N rows, and d_output, `scale` times its gradient by the output, whose
    /// place it may take. Either may be null.
    Status row_losses(T* nll, T* d_output, const T* output, const T* target, T scale, const LossRows<T>& rows, int R,
                      int N, Stream stream) const {
        if (kind == Likelihood::kBernoulli)
            return bernoulli_from_logits<T>(nll, d_output, output, target, scale, R, N, pixels * channels, stream, rows,
                                            largest_logit);
        return gaussian_likelihood<T>({nll, d_output, d_output ? d_log_deviation : nullptr}, output, target, deviation,
                                      scale, R, N, pixels, channels, stream, rows);
    }
};

}  // namespace warpvae

// The distribution of an image given its latents, p(x | z), whose parameter is the decoder's output. All models that
// decode images have one of these: which distribution it is, the deviation that it may learn, and -log p(x | z).
//
// A Gaussian's mean is the decoder's output as it is: without bounds (Kingma and Welling 2014, appendix C.2), in a
// SpatialVae a warped sigmoid. A learned deviation is one number for all pixels of a model. It weighs reconstructions
// against the divergence as the data ask for (the sigma-VAE of Rybkin et al. 2021); with one for each pixel a model may
// take details for noise instead of drawing them.
#pragma once
#include "models/parameters.h"

namespace warpvae {

enum class Likelihood {
    kBernoulli,
    kGaussian,         ///< of deviation 1
    kLearnedGaussian,  ///< of one deviation for all pixels, a parameter of the model
    kChannelGaussian,  ///< of one for each channel
};
/// What a Bernoulli reads of the decoder.
enum class BernoulliInput { kLogits, kProbabilities };

/// What PixelLikelihood::losses writes of N rows; each may be left out.
template <class T>
struct PixelLoss {
    T* nll = nullptr;        ///< [R, N]
    T* d_output = nullptr;   ///< [R, N, D]: the gradient by the decoder's output, whose place it may take
    bool deviation = false;  ///< the gradient of the learned deviation, where there is one
};

template <class T>
class PixelLikelihood {
  public:
    PixelLikelihood() = default;
    /// Adds decoder.log_deviation to the layout, [1] or [channels], where it is learned. A deviation starts at 1.
    PixelLikelihood(ParameterLayout& layout, Likelihood kind, int pixels, int channels = 1,
                    BernoulliInput input = BernoulliInput::kLogits);

    bool is_bernoulli() const { return kind_ == Likelihood::kBernoulli; }
    bool of_logits() const { return is_bernoulli() && input_ == BernoulliInput::kLogits; }
    bool has_deviation() const {
        return kind_ == Likelihood::kLearnedGaussian || kind_ == Likelihood::kChannelGaussian;
    }

    /// -log p(target | output) of N rows in nats, and the gradient of the sum of scale * rows.weights[n] * nll[n].
    /// `largest_logit` as bernoulli_from_logits has it; other kinds have no such bound.
    Status losses(const PixelLoss<T>& to, ParameterArena<T>& parameters, const T* output, const T* target, T scale,
                  const LossRows<T>& rows, int N, Stream stream, T largest_logit = T(0)) const;

  private:
    Likelihood kind_ = Likelihood::kBernoulli;
    int pixels_ = 0, channels_ = 1;
    BernoulliInput input_ = BernoulliInput::kLogits;
    std::size_t deviation_ = 0;  // offset in the arena
};

}  // namespace warpvae

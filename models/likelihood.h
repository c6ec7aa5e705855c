// The distribution of an image given its latents, whose parameter is the decoder's output.
#pragma once

namespace warpvae {

/// p(x|z): Bernoulli with the output as logits, or Gaussian with the output as means.
enum class Likelihood { kBernoulli, kGaussian };

}  // namespace warpvae

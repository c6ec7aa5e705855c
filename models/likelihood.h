// What a decoder's output is the parameter of.
#pragma once

namespace warpvae {

/// p(x|z): Bernoulli with the output as logits, or Gaussian with the output as means.
enum class Likelihood { kBernoulli, kGaussian };

}  // namespace warpvae

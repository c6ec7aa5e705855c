// The setting --likelihood, p(x | z) of the pixels, in the same words in every program.
#pragma once
#include "host/experiment/settings.h"
#include "models/likelihood.h"

namespace warpvae {

inline const Choices<Likelihood> kLikelihoods = {{"bernoulli", Likelihood::kBernoulli},
                                                 {"gaussian", Likelihood::kGaussian},
                                                 {"gaussian-learned", Likelihood::kLearnedGaussian}};

inline void add_pixel_likelihood(Settings& settings, Likelihood& likelihood) {
    settings
        .add("likelihood", likelihood, kTraining, one_of(kLikelihoods),
             "of pixels: bernoulli (grey levels as probabilities), gaussian (of deviation 1), gaussian-learned (one "
             "deviation, learned; photographs)")
        .came_as("bernoulli");
}

}  // namespace warpvae

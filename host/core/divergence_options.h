// How much of its latents' divergence a model's loss counts in the course of training (cuda/latent_divergence.cuh), in
// a user's units.
#pragma once

namespace warpvae {

struct DivergenceOptions {
    double warmup_epochs = 0;  ///< its weight rises in a line from 0 to the model's over so many; 0: no warm-up
    double free_nats = 0;      ///< of each latent, in a minibatch's mean; 0: none
    bool counts_all() const { return warmup_epochs == 0 && free_nats == 0; }
};

}  // namespace warpvae

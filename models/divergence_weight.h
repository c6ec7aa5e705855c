// What the divergence of a model's Gaussian latent weighs from step to step: KL warm-up and free bits
// (cuda/latent_divergence.cuh). Everything that it depends on lies on the device, so that captured steps can be
// replayed.
#pragma once
#include "cuda/device/buffer.h"
#include "cuda/ops/latent.h"

namespace warpvae {

template <class T>
class DivergenceWeight {
  public:
    DivergenceWeight() = default;
    /// Of Z latents of each of R replicas; all of the divergence counts until `follow` says otherwise.
    DivergenceWeight(int R, int Z) : R_(R), Z_(Z), factors_(std::size_t(R) * Z, "divergence factors") {}
    void follow(const KlSchedule& schedule) { schedule_ = schedule; }
    bool counts_all() const { return schedule_.counts_all(); }

    /// `weight` at step `*step`, whose rows have these moments [R, N, 2Z], each by its row weight [R, N] in the mean
    /// where there are some. The factors are those of the last call.
    KlWeight<T> at(T weight, const std::uint64_t* step, const T* moments, const GaussianLatent<T>& latent, int N,
                   Stream stream, const T* row_weights = nullptr) {
        if (counts_all()) return {weight};
        check(kl_factors(factors_.data(), moments, latent, schedule_, step, R_, N, Z_, stream, row_weights));
        return {weight, factors_.data()};
    }

  private:
    int R_ = 0, Z_ = 0;
    KlSchedule schedule_;
    DeviceBuffer<T> factors_;
};

}  // namespace warpvae

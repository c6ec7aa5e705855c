#include "cuda/latent_divergence.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

template <class T>
Status kl_factors(T* factors, const T* moments, const GaussianLatent<T>& latent, const KlSchedule& schedule,
                  const std::uint64_t* step, int R, int N, int Z, Stream stream, const T* row_weights) {
    return with_spread(latent.spread, [&](auto of) {
        return launch(kl_factors_kernel<decltype(of)::value, T>, for_blocks(Z, R, Block::any(128)), stream, factors,
                      moments, latent.prior, schedule, step, row_weights, N, Z);
    });
}

template <class T>
Status counted_divergence(T* kl, const T* moments, const GaussianLatent<T>& latent, const T* factors, int R, int N,
                          int Z, Stream stream) {
    return with_spread(latent.spread, [&](auto of) {
        return launch(counted_divergence_kernel<decltype(of)::value, T>, for_blocks(N, R, Block::any(32)), stream, kl,
                      moments, latent.prior, factors, Z);
    });
}

template <class T>
Status accumulate_divergences(double* sums, const T* moments, const GaussianLatent<T>& latent, int R, int N, int Z,
                              Stream stream) {
    return with_spread(latent.spread, [&](auto of) {
        return launch(accumulate_divergences_kernel<decltype(of)::value, T>, for_elements(Z, R, Block::any(64)), stream,
                      sums, moments, latent.prior, N, Z);
    });
}

#define WARPVAE_INSTANTIATE(T)                                                                                       \
    template Status kl_factors(T*, const T*, const GaussianLatent<T>&, const KlSchedule&, const std::uint64_t*, int, \
                               int, int, Stream, const T*);                                                          \
    template Status counted_divergence(T*, const T*, const GaussianLatent<T>&, const T*, int, int, int, Stream);     \
    template Status accumulate_divergences(double*, const T*, const GaussianLatent<T>&, int, int, int, Stream);
WARPVAE_INSTANTIATE(float)
WARPVAE_INSTANTIATE(double)
#undef WARPVAE_INSTANTIATE

}  // namespace warpvae

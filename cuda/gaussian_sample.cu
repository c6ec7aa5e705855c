#include "cuda/gaussian_sample.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

template <class T>
Status gaussian_sample_forward(T* z, T* kl, const T* moments, const GaussianPrior<T>& prior, Spread spread,
                               LatentNoise noise, int R, int N, int Z, Stream stream) {
    if (noise.first_row % 4) return {kInvalidValue};
    const auto with = [&](auto kernel) {
        return launch(kernel, for_blocks(gaussian_sample_blocks(N), R, Block::any(32)), stream, z, kl, moments, prior,
                      noise, N, Z);
    };
    // The usual VAE's prior is known when compiling, so that the loop over latents vectorises.
    if (GaussianLatent<T>{spread, prior}.is_plain())
        return with(gaussian_sample_forward_kernel<Spread::kLogVariance, true, T>);
    return with_spread(spread,
                       [&](auto of) { return with(gaussian_sample_forward_kernel<decltype(of)::value, false, T>); });
}

template <class T>
Status gaussian_sample_backward(T* dmoments, const T* dz, const T* z, const T* moments, const GaussianPrior<T>& prior,
                                Spread spread, KlWeight<T> kl_weight, int R, int N, int Z, Stream stream,
                                const T* row_weights) {
    const auto with = [&](auto kernel) {
        return launch(kernel, for_blocks(N, R, Block::any(32)), stream, dmoments, dz, z, moments, prior, kl_weight,
                      row_weights, Z);
    };
    if (GaussianLatent<T>{spread, prior}.is_plain())
        return with(gaussian_sample_backward_kernel<Spread::kLogVariance, true, T>);
    return with_spread(spread,
                       [&](auto of) { return with(gaussian_sample_backward_kernel<decltype(of)::value, false, T>); });
}

template <class T>
Status gaussian_prior_backward(T* dmean, T* dlog_deviation, std::size_t P, const T* moments,
                               const GaussianPrior<T>& prior, Spread spread, KlWeight<T> kl_weight, int R, int N, int Z,
                               Stream stream) {
    return with_spread(spread, [&](auto of) {
        return launch(gaussian_prior_backward_kernel<decltype(of)::value, T>, for_blocks(Z, R, Block::any(128)), stream,
                      dmean, dlog_deviation, P, moments, prior, kl_weight, N, Z);
    });
}

template <class T>
Status gaussian_log_ratio(T* ratio, const T* z, const T* moments, const GaussianPrior<T>& prior, Spread spread, int R,
                          int N, int Z, Stream stream) {
    return with_spread(spread, [&](auto of) {
        return launch(gaussian_log_ratio_kernel<decltype(of)::value, T>, for_blocks(N, R, Block::any(32)), stream,
                      ratio, z, moments, prior, Z);
    });
}

template <class T>
Status gaussian_prior_sample(T* z, const GaussianPrior<T>& prior, LatentNoise noise, int R, int N, int Z,
                             Stream stream) {
    if (!noise.seeds || noise.first_row % 4) return {kInvalidValue};
    return launch(gaussian_prior_sample_kernel<T>, for_blocks(gaussian_sample_blocks(N), R, Block::any(32)), stream, z,
                  prior, noise, N, Z);
}

#define WARPVAE_INSTANTIATE(T)                                                                                        \
    template Status gaussian_sample_forward(T*, T*, const T*, const GaussianPrior<T>&, Spread, LatentNoise, int, int, \
                                            int, Stream);                                                             \
    template Status gaussian_sample_backward(T*, const T*, const T*, const T*, const GaussianPrior<T>&, Spread,       \
                                             KlWeight<T>, int, int, int, Stream, const T*);                           \
    template Status gaussian_prior_backward(T*, T*, std::size_t, const T*, const GaussianPrior<T>&, Spread,           \
                                            KlWeight<T>, int, int, int, Stream);                                      \
    template Status gaussian_prior_sample(T*, const GaussianPrior<T>&, LatentNoise, int, int, int, Stream);           \
    template Status gaussian_log_ratio(T*, const T*, const T*, const GaussianPrior<T>&, Spread, int, int, int, Stream);
WARPVAE_INSTANTIATE(float)
WARPVAE_INSTANTIATE(double)
#undef WARPVAE_INSTANTIATE

}  // namespace warpvae

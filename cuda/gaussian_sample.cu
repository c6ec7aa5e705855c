#include "cuda/gaussian_sample.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

template <class T>
Status gaussian_sample_forward(T* z, T* kl, const T* moments, const GaussianPrior<T>& prior, DeviationBound bound,
                               LatentNoise noise, int R, int N, int Z, Stream stream) {
    if (noise.first_row % 4) return {kInvalidValue};
    return launch(gaussian_sample_forward_kernel<T>, for_blocks(sample_blocks(N), R, Block::any(32)), stream, z, kl,
                  moments, prior, bound, noise, N, Z);
}

template <class T>
Status gaussian_sample_backward(T* dmoments, const T* dz, const T* z, const T* moments, const GaussianPrior<T>& prior,
                                DeviationBound bound, T kl_weight, int R, int N, int Z, Stream stream) {
    return launch(gaussian_sample_backward_kernel<T>, for_blocks(N, R, Block::any(32)), stream, dmoments, dz, z,
                  moments, prior, bound, kl_weight, Z);
}

template <class T>
Status gaussian_prior_backward(T* dmean, T* dlog_deviation, std::size_t P, const T* moments,
                               const GaussianPrior<T>& prior, DeviationBound bound, T kl_weight, int R, int N, int Z,
                               Stream stream) {
    return launch(gaussian_prior_backward_kernel<T>, for_blocks(Z, R, Block::any(128)), stream, dmean, dlog_deviation,
                  P, moments, prior, bound, kl_weight, N, Z);
}

template <class T>
Status gaussian_log_ratio(T* ratio, const T* z, const T* moments, const GaussianPrior<T>& prior, Spread spread, int R,
                          int N, int Z, Stream stream) {
    const auto with = [&](auto kernel) {
        return launch(kernel, for_blocks(N, R, Block::any(32)), stream, ratio, z, moments, prior, Z);
    };
    switch (spread) {
        case Spread::kLogVariance:
            return with(gaussian_log_ratio_kernel<Spread::kLogVariance, T>);
        case Spread::kLogDeviation:
            return with(gaussian_log_ratio_kernel<Spread::kLogDeviation, T>);
        case Spread::kLogDeviationFromOne:
            return with(gaussian_log_ratio_kernel<Spread::kLogDeviationFromOne, T>);
        default:
            return with(gaussian_log_ratio_kernel<Spread::kVariance, T>);
    }
}

template <class T>
Status gaussian_prior_sample(T* z, const GaussianPrior<T>& prior, LatentNoise noise, int R, int N, int Z,
                             Stream stream) {
    if (!noise.seeds || noise.first_row % 4) return {kInvalidValue};
    return launch(gaussian_prior_sample_kernel<T>, for_blocks(sample_blocks(N), R, Block::any(32)), stream, z, prior,
                  noise, N, Z);
}

#define WARPVAE_INSTANTIATE(T)                                                                                         \
    template Status gaussian_sample_forward(T*, T*, const T*, const GaussianPrior<T>&, DeviationBound, LatentNoise,    \
                                            int, int, int, Stream);                                                    \
    template Status gaussian_sample_backward(T*, const T*, const T*, const T*, const GaussianPrior<T>&,                \
                                             DeviationBound, T, int, int, int, Stream);                                \
    template Status gaussian_prior_backward(T*, T*, std::size_t, const T*, const GaussianPrior<T>&, DeviationBound, T, \
                                            int, int, int, Stream);                                                    \
    template Status gaussian_prior_sample(T*, const GaussianPrior<T>&, LatentNoise, int, int, int, Stream);            \
    template Status gaussian_log_ratio(T*, const T*, const T*, const GaussianPrior<T>&, Spread, int, int, int, Stream);
WARPVAE_INSTANTIATE(float)
WARPVAE_INSTANTIATE(double)
#undef WARPVAE_INSTANTIATE

}  // namespace warpvae

#include "cuda/gaussian_likelihood.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

template <class T>
Status gaussian_likelihood(T* nll, T* dmean, T* dlog_deviation, const T* mean, const T* target, const T* log_deviation,
                           int deviations, std::size_t P, T scale, int R, int N, int pixels, int C, Stream stream,
                           const LossRows<T>& rows) {
    if (!rows.fits(N)) return {kInvalidValue};
    if (log_deviation ? deviations < 1 || (deviations != 1 && deviations != C) : dlog_deviation != nullptr)
        return {kInvalidValue};
    const bool per_channel = log_deviation && deviations > 1;
    if (!per_channel) pixels *= C, C = 1;
    Status status;
    if (dlog_deviation) {  // first: dmean may overwrite the mean
        const auto kernel =
            per_channel ? gaussian_deviation_backward_kernel<T, true> : gaussian_deviation_backward_kernel<T, false>;
        status = launch(kernel, for_blocks(C, R, Block::any(1024)), stream, dlog_deviation, mean, target, log_deviation,
                        P, scale, N, pixels, rows);
    }
    if (!status.ok() || (!nll && !dmean)) return status;
    const auto kernel = per_channel ? gaussian_likelihood_kernel<T, true> : gaussian_likelihood_kernel<T, false>;
    return launch(kernel, for_blocks(N, R), stream, nll, dmean, mean, target, log_deviation, P, scale, pixels, C, rows);
}

#define WARPVAE_INSTANTIATE(T)                                                                                        \
    template Status gaussian_likelihood(T*, T*, T*, const T*, const T*, const T*, int, std::size_t, T, int, int, int, \
                                        int, Stream, const LossRows<T>&);
WARPVAE_INSTANTIATE(float)
WARPVAE_INSTANTIATE(double)
#undef WARPVAE_INSTANTIATE

}  // namespace warpvae

#include "cuda/gaussian_likelihood.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

template <class T>
Status gaussian_likelihood(const GaussianLoss<T>& out, const T* mean, const T* target, const LogDeviation<T>& deviation,
                           T scale, int R, int N, int pixels, int C, Stream stream, const LossRows<T>& rows) {
    if (!rows.fits(N)) return {kInvalidValue};
    const bool per_channel = deviation.values && deviation.count > 1;
    if (deviation.values ? deviation.count < 1 || (per_channel && deviation.count != C) : out.dlog_deviation != nullptr)
        return {kInvalidValue};
    if (!per_channel) pixels *= C, C = 1;
    const bool of_rows = out.dlog_deviation && out.nll && !per_channel;
    Status status;
    if (out.dlog_deviation && !of_rows) {  // first: dmean may overwrite the mean
        const auto kernel =
            per_channel ? gaussian_deviation_backward_kernel<T, true> : gaussian_deviation_backward_kernel<T, false>;
        status = launch(kernel, for_blocks(C, R, Block::any(1024)), stream, out.dlog_deviation, mean, target,
                        deviation.values, deviation.P, scale, N, pixels, rows);
    }
    if (!status.ok() || (!out.nll && !out.dmean)) return status;
    const auto kernel = per_channel ? gaussian_likelihood_kernel<T, true> : gaussian_likelihood_kernel<T, false>;
    status = launch(kernel, for_blocks(N, R), stream, out.nll, out.dmean, mean, target, deviation.values, deviation.P,
                    scale, pixels, C, rows, !of_rows);
    if (!status.ok() || !of_rows) return status;
    return launch(gaussian_deviation_of_rows_kernel<T>, for_blocks(R), stream, out.dlog_deviation, out.nll,
                  deviation.values, deviation.P, scale, N, pixels, rows.weights);
}

#define WARPVAE_INSTANTIATE(T)                                                                                      \
    template Status gaussian_likelihood(const GaussianLoss<T>&, const T*, const T*, const LogDeviation<T>&, T, int, \
                                        int, int, int, Stream, const LossRows<T>&);
WARPVAE_INSTANTIATE(float)
WARPVAE_INSTANTIATE(double)
#undef WARPVAE_INSTANTIATE

}  // namespace warpvae

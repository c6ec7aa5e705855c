#include "cuda/importance_weights.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

template <class T>
Status log_mean_exp(LogMeanExp* out, const T* ratio, const T* nll, int Q, int K, Stream stream) {
    if (K < 1) return {kInvalidValue};
    return launch(log_mean_exp_kernel<T>, for_blocks(Q), stream, out, ratio, nll, K);
}
template <class T>
Status accumulate_log_weights(LogWeights* sums, const T* ratio, const T* nll, int Q, int K, Stream stream) {
    if (K < 0) return {kInvalidValue};
    return launch(accumulate_log_weights_kernel<T>, for_blocks(Q), stream, sums, ratio, nll, K);
}

#define WARPVAE_INSTANTIATE(T)                                                       \
    template Status log_mean_exp(LogMeanExp*, const T*, const T*, int, int, Stream); \
    template Status accumulate_log_weights(LogWeights*, const T*, const T*, int, int, Stream);
WARPVAE_INSTANTIATE(float)
WARPVAE_INSTANTIATE(double)
#undef WARPVAE_INSTANTIATE

}  // namespace warpvae

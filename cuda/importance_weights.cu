#include "cuda/importance_weights.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

template <class T>
Status log_mean_exp(LogMeanExp* out, const T* ratio, const T* nll, int Q, int K, Stream stream) {
    if (K < 1) return {kInvalidValue};
    return launch(log_mean_exp_kernel<T>, for_blocks(Q), stream, out, ratio, nll, K);
}
template Status log_mean_exp(LogMeanExp*, const float*, const float*, int, int, Stream);
template Status log_mean_exp(LogMeanExp*, const double*, const double*, int, int, Stream);

}  // namespace warpvae

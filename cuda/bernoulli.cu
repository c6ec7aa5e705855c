#include "cuda/bernoulli.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

template <class T>
Status bernoulli_from_logits(T* nll, T* dlogits, const T* logits, const T* target, T scale, int R, int N, int D,
                             Stream stream, const LossRows<T>& rows, T largest_logit) {
    if (!rows.fits(N) || !(largest_logit >= T(0))) return {kInvalidValue};
    if (largest_logit > T(0))
        return launch(bernoulli_kernel<T, FromClippedLogit<T>>, for_blocks(N, R), stream, nll, dlogits, logits, target,
                      scale, D, rows, FromClippedLogit<T>{largest_logit});
    return launch(bernoulli_kernel<T, FromLogit>, for_blocks(N, R), stream, nll, dlogits, logits, target, scale, D,
                  rows, FromLogit());
}
template <class T>
Status bernoulli_from_probabilities(T* nll, T* dprobabilities, const T* probabilities, const T* target, T scale, int R,
                                    int N, int D, Stream stream, const LossRows<T>& rows) {
    if (!rows.fits(N)) return {kInvalidValue};
    return launch(bernoulli_kernel<T, FromProbability>, for_blocks(N, R), stream, nll, dprobabilities, probabilities,
                  target, scale, D, rows, FromProbability());
}
template <class T>
Status sigmoid(T* y, const T* x, std::size_t n, Stream stream) {
    return launch(sigmoid_kernel<T>, for_elements(n), stream, y, x, n);
}

#define WARPVAE_INSTANTIATE(T)                                                                                      \
    template Status bernoulli_from_logits(T*, T*, const T*, const T*, T, int, int, int, Stream, const LossRows<T>&, \
                                          T);                                                                       \
    template Status bernoulli_from_probabilities(T*, T*, const T*, const T*, T, int, int, int, Stream,              \
                                                 const LossRows<T>&);                                               \
    template Status sigmoid(T*, const T*, std::size_t, Stream);
WARPVAE_INSTANTIATE(float)
WARPVAE_INSTANTIATE(double)
#undef WARPVAE_INSTANTIATE

}  // namespace warpvae

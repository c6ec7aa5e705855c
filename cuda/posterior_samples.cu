#include "cuda/posterior_samples.cuh"

#include <climits>

#include "cuda/device/launch.cuh"

namespace warpvae {

template <class T>
Status variance_head(T* moments, T* kl, VarianceHead head, int R, int N, int Z, Stream stream) {
    return launch(variance_head_kernel<T>, for_blocks(N, R, Block::any(32)), stream, moments, kl, head, Z);
}
template <class T>
Status posterior_samples(T* z, T* ratio, const T* moments, LatentNoise noise, int R, int N, int K, int Z,
                         Stream stream) {
    const std::size_t draws = std::size_t(N) * K;
    if (noise.first_row % 4 || draws > INT_MAX) return {kInvalidValue};
    return launch(posterior_samples_kernel<T>, for_blocks(posterior_samples_blocks(draws), R, Block::any(32)), stream,
                  z, ratio, moments, noise, N, K, Z);
}
template <class T>
Status posterior_backward(T* dheads, const T* dz, const T* z, const T* moments, const T* weights,
                          const RenyiOrders& orders, VarianceHead head, T scale, int R, int N, int K, int Z,
                          Stream stream) {
    return launch(posterior_backward_kernel<T>, for_blocks(N, R, Block::any(32)), stream, dheads, dz, z, moments,
                  weights, orders, head, scale, K, Z);
}

#define WARPVAE_INSTANTIATE(T)                                                                                       \
    template Status variance_head(T*, T*, VarianceHead, int, int, int, Stream);                                      \
    template Status posterior_samples(T*, T*, const T*, LatentNoise, int, int, int, int, Stream);                    \
    template Status posterior_backward(T*, const T*, const T*, const T*, const T*, const RenyiOrders&, VarianceHead, \
                                       T, int, int, int, int, Stream);
WARPVAE_INSTANTIATE(float)
WARPVAE_INSTANTIATE(double)
#undef WARPVAE_INSTANTIATE

}  // namespace warpvae

#include "cuda/gaussian_head.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

template <class T>
Status gaussian_head_forward(T* moments, T* z, T* kl, const T* h, const T* W, const T* b, std::size_t P,
                             LatentNoise noise, int R, int N, int H, int Z, Stream stream) {
    if (noise.first_row % 4) return {kInvalidValue};
    return launch(gaussian_head_forward_kernel<T>, for_blocks(gaussian_head_blocks(N), R), stream, moments, z, kl, h, W,
                  b, P, noise, N, H, Z);
}
template <class T>
Status gaussian_head_backward(T* dmoments, const T* dz, const T* z, const T* moments, T kl_weight, int R, int N, int Z,
                              Stream stream, const T* row_weights) {
    return launch(gaussian_head_backward_kernel<T>, for_blocks(N, R, Block::any(32)), stream, dmoments, dz, z, moments,
                  kl_weight, row_weights, Z);
}

#define WARPVAE_INSTANTIATE(T)                                                                                     \
    template Status gaussian_head_forward(T*, T*, T*, const T*, const T*, const T*, std::size_t, LatentNoise, int, \
                                          int, int, int, Stream);                                                  \
    template Status gaussian_head_backward(T*, const T*, const T*, const T*, T, int, int, int, Stream, const T*);
WARPVAE_INSTANTIATE(float)
WARPVAE_INSTANTIATE(double)
#undef WARPVAE_INSTANTIATE

}  // namespace warpvae

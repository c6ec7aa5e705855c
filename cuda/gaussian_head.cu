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

template Status gaussian_head_forward(float*, float*, float*, const float*, const float*, const float*, std::size_t,
                                      LatentNoise, int, int, int, int, Stream);
template Status gaussian_head_forward(double*, double*, double*, const double*, const double*, const double*,
                                      std::size_t, LatentNoise, int, int, int, int, Stream);

}  // namespace warpvae

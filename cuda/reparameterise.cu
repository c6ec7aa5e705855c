#include "cuda/reparameterise.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

template <class T>
Status reparameterise_forward(T* z, const T* moments, LatentNoise noise, int R, int N, int Z, Stream stream) {
    if (noise.first_row % 4) return {kInvalidValue};
    return launch(reparameterise_forward_kernel<T>, for_blocks((N + 3) / 4, R, Block::any(32)), stream, z, moments,
                  noise, N, Z);
}
template <class T>
Status reparameterise_backward(T* dmoments, const T* dz, const T* z, const T* moments, int R, int N, int Z,
                               Stream stream) {
    return launch(reparameterise_backward_kernel<T>, for_blocks(N, R, Block::any(32)), stream, dmoments, dz, z, moments,
                  Z);
}

template Status reparameterise_forward(float*, const float*, LatentNoise, int, int, int, Stream);
template Status reparameterise_forward(double*, const double*, LatentNoise, int, int, int, Stream);
template Status reparameterise_backward(float*, const float*, const float*, const float*, int, int, int, Stream);
template Status reparameterise_backward(double*, const double*, const double*, const double*, int, int, int, Stream);

}  // namespace warpvae

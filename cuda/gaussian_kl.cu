#include "cuda/gaussian_kl.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

template <class T>
Status gaussian_kl_forward(T* kl, const T* moments, int R, int N, int Z, Stream stream) {
    return launch(gaussian_kl_forward_kernel<T>, for_blocks(N, R, Block::any(32)), stream, kl, moments, Z);
}
template <class T>
Status gaussian_kl_backward(T* dmoments, const T* moments, T weight, int R, int N, int Z, Stream stream) {
    return launch(gaussian_kl_backward_kernel<T>, for_blocks(N, R, Block::any(32)), stream, dmoments, moments, weight,
                  Z);
}

template Status gaussian_kl_forward(float*, const float*, int, int, int, Stream);
template Status gaussian_kl_forward(double*, const double*, int, int, int, Stream);
template Status gaussian_kl_backward(float*, const float*, float, int, int, int, Stream);
template Status gaussian_kl_backward(double*, const double*, double, int, int, int, Stream);

}  // namespace warpvae

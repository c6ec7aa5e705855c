#include "cuda/psnr.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

template <class T>
Status psnr(T* out, const T* x, const T* target, int R, int N, int D, Stream stream) {
    if (D < 1) return {kInvalidValue};
    return launch(psnr_kernel<T>, for_blocks(N, R), stream, out, x, target, D);
}

template Status psnr(float*, const float*, const float*, int, int, int, Stream);
template Status psnr(double*, const double*, const double*, int, int, int, Stream);

}  // namespace warpvae

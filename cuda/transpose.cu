#include "cuda/transpose.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

template <class T>
Status transpose(T* y, std::size_t y_stride, const T* x, std::size_t x_stride, int R, int batch, int rows, int columns,
                 Stream stream) {
    if (R < 0 || batch < 0 || rows < 0 || columns < 0) return {kInvalidValue};
    const std::size_t n = std::size_t(batch) * rows * columns;
    return launch(transpose_kernel<T>, for_elements(n, R), stream, y, y_stride, x, x_stride, n, rows, columns);
}

#define WARPVAE_INSTANTIATE(T) \
    template Status transpose(T*, std::size_t, const T*, std::size_t, int, int, int, int, Stream);
WARPVAE_INSTANTIATE(float)
WARPVAE_INSTANTIATE(double)
#undef WARPVAE_INSTANTIATE

}  // namespace warpvae

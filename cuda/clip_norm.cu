#include "cuda/clip_norm.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

template <class T>
Status clip_norm(T* gradients, double* partial_squares, T max_norm, int R, std::size_t P, Stream stream) {
    if (!(max_norm > T(0))) return {kInvalidValue};
    const Status status =
        launch(norm_parts_kernel<T>, for_blocks(kNormParts, R), stream, partial_squares, gradients, P);
    if (!status.ok()) return status;
    return launch(clip_norm_kernel<T>, for_elements(P, R), stream, gradients, partial_squares, max_norm, P);
}

template Status clip_norm(float*, double*, float, int, std::size_t, Stream);
template Status clip_norm(double*, double*, double, int, std::size_t, Stream);

}  // namespace warpvae

#include "cuda/adadelta.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

template <class T>
Status adadelta(T* parameters, T* squares, T* updates, NonFinite* non_finite, const T* gradients,
                const T* learning_rate, const std::uint64_t* step, const AdadeltaOptions& options, int R, std::size_t P,
                Stream stream) {
    if (P >> 32) return {kInvalidValue};
    return launch(adadelta_kernel<T>, for_elements(P, R), stream, parameters, squares, updates, non_finite, gradients,
                  learning_rate, step, options, P);
}

template Status adadelta(float*, float*, float*, NonFinite*, const float*, const float*, const std::uint64_t*,
                         const AdadeltaOptions&, int, std::size_t, Stream);
template Status adadelta(double*, double*, double*, NonFinite*, const double*, const double*, const std::uint64_t*,
                         const AdadeltaOptions&, int, std::size_t, Stream);

}  // namespace warpvae

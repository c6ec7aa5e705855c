#include "cuda/adam.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

template <class T>
Status adam(T* parameters, T* m, T* v, NonFinite* non_finite, const T* gradients, const T* learning_rate,
            const std::uint64_t* step, const AdamOptions& options, int R, std::size_t P, Stream stream) {
    if (P >> 32) return {kInvalidValue};
    return launch(adam_kernel<T>, for_elements(P, R), stream, parameters, m, v, non_finite, gradients, learning_rate,
                  step, options, P);
}

template Status adam(float*, float*, float*, NonFinite*, const float*, const float*, const std::uint64_t*,
                     const AdamOptions&, int, std::size_t, Stream);
template Status adam(double*, double*, double*, NonFinite*, const double*, const double*, const std::uint64_t*,
                     const AdamOptions&, int, std::size_t, Stream);

}  // namespace warpvae

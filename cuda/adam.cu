#include "cuda/adam.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

template <class T>
Status adam(const AdamState<T>& state, const T* gradients, const T* learning_rate, const std::uint64_t* step,
            const AdamOptions& options, int R, std::size_t P, Stream stream) {
    if (P >> 32) return {kInvalidValue};
    return launch(adam_kernel<T>, for_elements(P, R), stream, state.parameters, state.m, state.v, state.non_finite,
                  gradients, learning_rate, step, AdamRule(options), P);
}

template Status adam(const AdamState<float>&, const float*, const float*, const std::uint64_t*, const AdamOptions&, int,
                     std::size_t, Stream);
template Status adam(const AdamState<double>&, const double*, const double*, const std::uint64_t*, const AdamOptions&,
                     int, std::size_t, Stream);

}  // namespace warpvae

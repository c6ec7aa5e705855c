#include "cuda/adadelta.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

template <class T>
Status adadelta(const AdadeltaState<T>& state, const T* gradients, const T* learning_rate, const std::uint64_t* step,
                const AdadeltaOptions& options, int R, std::size_t P, Stream stream) {
    if (P >> 32) return {kInvalidValue};
    return launch(adadelta_kernel<T>, for_elements(P, R), stream, state.parameters, state.squares, state.updates,
                  state.non_finite, gradients, learning_rate, step, options, P);
}

template Status adadelta(const AdadeltaState<float>&, const float*, const float*, const std::uint64_t*,
                         const AdadeltaOptions&, int, std::size_t, Stream);
template Status adadelta(const AdadeltaState<double>&, const double*, const double*, const std::uint64_t*,
                         const AdadeltaOptions&, int, std::size_t, Stream);

}  // namespace warpvae

#include "cuda/softmax_cross_entropy.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

template <class T>
Status softmax_cross_entropy(T* loss, T* dlogits, std::uint8_t* predicted, const T* logits, const T* bias,
                             std::size_t P, const std::uint8_t* const* labels, std::size_t first, T scale,
                             ClassAxis axis, int R, int N, int K, Stream stream) {
    if (N < 0 || K < 1 || K > 256) return {kInvalidValue};
    const auto kernel =
        axis == ClassAxis::kFirst ? softmax_cross_entropy_kernel<T, true> : softmax_cross_entropy_kernel<T, false>;
    return launch(kernel, for_blocks(softmax_blocks(N), R), stream, loss, dlogits, predicted, logits, bias, P, labels,
                  first, scale, N, K);
}

template Status softmax_cross_entropy(float*, float*, std::uint8_t*, const float*, const float*, std::size_t,
                                      const std::uint8_t* const*, std::size_t, float, ClassAxis, int, int, int, Stream);
template Status softmax_cross_entropy(double*, double*, std::uint8_t*, const double*, const double*, std::size_t,
                                      const std::uint8_t* const*, std::size_t, double, ClassAxis, int, int, int,
                                      Stream);

}  // namespace warpvae

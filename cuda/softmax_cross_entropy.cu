#include "cuda/softmax_cross_entropy.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

template <class T>
Status softmax_cross_entropy(const CrossEntropy<T>& out, const T* logits, const T* bias, std::size_t P,
                             const LabelRows& rows, T scale, ClassAxis axis, int R, int N, int K, Stream stream) {
    if (N < 0 || K < 1 || K > 256) return {kInvalidValue};
    const bool staged = softmax_is_staged(axis, K);
    const auto kernel = staged                      ? staged_softmax_cross_entropy_kernel<T>
                        : axis == ClassAxis::kFirst ? softmax_cross_entropy_kernel<T, true>
                                                    : softmax_cross_entropy_kernel<T, false>;
    const LaunchConfig config = for_blocks(softmax_blocks(N), R, Block::any(), staged ? staged_softmax_bytes<T>(K) : 0);
    return launch(kernel, config, stream, out, logits, bias, P, rows, scale, N, K);
}

#define WARPVAE_INSTANTIATE(T)                                                                                       \
    template Status softmax_cross_entropy(const CrossEntropy<T>&, const T*, const T*, std::size_t, const LabelRows&, \
                                          T, ClassAxis, int, int, int, Stream);
WARPVAE_INSTANTIATE(float)
WARPVAE_INSTANTIATE(double)
#undef WARPVAE_INSTANTIATE

}  // namespace warpvae

#include "cuda/channel_bias.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

std::size_t channel_bias_partials(std::size_t M, int C) { return channel_bias_blocks(M, C) * C; }

template <class T>
Status channel_bias_forward(T* y, const T* b, std::size_t P, Activation activation, int R, std::size_t M, int C,
                            Stream stream) {
    const bool relu = activation == Activation::kRelu;
    if (C < 1 || C > kMaxChannels || (!relu && activation != Activation::kNone)) return {kInvalidValue};
    return launch(channel_bias_forward_kernel<T>, for_blocks(channel_bias_blocks(M, C), R), stream, y, b, P, relu,
                  M * C, C);
}

template <class T>
Status channel_bias_backward(T* dy, T* db, T* partials, const T* y, std::size_t P, int R, std::size_t M, int C,
                             Stream stream) {
    if (C < 1 || C > kMaxChannels) return {kInvalidValue};
    const int blocks = int(channel_bias_blocks(M, C));
    const Status status =
        launch(channel_bias_backward_kernel<T>, for_blocks(blocks, R), stream, dy, partials, y, M * C, C);
    if (!status.ok()) return status;
    return launch(channel_sum_kernel<T>, for_blocks(1, R, Block::any(64)), stream, db, partials, P, blocks, C);
}

#define WARPVAE_INSTANTIATE(T)                                                                                  \
    template Status channel_bias_forward(T*, const T*, std::size_t, Activation, int, std::size_t, int, Stream); \
    template Status channel_bias_backward(T*, T*, T*, const T*, std::size_t, int, std::size_t, int, Stream);
WARPVAE_INSTANTIATE(float)
WARPVAE_INSTANTIATE(double)
#undef WARPVAE_INSTANTIATE

}  // namespace warpvae

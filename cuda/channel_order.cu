#include "cuda/channel_order.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {
namespace {

template <bool to_channels_first, class T>
Status reorder(T* out, const T* in, std::size_t N, int P, int C, Stream stream) {
    if (C < 1 || P < 0 || P > (1 << 30) / C || N >= std::size_t(1) << 31) return {kInvalidValue};
    return launch(channel_order_kernel<T, to_channels_first>, for_blocks(P ? N : 0), stream, out, in, P, C);
}

}  // namespace

template <class T>
Status channels_first(T* out, const T* in, std::size_t N, int P, int C, Stream stream) {
    return reorder<true>(out, in, N, P, C, stream);
}
template <class T>
Status channels_last(T* out, const T* in, std::size_t N, int P, int C, Stream stream) {
    return reorder<false>(out, in, N, P, C, stream);
}

#define WARPVAE_INSTANTIATE(T)                                                   \
    template Status channels_first(T*, const T*, std::size_t, int, int, Stream); \
    template Status channels_last(T*, const T*, std::size_t, int, int, Stream);
WARPVAE_INSTANTIATE(float)
WARPVAE_INSTANTIATE(double)
#undef WARPVAE_INSTANTIATE

}  // namespace warpvae

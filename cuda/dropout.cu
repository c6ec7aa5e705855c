#include "cuda/dropout.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

template <class T>
Status dropout(T* y, const T* x, double rate, const std::uint64_t* seeds, const std::uint64_t* step, int layer, int R,
               int N, int D, Stream stream) {
    const std::size_t quads = (std::size_t(D) + 3) / 4;
    if (!(rate >= 0 && rate < 1) || layer < 0 || layer > 31 || R < 0 || N < 0 || D < 0 || N * quads >> 31)
        return {kInvalidValue};
    const Purpose purpose = Purpose(std::uint32_t(Purpose::kDropout) + layer);
    return launch(dropout_kernel<T>, for_elements(N * quads, R), stream, y, x, float(rate), T(1 / (1 - rate)), seeds,
                  step, purpose, N, D);
}

#define WARPVAE_INSTANTIATE(T)                                                                                    \
    template Status dropout(T*, const T*, double, const std::uint64_t*, const std::uint64_t*, int, int, int, int, \
                            Stream);
WARPVAE_INSTANTIATE(float)
WARPVAE_INSTANTIATE(double)
#undef WARPVAE_INSTANTIATE

}  // namespace warpvae

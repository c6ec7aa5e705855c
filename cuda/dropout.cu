#include "cuda/dropout.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

template <class T>
Status dropout(T* y, const T* x, const DropoutMask& mask, int R, int N, int D, Stream stream) {
    const std::size_t quads = (std::size_t(D) + 3) / 4;
    if (!(mask.rate >= 0 && mask.rate < 1) || mask.layer < 0 || mask.layer > 31 || R < 0 || N < 0 || D < 0 ||
        N * quads >> 31)
        return {kInvalidValue};
    const Purpose purpose = Purpose(std::uint32_t(Purpose::kDropout) + mask.layer);
    return launch(dropout_kernel<T>, for_elements(N * quads, R), stream, y, x, float(mask.rate), T(1 / (1 - mask.rate)),
                  mask.seeds, mask.step, purpose, N, D);
}

template Status dropout(float*, const float*, const DropoutMask&, int, int, int, Stream);
template Status dropout(double*, const double*, const DropoutMask&, int, int, int, Stream);

}  // namespace warpvae

#include "cuda/degrade.cuh"

#include <cmath>

#include "cuda/device/launch.cuh"

namespace warpvae {

template <class T>
static Status degrade_with(T* y, const T* x, Degradation how, const DegradationNoise& noise, int R, int N, int H, int W,
                           Stream stream, int C) {
    const bool is_share = how.kind != DegradationKind::kGaussian;
    if (!noise.seeds || R < 0 || N < 0 || H < 1 || W < 1 || C < 1 || H > (1 << 30) / W || H >= 1 << 24 ||
        W >= 1 << 24 || H * W > (1 << 30) / C)
        return {kInvalidValue};
    const int width = how.kind == DegradationKind::kSaltAndPepper ? C : 1;
    if (!std::isfinite(how.amount) || how.amount < 0 || (is_share && how.amount > 1)) return {kInvalidValue};
    switch (how.kind) {
        case DegradationKind::kSaltAndPepper:
        case DegradationKind::kGaussian:
            return launch(degrade_pixels_kernel<T>, for_blocks(N, R), stream, y, x, how.kind, how.amount, noise,
                          H * W * (C / width), width);
        case DegradationKind::kOcclusion:
            return launch(degrade_occlusion_kernel<T>, for_blocks(N, R), stream, y, x,
                          int(std::lround(how.amount * float(H < W ? H : W))), noise, H, W, C);
    }
    return {kInvalidValue};
}

template <class T>
Status degrade(T* y, const T* x, Degradation noise, const std::uint64_t* seeds, std::size_t first_row, int R, int N,
               int H, int W, Stream stream, int C) {
    return degrade_with(y, x, noise, {seeds, nullptr, first_row}, R, N, H, W, stream, C);
}

template <class T>
Status degrade_minibatch(T* y, const T* x, Degradation noise, const std::uint64_t* seeds, const std::uint64_t* step,
                         int R, int N, int H, int W, Stream stream, int C) {
    if (!step) return {kInvalidValue};
    return degrade_with(y, x, noise, {seeds, step, 0}, R, N, H, W, stream, C);
}

#define WARPVAE_INSTANTIATE(T)                                                                                         \
    template Status degrade(T*, const T*, Degradation, const std::uint64_t*, std::size_t, int, int, int, int, Stream,  \
                            int);                                                                                      \
    template Status degrade_minibatch(T*, const T*, Degradation, const std::uint64_t*, const std::uint64_t*, int, int, \
                                      int, int, Stream, int);
WARPVAE_INSTANTIATE(float)
WARPVAE_INSTANTIATE(double)
#undef WARPVAE_INSTANTIATE

}  // namespace warpvae

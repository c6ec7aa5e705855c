#include "cuda/dropout.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

bool is_sound(const DropoutMask& mask, int R, int N, int D) {
    return mask.rate >= 0 && mask.rate < 1 && mask.layer >= 0 && mask.layer <= 31 && R >= 0 && N >= 0 && D >= 0 &&
           !(N * ((std::size_t(D) + 3) / 4) >> 31);
}
Purpose purpose_of(const DropoutMask& mask) { return Purpose(std::uint32_t(Purpose::kDropout) + mask.layer); }

template <class T>
Status dropout(T* y, const T* x, const DropoutMask& mask, int R, int N, int D, Stream stream) {
    if (!is_sound(mask, R, N, D)) return {kInvalidValue};
    return launch(dropout_kernel<T>, for_elements(N * ((std::size_t(D) + 3) / 4), R), stream, y, x, float(mask.rate),
                  T(1 / (1 - mask.rate)), mask.seeds, mask.step, purpose_of(mask), N, D);
}

template Status dropout(float*, const float*, const DropoutMask&, int, int, int, Stream);
template Status dropout(double*, const double*, const DropoutMask&, int, int, int, Stream);

}  // namespace warpvae

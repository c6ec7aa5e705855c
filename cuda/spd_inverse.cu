#include "cuda/spd_inverse.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

Status spd_inverse(double* matrices, int R, int D, Stream stream) {
    if (R < 0 || D < 0 || D > kLargestSpd) return {kInvalidValue};
    const auto kernel = spd_inverse_kernel<double>;
    return launch(kernel, for_blocks(static_cast<std::size_t>(R), 1, Block::any(), spd_inverse_bytes<double>(D)),
                  stream, matrices, D);
}

}  // namespace warpvae

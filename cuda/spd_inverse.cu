#include "cuda/spd_inverse.cuh"

#include "cuda/ops.h"

namespace warpvae {

Status spd_inverse(double* matrices, int R, int D, Stream stream) {
    if (R < 0 || D < 0 || D > 3072) return {kInvalidValue};  // two rows must fit in 48 KB of shared memory
    const auto kernel = spd_inverse_kernel<double>;
    return launch(kernel, for_blocks(static_cast<std::size_t>(R), 1, Block::any(), 2 * sizeof(double) * D), stream,
                  matrices, D);
}

}  // namespace warpvae

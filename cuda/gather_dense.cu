#include "cuda/gather_dense.cuh"

#include "cuda/dense_launch.cuh"
#include "cuda/ops/fused_dense.h"

namespace warpvae {

Status fused_dense_gather_forward(float* y, const MinibatchRows<float>& x, const float* W, const float* b,
                                  std::size_t P, Activation activation, int R, int N, int in, int out,
                                  MathStream stream) {
    if (R < 0 || N < 0 || in < 1 || out < 0 || !gives_rows(x.minibatch.order, N)) return {kInvalidValue};
    if (out == 0) {  // no tile, but a minibatch all the same
        GatherOptions row;
        row.height = 1, row.width = in;
        return gather(x.batch, x.images, x.minibatch, R, N, row, stream);
    }
    const Operands weights{W, P, out, in};
    return with_dense_tile<Along::kFast>(N, out, R, [&](auto tile) {
        using Tile = decltype(tile);
        return launch_tiles<Tile>(gather_dense_kernel<Tile>, N, out, in, R, Tile::kRows, stream, x, weights,
                                  BiasActivation{y, b, P, activation, N, out}, stream.is_exact());
    });
}

}  // namespace warpvae

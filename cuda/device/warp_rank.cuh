// Places in a list that the lanes of a warp fill together, in the order of the lanes.
#pragma once
#include "cuda/device/loops.cuh"

namespace warpvae {

/// How many lanes below this one have a true `predicate`; `count` is that of the whole warp. All lanes must take part.
__device__ inline unsigned warp_rank(bool predicate, unsigned& count) {
    if (blockDim.x == 1) {
        count = predicate;
        return 0;
    }
    const unsigned mask = __ballot_sync(0xffffffffu, predicate), below = mask & ((1u << lane_index()) - 1u);
    count = unsigned(__popc(mask));
    return unsigned(__popc(below));
}

}  // namespace warpvae

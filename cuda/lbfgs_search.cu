#include "cuda/lbfgs_search.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

Status lbfgs_decide(LbfgsSearch* search, LbfgsControl* control, const LbfgsScalars* scalars, int Q, Stream stream) {
    if (Q < 0) return {kInvalidValue};
    return launch(lbfgs_decide_kernel<LbfgsScalars>, for_elements(std::size_t(Q), 1, Block::any(64)), stream, search,
                  control, scalars, Q);
}

}  // namespace warpvae

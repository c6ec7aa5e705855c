#include "cuda/lbfgs.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

Status lbfgs_accept(const LbfgsState<double>& state, const LbfgsControl* control, int Q, std::size_t P, Stream stream) {
    return launch(lbfgs_accept_kernel<double>, for_blocks(Q), stream, state, control, P);
}
Status lbfgs_first_loop(const LbfgsState<double>& state, const LbfgsControl* control, int Q, std::size_t P,
                        Stream stream) {
    return launch(lbfgs_first_loop_kernel<double>, for_blocks(Q), stream, state, control, P);
}
Status lbfgs_second_loop(const LbfgsState<double>& state, LbfgsScalars* scalars, const double* r,
                         const LbfgsControl* control, int Q, std::size_t P, Stream stream) {
    return launch(lbfgs_second_loop_kernel<double>, for_blocks(Q), stream, state, scalars, r, control, P);
}
Status lbfgs_trial(const LbfgsState<double>& state, const LbfgsControl* control, int Q, std::size_t P, Stream stream) {
    return launch(lbfgs_trial_kernel<double>, for_elements(P, Q), stream, state, control, P);
}

}  // namespace warpvae

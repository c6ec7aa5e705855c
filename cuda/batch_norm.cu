#include "cuda/batch_norm.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

namespace {
bool is_sound(int C) { return C >= 1 && C <= kMaxChannels; }
/// Where the totals lie, behind all replicas' parts.
double* totals_of(double* scratch, int R, int blocks, int C) { return scratch + std::size_t(R) * blocks * 2 * C; }
}  // namespace

std::size_t batch_norm_scratch(std::size_t M, int C) { return (channel_bias_blocks(M, C) + 1) * 2 * C; }

template <class T>
Status batch_norm_statistics(T* statistics, double* scratch, const T* x, int R, std::size_t M, int C, Stream stream) {
    if (!is_sound(C)) return {kInvalidValue};
    const int blocks = int(channel_bias_blocks(M, C));
    const Status status = launch(batch_norm_sums_kernel<T>, for_blocks(blocks, R), stream, scratch, x, M * C, C);
    if (!status.ok()) return status;
    return launch(batch_norm_statistics_kernel<T>, for_blocks(1, R, Block::any(64)), stream, statistics, scratch,
                  blocks, M, C);
}

template <class T>
Status batch_norm_forward(T* y, const T* x, const NormStatistics<T>& statistics, const NormParameters<T>& parameters,
                          Activation activation, int R, std::size_t M, int C, Stream stream) {
    const bool relu = activation == Activation::kRelu;
    if (!is_sound(C) || (!relu && activation != Activation::kNone)) return {kInvalidValue};
    return launch(batch_norm_forward_kernel<T>, for_blocks(channel_bias_blocks(M, C), R), stream, y, x, statistics,
                  parameters, relu, M * C, C);
}

template <class T>
Status batch_norm_backward(T* dy, T* dscale, T* dshift, double* scratch, const T* x, const T* y,
                           const NormStatistics<T>& statistics, const NormParameters<T>& parameters, int R,
                           std::size_t M, int C, Stream stream) {
    if (!is_sound(C)) return {kInvalidValue};
    const int blocks = int(channel_bias_blocks(M, C));
    double* const totals = totals_of(scratch, R, blocks, C);
    Status status = launch(batch_norm_gradient_sums_kernel<T>, for_blocks(blocks, R), stream, dy, scratch, x, y,
                           statistics, M * C, C);
    if (status.ok())
        status = launch(batch_norm_parameters_kernel<T>, for_blocks(1, R, Block::any(64)), stream, dscale, dshift,
                        parameters.P, totals, scratch, blocks, C);
    if (status.ok())
        status = launch(batch_norm_backward_kernel<T>, for_blocks(blocks, R), stream, dy, x, statistics,
                        parameters.scale, parameters.P, totals, M * C, C);
    return status;
}

template <class T>
Status batch_norm_update(const RunningStatistics<T>& running, const T* statistics, const std::uint64_t* step, int R,
                         std::size_t M, int C, Stream stream) {
    if (!is_sound(C)) return {kInvalidValue};
    return launch(batch_norm_update_kernel<T, std::uint64_t>, for_blocks(1, R, Block::any(64)), stream, running,
                  running.next, statistics, step, M, C);
}

#define WARPVAE_INSTANTIATE(T)                                                                                       \
    template Status batch_norm_statistics(T*, double*, const T*, int, std::size_t, int, Stream);                     \
    template Status batch_norm_forward(T*, const T*, const NormStatistics<T>&, const NormParameters<T>&, Activation, \
                                       int, std::size_t, int, Stream);                                               \
    template Status batch_norm_backward(T*, T*, T*, double*, const T*, const T*, const NormStatistics<T>&,           \
                                        const NormParameters<T>&, int, std::size_t, int, Stream);                    \
    template Status batch_norm_update(const RunningStatistics<T>&, const T*, const std::uint64_t*, int, std::size_t, \
                                      int, Stream);
WARPVAE_INSTANTIATE(float)
WARPVAE_INSTANTIATE(double)
#undef WARPVAE_INSTANTIATE

}  // namespace warpvae

#include "cuda/gather.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

template <class T>
Status gather(T* batch, const std::uint8_t* const* images, const std::uint64_t* seeds, const std::uint64_t* step,
              std::size_t count, int full_batch, int R, int N, const GatherOptions& options, Stream stream) {
    if (count == 0 || count >> 31 || full_batch < 1 || N > full_batch) return {kInvalidValue};
    return launch(gather_kernel<T>, for_blocks(N, R), stream, batch, images, seeds, step, std::uint32_t(count),
                  full_batch, options);
}
Status gather_labels(std::uint8_t* out, const std::uint8_t* const* labels, const std::uint64_t* seeds,
                     const std::uint64_t* step, std::size_t count, int full_batch, int R, int N, Stream stream) {
    if (count == 0 || count >> 31 || full_batch < 1 || N > full_batch) return {kInvalidValue};
    return launch(gather_labels_kernel<std::uint8_t>, for_blocks(1, R, Block::any(128)), stream, out, labels, seeds,
                  step, std::uint32_t(count), full_batch, N);
}
template <class T>
Status gather_range(T* batch, const std::uint8_t* const* images, std::size_t first, int R, int N, int D,
                    Stream stream) {
    return launch(gather_range_kernel<T>, for_blocks(N, R), stream, batch, images, first, D);
}
Status minibatch_order(std::uint32_t* order, std::size_t count, std::uint64_t seed, std::uint64_t epoch,
                       Stream stream) {
    if (count >> 31) return {kInvalidValue};
    return launch(minibatch_order_kernel<std::uint32_t>, for_elements(count), stream, order, std::uint32_t(count), seed,
                  epoch);
}
Status advance_step(std::uint64_t* step, Stream stream) {
    return launch(advance_step_kernel<std::uint64_t>, for_blocks(1, 1, Block::any(32)), stream, step);
}

#define WARPVAE_INSTANTIATE(T)                                                                                      \
    template Status gather(T*, const std::uint8_t* const*, const std::uint64_t*, const std::uint64_t*, std::size_t, \
                           int, int, int, const GatherOptions&, Stream);                                            \
    template Status gather_range(T*, const std::uint8_t* const*, std::size_t, int, int, int, Stream);
WARPVAE_INSTANTIATE(float)
WARPVAE_INSTANTIATE(double)
#undef WARPVAE_INSTANTIATE

}  // namespace warpvae

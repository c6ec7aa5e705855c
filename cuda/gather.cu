#include "cuda/gather.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

bool gives_rows(const MinibatchOrder& order, int N) {
    if (order.count == 0 || order.count >> 31 || N < 0) return false;
    switch (order.kind) {
        case MinibatchOrder::kEpochs:
        case MinibatchOrder::kCycle:
            return N <= order.batch && order.batch > 0;
        case MinibatchOrder::kSpread:  // s * count must fit in 64 bits
            return order.steps && !(order.steps >> 32) && N <= int((order.count + order.steps - 1) / order.steps);
        case MinibatchOrder::kRange:
            return order.first_step <= order.count && std::size_t(N) <= order.count - order.first_step;
    }
    return false;
}
bool is_sound(const GatherOptions& options) {
    const PixelScale& pixels = options.pixels;
    return options.height > 0 && options.width > 0 && options.channels > 0 && !pixels.mean == !pixels.scale &&
           !(options.binarise && pixels.mean);
}

template <class T>
Status gather(T* batch, const std::uint8_t* const* images, const Minibatch& minibatch, int R, int N,
              const GatherOptions& options, Stream stream) {
    GatherOptions resolved = options;
    if (resolved.batch_rows == 0) resolved.batch_rows = N;
    if (!gives_rows(minibatch.order, N) || !is_sound(options) || options.first_row < 0 ||
        N > resolved.batch_rows - options.first_row)
        return {kInvalidValue};
    return launch(gather_kernel<T>, for_blocks(N, R), stream, batch, images, minibatch.seeds, minibatch.step,
                  minibatch.order, resolved);
}
Status gather_labels(std::uint8_t* out, const std::uint8_t* const* labels, const Minibatch& minibatch, int R, int N,
                     Stream stream) {
    if (!gives_rows(minibatch.order, N)) return {kInvalidValue};
    return launch(gather_labels_kernel<std::uint8_t>, for_blocks(1, R, Block::any(128)), stream, out, labels,
                  minibatch.seeds, minibatch.step, minibatch.order, N);
}
template <class T>
Status gather_range(T* batch, const std::uint8_t* const* images, std::size_t first, int R, int N, int D, Stream stream,
                    const PixelScale& pixels) {
    if (!pixels.mean != !pixels.scale) return {kInvalidValue};
    return launch(gather_range_kernel<T>, for_blocks(N, R), stream, batch, images, first, D, pixels);
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

#define WARPVAE_INSTANTIATE(T)                                                                                        \
    template Status gather(T*, const std::uint8_t* const*, const Minibatch&, int, int, const GatherOptions&, Stream); \
    template Status gather_range(T*, const std::uint8_t* const*, std::size_t, int, int, int, Stream, const PixelScale&);
WARPVAE_INSTANTIATE(float)
WARPVAE_INSTANTIATE(double)
#undef WARPVAE_INSTANTIATE

}  // namespace warpvae

#include "cuda/complements.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

/// Sets of m images each, `count` of them, fit.
template <class T>
static bool sets_fit(const ImageSets<T>& sets, int count, int m, const ClassIndex& index) {
    return sets.first >= 0 && count <= sets.per_replica - sets.first && m >= 0 && std::size_t(m) <= index.count &&
           std::int64_t(count) * m < std::int64_t(1) << 31 && index.classes > 0 && !(index.count >> 31);
}

template <class T>
Status gather_complements(const ImageSets<T>& sets, const std::uint8_t* const* images, const ClassIndex& index,
                          const Minibatch& minibatch, int m, int R, int N, const GatherOptions& options,
                          Stream stream) {
    const MinibatchOrder& order = minibatch.order;
    if (!gives_rows(order, N) || order.count != index.count || !is_sound(options) || !sets_fit(sets, N, m, index))
        return {kInvalidValue};
    return launch(gather_complements_kernel<T>, for_blocks(std::size_t(N) * m, R), stream, sets.images,
                  sets.per_replica, sets.first, images, index, minibatch.seeds, minibatch.step, order, m,
                  options.height * options.width * options.channels, options.pixels);
}

template <class T>
Status gather_labelled(const LabelledStep<T>& out, const std::uint8_t* const* images, const std::uint8_t* const* labels,
                       const ClassIndex& index, const Minibatch& minibatch, int m, int R, int N,
                       const GatherOptions& options, Stream stream) {
    const MinibatchOrder& order = minibatch.order;
    const std::int64_t sets = std::int64_t(index.classes) + N;
    GatherOptions resolved = options;
    if (resolved.batch_rows == 0) resolved.batch_rows = N;
    if (!gives_rows(order, N) || order.count != index.count || !is_sound(options) || options.first_row < 0 ||
        N > resolved.batch_rows - options.first_row || sets >> 31 ||
        !sets_fit(ImageSets<T>{out.sets, int(sets), 0}, int(sets), m, index))
        return {kInvalidValue};
    return launch(gather_labelled_kernel<T>, for_blocks(N + std::size_t(sets) * m, R), stream, out, images, labels,
                  index, minibatch.seeds, minibatch.step, order, m, N, resolved);
}

#define WARPVAE_INSTANTIATE(T)                                                                                      \
    template Status gather_complements(const ImageSets<T>&, const std::uint8_t* const*, const ClassIndex&,          \
                                       const Minibatch&, int, int, int, const GatherOptions&, Stream);              \
    template Status gather_labelled(const LabelledStep<T>&, const std::uint8_t* const*, const std::uint8_t* const*, \
                                    const ClassIndex&, const Minibatch&, int, int, int, const GatherOptions&, Stream);
WARPVAE_INSTANTIATE(float)
WARPVAE_INSTANTIATE(double)
#undef WARPVAE_INSTANTIATE

}  // namespace warpvae

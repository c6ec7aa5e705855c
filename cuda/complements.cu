#include "cuda/complements.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

/// Sets of m images each, `count` of them from `first_set`, fit.
static bool sets_fit(int sets_per_replica, int first_set, int count, int m, const ClassIndex& index) {
    return first_set >= 0 && count <= sets_per_replica - first_set && m >= 0 && std::size_t(m) <= index.count &&
           std::int64_t(count) * m < std::int64_t(1) << 31 && index.classes > 0 && !(index.count >> 31);
}

template <class T>
Status gather_complements(T* sets, int sets_per_replica, int first_set, const std::uint8_t* const* images,
                          const ClassIndex& index, const std::uint64_t* seeds, const std::uint64_t* step,
                          const MinibatchOrder& order, int m, int R, int N, const GatherOptions& options,
                          Stream stream) {
    if (!gives_rows(order, N) || order.count != index.count || !is_sound(options) ||
        !sets_fit(sets_per_replica, first_set, N, m, index))
        return {kInvalidValue};
    return launch(gather_complements_kernel<T>, for_blocks(std::size_t(N) * m, R), stream, sets, sets_per_replica,
                  first_set, images, index, seeds, step, order, m, options.height * options.width * options.channels,
                  options.pixels);
}

template <class T>
Status gather_class_sets(T* sets, int sets_per_replica, int first_set, const std::uint8_t* const* images,
                         const ClassIndex& index, const std::uint64_t* seeds, const std::uint64_t* step, int m, int R,
                         const GatherOptions& options, Stream stream) {
    if (!is_sound(options) || !sets_fit(sets_per_replica, first_set, index.classes, m, index)) return {kInvalidValue};
    return launch(gather_class_sets_kernel<T>, for_blocks(std::size_t(index.classes) * m, R), stream, sets,
                  sets_per_replica, first_set, images, index, seeds, step, m,
                  options.height * options.width * options.channels, options.pixels);
}

#define WARPVAE_INSTANTIATE(T)                                                                                      \
    template Status gather_complements(T*, int, int, const std::uint8_t* const*, const ClassIndex&,                 \
                                       const std::uint64_t*, const std::uint64_t*, const MinibatchOrder&, int, int, \
                                       int, const GatherOptions&, Stream);                                          \
    template Status gather_class_sets(T*, int, int, const std::uint8_t* const*, const ClassIndex&,                  \
                                      const std::uint64_t*, const std::uint64_t*, int, int, const GatherOptions&,   \
                                      Stream);
WARPVAE_INSTANTIATE(float)
WARPVAE_INSTANTIATE(double)
#undef WARPVAE_INSTANTIATE

}  // namespace warpvae

#include "cuda/pairs.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

template <class T>
Status concatenate_pairs_forward(T* y, const PairPart<T>& a, const PairPart<T>& b, const PairShape& shape, int R,
                                 Stream stream) {
    return launch(concatenate_pairs_forward_kernel<T>, for_blocks(shape.pairs(), R, Block::any(64)), stream, y, a, b,
                  shape);
}
template <class T>
Status concatenate_pairs_backward(const PairPartGradient<T>& part, const T* dy, int width, const PairShape& shape,
                                  int R, Stream stream) {
    return launch(concatenate_pairs_backward_kernel<T>, for_blocks(row_count(part.rows, shape), R, Block::any(64)),
                  stream, part, dy, shape, width);
}
template <class T>
Status set_mean_forward(T* y, const T* x, int m, std::size_t sets, int D, Stream stream) {
    if (m < 1 || sets >> 31) return {kInvalidValue};
    return launch(set_mean_forward_kernel<T>, for_blocks(sets, 1, Block::any(64)), stream, y, x, m, D);
}
template <class T>
Status set_mean_backward(T* dx, const T* dy, const T* x, int m, std::size_t sets, int D, Stream stream) {
    if (m < 1 || sets * m >> 31) return {kInvalidValue};
    return launch(set_mean_backward_kernel<T>, for_blocks(sets * m, 1, Block::any(64)), stream, dx, dy, x, m, D);
}

#define WARPVAE_INSTANTIATE(T)                                                                                   \
    template Status concatenate_pairs_forward(T*, const PairPart<T>&, const PairPart<T>&, const PairShape&, int, \
                                              Stream);                                                           \
    template Status concatenate_pairs_backward(const PairPartGradient<T>&, const T*, int, const PairShape&, int, \
                                               Stream);                                                          \
    template Status set_mean_forward(T*, const T*, int, std::size_t, int, Stream);                               \
    template Status set_mean_backward(T*, const T*, const T*, int, std::size_t, int, Stream);
WARPVAE_INSTANTIATE(float)
WARPVAE_INSTANTIATE(double)
#undef WARPVAE_INSTANTIATE

}  // namespace warpvae

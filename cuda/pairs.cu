#include "cuda/pairs.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

template <class T>
Status concatenate_pairs_forward(T* y, const T* a, PairRows a_rows, const T* b, PairRows b_rows, const PairShape& shape,
                                 int R, int A, int B, Stream stream) {
    return launch(concatenate_pairs_forward_kernel<T>, for_blocks(shape.pairs(), R, Block::any(64)), stream, y, a,
                  a_rows, b, b_rows, shape, A, B);
}
template <class T>
Status concatenate_pairs_backward(T* da, const T* a, PairRows a_rows, T* db, const T* b, PairRows b_rows, const T* dy,
                                  const PairShape& shape, int R, int A, int B, Stream stream) {
    Status status;
    if (da)
        status = launch(concatenate_pairs_backward_kernel<T>, for_blocks(row_count(a_rows, shape), R, Block::any(64)),
                        stream, da, a, a_rows, dy, shape, A, A + B);
    if (db && status.ok())
        status = launch(concatenate_pairs_backward_kernel<T>, for_blocks(row_count(b_rows, shape), R, Block::any(64)),
                        stream, db, b, b_rows, dy + A, shape, B, A + B);
    return status;
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

#define WARPVAE_INSTANTIATE(T)                                                                                        \
    template Status concatenate_pairs_forward(T*, const T*, PairRows, const T*, PairRows, const PairShape&, int, int, \
                                              int, Stream);                                                           \
    template Status concatenate_pairs_backward(T*, const T*, PairRows, T*, const T*, PairRows, const T*,              \
                                               const PairShape&, int, int, int, Stream);                              \
    template Status set_mean_forward(T*, const T*, int, std::size_t, int, Stream);                                    \
    template Status set_mean_backward(T*, const T*, const T*, int, std::size_t, int, Stream);
WARPVAE_INSTANTIATE(float)
WARPVAE_INSTANTIATE(double)
#undef WARPVAE_INSTANTIATE

}  // namespace warpvae

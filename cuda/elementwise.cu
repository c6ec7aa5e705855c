#include "cuda/elementwise.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

template <class T>
Status sigmoid_backward(T* dx, const T* dy, const T* y, std::size_t n, Stream stream) {
    return launch(sigmoid_backward_kernel<T>, for_elements(n), stream, dx, dy, y, n);
}
template <class T>
Status add(T* y, const T* x, std::size_t n, Stream stream) {
    return launch(add_kernel<T>, for_elements(n), stream, y, x, n);
}
template <class T>
Status range_limit(T* y, const T* x, const T* centre, const T* range, T slope, std::size_t rows, int S, Stream stream) {
    return launch(range_limit_kernel<T>, for_elements(rows * S), stream, y, x, centre, range, slope, rows * S, S);
}
template <class T>
Status range_limit_backward(T* dx, const T* dy, const T* x, const T* range, T slope, std::size_t rows, int S,
                            Stream stream) {
    return launch(range_limit_backward_kernel<T>, for_elements(rows * S), stream, dx, dy, x, range, slope, rows * S, S);
}
template <class T>
Status repeat_rows(T* y, const T* x, int K, std::size_t rows, int D, Stream stream) {
    if (K < 1 || rows * K >= (std::size_t(1) << 31)) return {kInvalidValue};
    return launch(repeat_rows_kernel<T>, for_blocks(rows * K), stream, y, x, K, D);
}
template <class T>
Status mean_rows(T* y, const T* x, int K, std::size_t rows, Stream stream) {
    if (K < 1) return {kInvalidValue};
    return launch(mean_rows_kernel<T>, for_elements(rows), stream, y, x, K, rows);
}

#define WARPVAE_INSTANTIATE(T)                                                                           \
    template Status sigmoid_backward(T*, const T*, const T*, std::size_t, Stream);                       \
    template Status add(T*, const T*, std::size_t, Stream);                                              \
    template Status range_limit(T*, const T*, const T*, const T*, T, std::size_t, int, Stream);          \
    template Status range_limit_backward(T*, const T*, const T*, const T*, T, std::size_t, int, Stream); \
    template Status repeat_rows(T*, const T*, int, std::size_t, int, Stream);                            \
    template Status mean_rows(T*, const T*, int, std::size_t, Stream);
WARPVAE_INSTANTIATE(float)
WARPVAE_INSTANTIATE(double)
#undef WARPVAE_INSTANTIATE

}  // namespace warpvae

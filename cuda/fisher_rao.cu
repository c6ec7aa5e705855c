#include "cuda/fisher_rao.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

template <class T>
Status fisher_rao_distance(T* distance, const T* a, const T* b, int n, int Z, Stream stream) {
    if (n < 0 || Z < 0) return {kInvalidValue};
    return launch(fisher_rao_distance_kernel<T>, for_blocks(n, 1, Block::any(32)), stream, distance, a, b, Z);
}
template <class T>
Status gaussian_curve(T* points, const T* a, const T* b, const T* times, GaussianCurve curve, int n, int steps, int Z,
                      Stream stream) {
    if (n < 0 || steps < 0 || Z < 0) return {kInvalidValue};
    return launch(gaussian_curve_kernel<T>, for_elements(std::size_t(n) * steps * Z), stream, points, a, b, times,
                  curve, n, steps, Z);
}
template <class T>
Status fisher_rao_exp(T* points, const T* base, const T* tangent, int n, int Z, Stream stream) {
    if (n < 0 || Z < 0) return {kInvalidValue};
    return launch(fisher_rao_exp_kernel<T>, for_elements(std::size_t(n) * Z), stream, points, base, tangent, n, Z);
}
template <class T>
Status fisher_rao_log(T* tangent, const T* base, const T* points, int n, int Z, Stream stream) {
    if (n < 0 || Z < 0) return {kInvalidValue};
    return launch(fisher_rao_log_kernel<T>, for_elements(std::size_t(n) * Z), stream, tangent, base, points, n, Z);
}
template <class T>
Status karcher_mean(T* mean, T* residual, const T* points, const KarcherOptions& options, int n, int Z, Stream stream) {
    if (n < 1 || Z < 0 || options.max_iterations < 0) return {kInvalidValue};
    return launch(karcher_mean_kernel<T>, for_blocks(Z), stream, mean, residual, points, options, n, Z);
}

#define WARPVAE_INSTANTIATE(T)                                                                              \
    template Status fisher_rao_distance(T*, const T*, const T*, int, int, Stream);                          \
    template Status gaussian_curve(T*, const T*, const T*, const T*, GaussianCurve, int, int, int, Stream); \
    template Status fisher_rao_exp(T*, const T*, const T*, int, int, Stream);                               \
    template Status fisher_rao_log(T*, const T*, const T*, int, int, Stream);                               \
    template Status karcher_mean(T*, T*, const T*, const KarcherOptions&, int, int, Stream);
WARPVAE_INSTANTIATE(float)
WARPVAE_INSTANTIATE(double)
#undef WARPVAE_INSTANTIATE

}  // namespace warpvae

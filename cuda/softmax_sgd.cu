#include "cuda/softmax_sgd.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

template <class T>
Status softmax_sgd(T* weights, const T* const* features, const std::uint8_t* const* labels, const std::uint64_t* seeds,
                   const SoftmaxSgdOptions& options, int Q, std::size_t n, int d, Stream stream) {
    const int K = options.classes, batch = options.batch;
    const MinibatchOrder order{MinibatchOrder::kCycle, n, batch};
    if (K < 1 || K > 32 || batch < 1 || batch > kSgdMaxBatch || options.steps < 0 || !gives_rows(order, batch) ||
        Q < 0 || d < 0 || d > 256)
        return {kInvalidValue};
    // A warp for each row of the usual batch.
    return launch(softmax_sgd_kernel<T>, for_blocks(Q, 1, Block::any(1024), softmax_sgd_bytes<T>(K, d, batch)), stream,
                  weights, features, labels, seeds, options, order, d);
}
template <class T>
Status softmax_predict(std::uint8_t* predicted, const T* weights, const T* const* features, int classes, int Q,
                       std::size_t m, int d, Stream stream) {
    if (classes < 1 || classes > 256 || Q < 0 || Q > 65535 || d < 0) return {kInvalidValue};
    return launch(softmax_predict_kernel<T>, for_elements(m, Q), stream, predicted, weights, features, classes, m, d);
}

#define WARPVAE_INSTANTIATE(T)                                                                         \
    template Status softmax_sgd(T*, const T* const*, const std::uint8_t* const*, const std::uint64_t*, \
                                const SoftmaxSgdOptions&, int, std::size_t, int, Stream);              \
    template Status softmax_predict(std::uint8_t*, const T*, const T* const*, int, int, std::size_t, int, Stream);
WARPVAE_INSTANTIATE(float)
WARPVAE_INSTANTIATE(double)
#undef WARPVAE_INSTANTIATE

}  // namespace warpvae

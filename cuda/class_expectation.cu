#include "cuda/class_expectation.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

template <class T>
Status class_expectation(const ClassExpectation<T>& out, const T* logits, const T* nll, const T* kl,
                         const std::uint8_t* labels, const T* log_prior, T labelled_scale, const PairShape& shape,
                         int R, Stream stream) {
    const bool classes_needed = logits || shape.unlabelled > 0;
    if (classes_needed && (!logits || shape.classes < 1 || shape.classes > 256)) return {kInvalidValue};
    return launch(class_expectation_kernel<T>, for_blocks(shape.images(), R, Block::any(32)), stream, out, logits, nll,
                  kl, labels, log_prior, labelled_scale, shape);
}

#define WARPVAE_INSTANTIATE(T)                                                                                       \
    template Status class_expectation(const ClassExpectation<T>&, const T*, const T*, const T*, const std::uint8_t*, \
                                      const T*, T, const PairShape&, int, Stream);
WARPVAE_INSTANTIATE(float)
WARPVAE_INSTANTIATE(double)
#undef WARPVAE_INSTANTIATE

}  // namespace warpvae

#include "cuda/posterior_samples.cuh"

#include <climits>

#include "cuda/ops/fused_dense.h"

namespace warpvae {

template <class T>
Status variance_head(T* moments, T* kl, VarianceHead head, int R, int N, int Z, Stream stream) {
    return launch(variance_head_kernel<T>, for_blocks(N, R, Block::any(32)), stream, moments, kl, head, Z);
}
template <class T>
Status posterior_samples(T* z, T* ratio, const T* moments, LatentNoise noise, int R, int N, int K, int Z,
                         Stream stream) {
    const std::size_t draws = std::size_t(N) * K;
    if (noise.first_row % 4 || draws > INT_MAX) return {kInvalidValue};
    const PosteriorDraws<T> all{z, ratio, noise, N, K, Z};
    return launch_dependent(posterior_samples_kernel<T>, for_blocks(all.quads(), R, Block::any(32)), stream, all,
                            moments);
}
template <class T>
Status posterior_backward(T* dheads, const T* dz, const PosteriorPath<T>& path, int R, int N, int K, int Z,
                          Stream stream) {
    return launch_dependent(posterior_backward_kernel<T>, for_blocks(N, R, Block::any(32)), stream, dheads, dz, path, K,
                            Z);
}

/// So many draws of an image are made where its heads are, by a few warps in turn. More of them are sooner a launch of
/// their own, which has a warp for every four.
constexpr int kDrawsBesideHeads = 8;

template <class T>
Status dense_posterior(const Matmul& context, const Posterior<T>& out, const T* h, const T* W, const T* b,
                       std::size_t P, VarianceHead head, const LatentNoise& noise, int R, int N, int K, int H, int Z) {
    const Stream stream = context.stream();
    Status status;
    if constexpr (std::is_same_v<T, float>)
        if (dense_is_fused<T>(context) && fused_gaussian_head_fits(H, Z)) {
            const bool with_draws = K <= kDrawsBesideHeads;
            status =
                fused_posterior(out, h, W, b, P, head, noise, R, N, with_draws ? K : 0, H, Z, context.math_stream());
            if (!status.ok() || with_draws) return status;
            return posterior_samples(out.z, out.ratio, out.moments, noise, R, N, K, Z, stream);
        }
    status = dense_forward(context, out.moments, h, W, b, P, Activation::kNone, R, N, H, 2 * Z);
    if (status.ok()) status = variance_head(out.moments, out.kl, head, R, N, Z, stream);
    if (status.ok()) status = posterior_samples(out.z, out.ratio, out.moments, noise, R, N, K, Z, stream);
    return status;
}

template <class T>
Status dense_to_posterior_backward(const Matmul& context, T* dheads, T* dz, const T* dy, const T* W, std::size_t P,
                                   const PosteriorPath<T>& path, int R, int N, int K, int Z, int out) {
    if constexpr (std::is_same_v<T, float>)
        if (dense_is_fused<T>(context) && fused_posterior_backward_fits(K))
            return fused_posterior_backward(dheads, dy, W, P, path, R, N, K, Z, out, context.math_stream());
    const Status status = dense_backward_input<T>(context, dz, dy, path.z, W, P, Activation::kNone, R, N * K, Z, out);
    if (!status.ok()) return status;
    return posterior_backward(dheads, dz, path, R, N, K, Z, context.stream());
}

#define WARPVAE_INSTANTIATE(T)                                                                                     \
    template Status variance_head(T*, T*, VarianceHead, int, int, int, Stream);                                    \
    template Status posterior_samples(T*, T*, const T*, LatentNoise, int, int, int, int, Stream);                  \
    template Status posterior_backward(T*, const T*, const PosteriorPath<T>&, int, int, int, int, Stream);         \
    template Status dense_posterior(const Matmul&, const Posterior<T>&, const T*, const T*, const T*, std::size_t, \
                                    VarianceHead, const LatentNoise&, int, int, int, int, int);                    \
    template Status dense_to_posterior_backward(const Matmul&, T*, T*, const T*, const T*, std::size_t,            \
                                                const PosteriorPath<T>&, int, int, int, int, int);
WARPVAE_INSTANTIATE(float)
WARPVAE_INSTANTIATE(double)
#undef WARPVAE_INSTANTIATE

}  // namespace warpvae

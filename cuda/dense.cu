#include "cuda/dense.cuh"

#include "cuda/device/launch.cuh"
#include "cuda/ops/dense_chain.h"
#include "cuda/ops/fused_dense.h"
#include "cuda/ops/loss.h"
#include "cuda/ops/weight_gradients.h"

namespace warpvae {

namespace {
/// visit(F()) with the F of `activation`.
template <class Visit>
Status with_activation(Activation activation, Visit visit) {
    switch (activation) {
        case Activation::kNone:
            return visit(NoActivation());
        case Activation::kRelu:
            return visit(ReluActivation());
        case Activation::kSigmoid:
            return visit(SigmoidActivation());
        case Activation::kElu:
            return visit(EluActivation());
        case Activation::kTanh:
            return visit(TanhActivation());
        case Activation::kSoftplus:
            return visit(SoftplusActivation());
    }
    return {kInvalidValue};
}
}  // namespace

template <class T>
Status bias_activation(T* y, const T* b, std::size_t P, Activation activation, int R, int N, int out, Stream stream) {
    return with_activation(activation, [&](auto f) {
        return launch(bias_activation_kernel<T, decltype(f)>, for_blocks(N, R), stream, y, b, P, out);
    });
}

template <class T>
Status activation_backward(T* dx, const T* y, Activation activation, std::size_t n, Stream stream) {
    if (activation == Activation::kNone) return {};
    return with_activation(activation, [&](auto f) {
        return launch(activation_backward_kernel<T, decltype(f)>, for_elements(n), stream, dx, y, n);
    });
}

template <class T>
Status column_sum(T* sums, const T* y, std::size_t P, int R, int N, int columns, Stream stream, const T* row_weights) {
    const std::size_t tiles = column_tiles(columns);
    LaunchConfig config = for_elements(tiles, R, Block::any(64));
    if (!device_is_gpu() && tiles) {  // for_elements cuts by elements, and a tile is N * 16 of them
        config.elements = 0;
        config.grid.x = static_cast<unsigned>(tiles < 4 ? tiles : 4);
    }
    return launch(column_sum_kernel<T>, config, stream, sums, y, row_weights, P, N, columns);
}

template <class T>
bool dense_is_fused(const Matmul& context) {
    if (!std::is_same_v<T, float> || context.math() == Math::kBf16) return false;
    return device_is_gpu() || launch_options().fused_dense;
}

template <class T>
Status dense_forward(const Matmul& context, T* y, const T* x, const T* W, const T* b, std::size_t P,
                     Activation activation, int R, int N, int in, int out) {
    if constexpr (std::is_same_v<T, float>)
        if (dense_is_fused<T>(context)) {
            if (context.chain()) return context.chain()->dense_forward(y, x, W, b, P, activation, N, in, out);
            return fused_dense_forward(y, x, W, b, P, activation, R, N, in, out, context.math_stream());
        }
    const Status product = matmul(context, y, std::size_t(N) * out, Op::kNone, x, std::size_t(N) * in, Op::kTranspose,
                                  W, P, R, N, out, in);
    if (!product.ok()) return product;
    return bias_activation(y, b, P, activation, R, N, out, context.stream());
}

template <class T>
Status dense_gather_forward(const Matmul& context, T* y, const MinibatchRows<T>& x, const T* W, const T* b,
                            std::size_t P, Activation activation, int R, int N, int in, int out) {
    if constexpr (std::is_same_v<T, float>)
        if (dense_is_fused<T>(context) && !context.chain())
            return fused_dense_gather_forward(y, x, W, b, P, activation, R, N, in, out, context.math_stream());
    GatherOptions row;
    row.height = 1, row.width = in;
    const Status status = gather(x.batch, x.images, x.minibatch, R, N, row, context.stream());
    return status.ok() ? dense_forward<T>(context, y, x.batch, W, b, P, activation, R, N, in, out) : status;
}

template <class T>
Status dense_bernoulli(const Matmul& context, T* nll, T* dlogits, const T* x, const T* W, const T* b, std::size_t P,
                       const BernoulliTarget<T>& target, const RowSumScratch& scratch, int R, int N, int in, int D) {
    if constexpr (std::is_same_v<T, float>)
        if (dense_is_fused<T>(context))
            return fused_dense_bernoulli(nll, dlogits, x, W, b, P, target, scratch, R, N, in, D, context.math_stream());
    const Status logits = dense_forward(context, dlogits, x, W, b, P, Activation::kNone, R, N, in, D);
    if (!logits.ok()) return logits;
    return bernoulli_from_logits<T>(nll, dlogits, dlogits, target.values, target.scale, R, N, D, context.stream(),
                                    {nullptr, target.map}, target.largest_logit);
}

template <class T>
Status dense_sigmoid_bernoulli(const Matmul& context, T* nll, T* dlogits, T* y, const T* x, const T* W, const T* b,
                               std::size_t P, const T* target, T scale, const RowSumScratch& scratch, int R, int N,
                               int in, int D) {
    const Stream stream = context.stream();
    if constexpr (std::is_same_v<T, float>)
        if (dense_is_fused<T>(context))
            return fused_dense_sigmoid_bernoulli(nll, dlogits, y, x, W, b, P, target, scale, scratch, R, N, in, D,
                                                 context.math_stream());
    Status status = dense_forward(context, y, x, W, b, P, Activation::kSigmoid, R, N, in, D);
    if (status.ok()) status = bernoulli_from_probabilities<T>(nll, dlogits, y, target, scale, R, N, D, stream);
    if (!status.ok()) return status;
    return sigmoid_backward<T>(dlogits, dlogits, y, std::size_t(R) * N * D, stream);
}

template <class T>
Status dense_bernoulli_nll(const Matmul& context, T* nll, T* y, const T* x, const T* W, const T* b, std::size_t P,
                           Activation activation, const BernoulliTarget<T>& target, const RowSumScratch& scratch, int R,
                           int N, int in, int D) {
    if constexpr (std::is_same_v<T, float>)
        if (dense_is_fused<T>(context))
            return fused_dense_bernoulli_nll(nll, x, W, b, P, activation, target, scratch, R, N, in, D,
                                             context.math_stream());
    if (!is_bernoulli(activation, target, N)) return {kInvalidValue};
    const Status status = dense_forward(context, y, x, W, b, P, activation, R, N, in, D);
    if (!status.ok()) return status;
    const LossRows<T> rows{nullptr, target.map};
    if (activation == Activation::kSigmoid)
        return bernoulli_from_probabilities<T>(nll, nullptr, y, target.values, T(1), R, N, D, context.stream(), rows);
    return bernoulli_from_logits<T>(nll, nullptr, y, target.values, T(1), R, N, D, context.stream(), rows,
                                    target.largest_logit);
}

template <class T>
Status dense_gaussian_head(const Matmul& context, T* moments, T* z, T* kl, const T* h, const T* W, const T* b,
                           std::size_t P, const GaussianLatent<T>& latent, const LatentNoise& noise, int R, int N,
                           int H, int Z) {
    const Stream stream = context.stream();
    if (!dense_is_fused<T>(context) && latent.is_plain())
        return gaussian_head_forward(moments, z, kl, h, W, b, P, noise, R, N, H, Z, stream);
    if constexpr (std::is_same_v<T, float>)
        if (dense_is_fused<T>(context) && fused_gaussian_head_fits(H, Z))
            return fused_gaussian_head(moments, z, kl, h, W, b, P, latent, noise, R, N, H, Z, context.math_stream());
    const Status heads = dense_forward(context, moments, h, W, b, P, Activation::kNone, R, N, H, 2 * Z);
    if (!heads.ok()) return heads;
    return gaussian_sample_forward<T>(z, kl, moments, latent.prior, latent.spread, noise, R, N, Z, stream);
}

template <class T>
Status dense_backward_input(const Matmul& context, T* dx, const T* dy, const T* x, const T* W, std::size_t P,
                            Activation x_activation, int R, int N, int in, int out, const T* more,
                            const RowWeights<T>& rows) {
    const Stream stream = context.stream();
    if constexpr (std::is_same_v<T, float>)
        if (dense_is_fused<T>(context)) {
            if (context.chain()) {
                if (more || rows.weights) return {kInvalidValue};
                return context.chain()->dense_backward_input(dx, dy, x, W, P, x_activation, N, in, out);
            }
            return fused_dense_backward_input(dx, dy, x, W, P, x_activation, R, N, in, out, context.math_stream(), more,
                                              rows);
        }
    const std::size_t x_stride = std::size_t(N) * in;
    Status status = matmul(context, dx, x_stride, Op::kNone, dy, std::size_t(N) * out, Op::kNone, W, P, R, N, in, out);
    if (!status.ok()) return status;
    status = rows.weights ? with_activation(x_activation,
                                            [&](auto f) {
                                                return launch(weighted_backward_kernel<T, decltype(f)>,
                                                              for_blocks(N, R), stream, dx, x, rows, in);
                                            })
                          : activation_backward(dx, x, x_activation, R * x_stride, stream);
    if (!status.ok() || !more) return status;
    return add(dx, more, R * x_stride, stream);
}

template <class T>
Status dense_to_gaussian_backward(const Matmul& context, T* dmoments, T* dz, const T* dy, const T* W, std::size_t P,
                                  const T* z, const T* moments, const GaussianLatent<T>& latent, KlWeight<T> kl_weight,
                                  int R, int N, int Z, int out) {
    const Stream stream = context.stream();
    if constexpr (std::is_same_v<T, float>)
        if (dense_is_fused<T>(context))
            return fused_gaussian_head_backward(dmoments, dy, W, P, z, moments, latent, kl_weight, R, N, Z, out,
                                                context.math_stream());
    const Status status = dense_backward_input<T>(context, dz, dy, z, W, P, Activation::kNone, R, N, Z, out);
    if (!status.ok()) return status;
    return gaussian_sample_backward<T>(dmoments, dz, z, moments, latent.prior, latent.spread, kl_weight, R, N, Z,
                                       stream);
}

template <class T>
Status dense_backward_weights(const Matmul& context, T* gradients, const DenseWeightGradient<T>& layer, int R,
                              std::size_t P) {
    if constexpr (std::is_same_v<T, float>)
        if (dense_is_fused<T>(context)) {
            if (context.chain()) return context.chain()->dense_backward_weights(gradients, layer, P);
            return weight_gradients(gradients, {{layer}, {}}, R, P, context.math_stream());
        }
    const int N = layer.N, in = layer.in, out = layer.out;
    const Status status = matmul(context, gradients + layer.weight, P, Op::kTranspose, layer.dy, std::size_t(N) * out,
                                 Op::kNone, layer.x, std::size_t(N) * in, R, out, in, N);
    if (!status.ok()) return status;
    return column_sum(gradients + layer.bias, layer.dy, P, R, N, out, context.stream(), layer.row_weights);
}

template <class T>
Status dense_dropout(const Matmul& context, T* x, const DropoutMask& mask, int R, int N, int D) {
    if constexpr (std::is_same_v<T, float>)
        if (context.chain()) return context.chain()->dropout(x, mask, N, D);
    return dropout<T>(x, x, mask, R, N, D, context.stream());
}

#define WARPVAE_INSTANTIATE(T)                                                                                        \
    template Status bias_activation(T*, const T*, std::size_t, Activation, int, int, int, Stream);                    \
    template Status activation_backward(T*, const T*, Activation, std::size_t, Stream);                               \
    template Status column_sum(T*, const T*, std::size_t, int, int, int, Stream, const T*);                           \
    template Status dense_forward(const Matmul&, T*, const T*, const T*, const T*, std::size_t, Activation, int, int, \
                                  int, int);                                                                          \
    template Status dense_gather_forward(const Matmul&, T*, const MinibatchRows<T>&, const T*, const T*, std::size_t, \
                                         Activation, int, int, int, int);                                             \
    template bool dense_is_fused<T>(const Matmul&);                                                                   \
    template Status dense_bernoulli(const Matmul&, T*, T*, const T*, const T*, const T*, std::size_t,                 \
                                    const BernoulliTarget<T>&, const RowSumScratch&, int, int, int, int);             \
    template Status dense_sigmoid_bernoulli(const Matmul&, T*, T*, T*, const T*, const T*, const T*, std::size_t,     \
                                            const T*, T, const RowSumScratch&, int, int, int, int);                   \
    template Status dense_bernoulli_nll(const Matmul&, T*, T*, const T*, const T*, const T*, std::size_t, Activation, \
                                        const BernoulliTarget<T>&, const RowSumScratch&, int, int, int, int);         \
    template Status dense_gaussian_head(const Matmul&, T*, T*, T*, const T*, const T*, const T*, std::size_t,         \
                                        const GaussianLatent<T>&, const LatentNoise&, int, int, int, int);            \
    template Status dense_backward_input(const Matmul&, T*, const T*, const T*, const T*, std::size_t, Activation,    \
                                         int, int, int, int, const T*, const RowWeights<T>&);                         \
    template Status dense_to_gaussian_backward(const Matmul&, T*, T*, const T*, const T*, std::size_t, const T*,      \
                                               const T*, const GaussianLatent<T>&, KlWeight<T>, int, int, int, int);  \
    template Status dense_backward_weights(const Matmul&, T*, const DenseWeightGradient<T>&, int, std::size_t);       \
    template Status dense_dropout(const Matmul&, T*, const DropoutMask&, int, int, int);
WARPVAE_INSTANTIATE(float)
WARPVAE_INSTANTIATE(double)
#undef WARPVAE_INSTANTIATE

}  // namespace warpvae

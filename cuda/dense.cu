#include "cuda/dense.cuh"

#include "cuda/device/launch.cuh"

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
Status column_sum(T* sums, const T* y, std::size_t P, int R, int N, int columns, Stream stream) {
    const std::size_t tiles = column_tiles(columns);
    LaunchConfig config = for_elements(tiles, R, Block::any(64));
    if (!device_is_gpu() && tiles) {  // for_elements cuts by elements, and a tile is N * 16 of them
        config.elements = 0;
        config.grid.x = static_cast<unsigned>(tiles < 4 ? tiles : 4);
    }
    return launch(column_sum_kernel<T>, config, stream, sums, y, P, N, columns);
}

template <class T>
Status dense_forward(const Matmul& context, T* y, const T* x, const T* W, const T* b, std::size_t P,
                     Activation activation, int R, int N, int in, int out) {
    const Status product = matmul(context, y, std::size_t(N) * out, Op::kNone, x, std::size_t(N) * in, Op::kTranspose,
                                  W, P, R, N, out, in);
    if (!product.ok()) return product;
    return bias_activation(y, b, P, activation, R, N, out, context.stream());
}

template <class T>
Status dense_backward(const Matmul& context, T* dx, T* dW, T* db, const T* dy, const T* x, const T* W, std::size_t P,
                      Activation x_activation, int R, int N, int in, int out) {
    const std::size_t dy_stride = std::size_t(N) * out, x_stride = std::size_t(N) * in;
    Status status = matmul(context, dW, P, Op::kTranspose, dy, dy_stride, Op::kNone, x, x_stride, R, out, in, N);
    if (status.ok()) status = column_sum(db, dy, P, R, N, out, context.stream());
    if (!status.ok() || !dx) return status;
    status = matmul(context, dx, x_stride, Op::kNone, dy, dy_stride, Op::kNone, W, P, R, N, in, out);
    if (!status.ok()) return status;
    return activation_backward(dx, x, x_activation, std::size_t(R) * x_stride, context.stream());
}

#define WARPVAE_INSTANTIATE(T)                                                                                        \
    template Status bias_activation(T*, const T*, std::size_t, Activation, int, int, int, Stream);                    \
    template Status activation_backward(T*, const T*, Activation, std::size_t, Stream);                               \
    template Status column_sum(T*, const T*, std::size_t, int, int, int, Stream);                                     \
    template Status dense_forward(const Matmul&, T*, const T*, const T*, const T*, std::size_t, Activation, int, int, \
                                  int, int);                                                                          \
    template Status dense_backward(const Matmul&, T*, T*, T*, const T*, const T*, const T*, std::size_t, Activation,  \
                                   int, int, int, int);
WARPVAE_INSTANTIATE(float)
WARPVAE_INSTANTIATE(double)
#undef WARPVAE_INSTANTIATE

}  // namespace warpvae

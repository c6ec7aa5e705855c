#include "cuda/grid_sample.cuh"

#include "cuda/device/dependent_launch.cuh"
#include "cuda/ops/dense.h"
#include "cuda/ops/loss.h"
#include "cuda/warp_loss.cuh"

namespace warpvae {
namespace {

constexpr int kLargest = 1 << 28;  // pixels of a channel

bool fits(const SampleShape& s, std::size_t N) {
    const auto side = [](int H, int W) { return H >= 1 && W >= 1 && H <= kLargest / W; };
    return s.C >= 1 && side(s.H, s.W) && side(s.out_H, s.out_W) && N < (std::size_t(1) << 31);
}
template <class T>
bool fits(const Warp<T>& warp) {
    if (warp.stride < warp_parameters(warp.form, warp.K)) return false;
    if (warp.form != WarpForm::kControlPoints) return warp.K == 3;
    for (int g = 2; g <= 8; ++g)
        if (g * g == warp.K) return true;
    return false;
}
Block threads_for(const SampleShape& shape) { return Block::any(shape.out_H * shape.out_W <= 1024 ? 128 : 256); }

template <class T, class Grid>
Status forward(T* out, const T* images, const Grid& grid, std::size_t N, const SampleShape& shape,
               const SampleOptions& options, Stream stream) {
    const LaunchConfig config = for_blocks(N, 1, threads_for(shape));
    if (options.padding == Padding::kZeros)
        return launch_dependent(grid_sample_forward_kernel<T, Grid, Padding::kZeros>, config, stream, out, images, grid,
                                shape, options);
    return launch_dependent(grid_sample_forward_kernel<T, Grid, Padding::kBorder>, config, stream, out, images, grid,
                            shape, options);
}

template <class T, class Grid>
Status backward(T* dimages, T* dgradient, bool add, const T* dout, const T* images, const Grid& grid, std::size_t N,
                const SampleShape& shape, const SampleOptions& options, Stream stream) {
    if (!dimages && !dgradient) return {};
    const LaunchConfig config = for_blocks(N, grid_sample_bands(shape, dimages), threads_for(shape),
                                           grid_sample_bytes<T>(shape, dimages, dgradient && !Grid::kGiven));
    if (options.padding == Padding::kZeros)
        return launch_dependent(grid_sample_backward_kernel<T, Grid, Padding::kZeros>, config, stream, dimages,
                                dgradient, add, dout, images, grid, shape, options);
    return launch_dependent(grid_sample_backward_kernel<T, Grid, Padding::kBorder>, config, stream, dimages, dgradient,
                            add, dout, images, grid, shape, options);
}

template <class T, class Grid>
Status loss(const PixelLikelihood<T>& likelihood, T* dlogits, T* du, const T* images, const Grid& grid, std::size_t N,
            const SampleShape& shape, const SampleOptions& options, Stream stream) {
    const LaunchConfig config = for_blocks(N, 1, threads_for(shape), grid_sample_bytes<T>(shape, true, true));
    if (options.padding == Padding::kZeros)
        return launch_dependent(warp_loss_kernel<T, Grid, Padding::kZeros>, config, stream, likelihood, dlogits, du,
                                images, grid, shape, options);
    return launch_dependent(warp_loss_kernel<T, Grid, Padding::kBorder>, config, stream, likelihood, dlogits, du,
                            images, grid, shape, options);
}

/// Calls with the grid whose K the compiler knows, where there is one: 3 is affine, 9 the paper's spline.
template <class T, class Call>
Status with_linear_grid(const Warp<T>& warp, const T* u, Call call) {
    if (warp.K == 3) return call(LinearGrid<T, 3>{warp, u});
    if (warp.K == 9) return call(LinearGrid<T, 9>{warp, u});
    return call(LinearGrid<T, 0>{warp, u});
}

}  // namespace

template <class T>
Status grid_sample_forward(T* out, const T* images, const T* grid, std::size_t N, const SampleShape& shape,
                           const SampleOptions& options, Stream stream) {
    if (!fits(shape, N)) return {kInvalidValue};
    return forward(out, images, GivenGrid<T>{grid}, N, shape, options, stream);
}

template <class T>
Status grid_sample_backward(T* dimages, T* dgrid, const T* dout, const T* images, const T* grid, std::size_t N,
                            const SampleShape& shape, const SampleOptions& options, Stream stream) {
    if (!fits(shape, N)) return {kInvalidValue};
    return backward(dimages, dgrid, false, dout, images, GivenGrid<T>{grid}, N, shape, options, stream);
}

template <class T>
Status warp_forward(T* out, const T* images, const T* u, const Warp<T>& warp, std::size_t N, const SampleShape& shape,
                    const SampleOptions& options, Stream stream) {
    if (!fits(shape, N) || !fits(warp)) return {kInvalidValue};
    return with_linear_grid(warp, u,
                            [&](const auto& grid) { return forward(out, images, grid, N, shape, options, stream); });
}

template <class T>
Status warp_backward(T* dimages, T* du, bool add, const T* dout, const T* images, const T* u, const Warp<T>& warp,
                     std::size_t N, const SampleShape& shape, const SampleOptions& options, Stream stream) {
    if (!fits(shape, N) || !fits(warp)) return {kInvalidValue};
    return with_linear_grid(warp, u, [&](const auto& grid) {
        return backward(dimages, du, add, dout, images, grid, N, shape, options, stream);
    });
}

template <class T>
Status warp_sigmoid_bernoulli(const WarpLoss<T>& to, const T* images, const T* u, const Warp<T>& warp, const T* target,
                              T scale, std::size_t N, const SampleShape& shape, const SampleOptions& options,
                              Stream stream) {
    if (!fits(shape, N) || !fits(warp)) return {kInvalidValue};
    if (grid_sample_bands(shape, true) == 1)
        return with_linear_grid(warp, u, [&](const auto& grid) {
            return loss(PixelLikelihood<T>{{to.out}, to.nll, to.dout, target, scale}, to.dlogits, to.du, images, grid,
                        N, shape, options, stream);
        });
    // A large image has several blocks in its backward, and each of them reads all of dout: it must be there first.
    Status status = warp_forward(to.out, images, u, warp, N, shape, options, stream);
    if (status.ok())
        status = bernoulli_from_probabilities<T>(to.nll, to.dout, to.out, target, scale, 1, int(N),
                                                 shape.C * shape.out_H * shape.out_W, stream);
    if (status.ok())
        status = warp_backward<T>(to.dlogits, to.du, false, to.dout, images, u, warp, N, shape, options, stream);
    if (!status.ok()) return status;
    return sigmoid_backward<T>(to.dlogits, to.dlogits, images, N * shape.C * shape.H * shape.W, stream);
}

#define WARPVAE_INSTANTIATE(T)                                                                                         \
    template Status grid_sample_forward(T*, const T*, const T*, std::size_t, const SampleShape&, const SampleOptions&, \
                                        Stream);                                                                       \
    template Status grid_sample_backward(T*, T*, const T*, const T*, const T*, std::size_t, const SampleShape&,        \
                                         const SampleOptions&, Stream);                                                \
    template Status warp_forward(T*, const T*, const T*, const Warp<T>&, std::size_t, const SampleShape&,              \
                                 const SampleOptions&, Stream);                                                        \
    template Status warp_sigmoid_bernoulli(const WarpLoss<T>&, const T*, const T*, const Warp<T>&, const T*, T,        \
                                           std::size_t, const SampleShape&, const SampleOptions&, Stream);             \
    template Status warp_backward(T*, T*, bool, const T*, const T*, const T*, const Warp<T>&, std::size_t,             \
                                  const SampleShape&, const SampleOptions&, Stream);
WARPVAE_INSTANTIATE(float)
WARPVAE_INSTANTIATE(double)
#undef WARPVAE_INSTANTIATE

}  // namespace warpvae

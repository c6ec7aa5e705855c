#include "cuda/grid_sample.cuh"

#include <type_traits>

#include "cuda/device/dependent_launch.cuh"
#include "cuda/ops/dense.h"
#include "cuda/ops/loss.h"
#include "cuda/warp_loss.cuh"

namespace warpvae {
namespace {

constexpr int kLargest = 1 << 28;      // pixels of a channel
constexpr int kLongestSide = 1 << 22;  // of an image: beyond, a float has no places between two pixels

bool fits(const SampleShape& s, std::size_t N) {
    const auto area = [](int H, int W) { return H >= 1 && W >= 1 && H <= kLargest / W; };
    return s.C >= 1 && area(s.H, s.W) && area(s.out_H, s.out_W) && s.H <= kLongestSide && s.W <= kLongestSide &&
           N < (std::size_t(1) << 31);
}
template <class T>
bool fits(const Warp<T>& warp) {
    if (warp.stride < warp_parameters(warp.form, warp.K)) return false;
    if (warp.form != WarpForm::kControlPoints) return warp.K == 3;
    for (int g = 2; g <= 8; ++g)
        if (g * g == warp.K) return true;
    return false;
}
/// The number of threads, from 128 to 256, that leaves fewest of them without a pixel in the last round.
Block threads_for(const SampleShape& shape) {
    const int pixels = shape.out_H * shape.out_W;
    int best = 128, fewest = 0;
    for (int threads = 128; threads <= 256; threads += 32) {
        const int taken = (pixels + threads - 1) / threads * threads;
        if (threads == 128 || taken <= fewest) best = threads, fewest = taken;
    }
    return Block::any(best);
}

std::size_t image_bytes(const SampleShape& s) { return sizeof(float) * std::size_t(s.C) * s.H * s.W; }
/// Whether a whole image is copied into shared memory before it is sampled.
bool stages_images(const SampleShape& s) { return image_bytes(s) <= kQuarterOfShared; }
/// Whether a backward has room for a channel beside its sums, which then fit into limbs.
bool stages_channels(const SampleShape& s) { return s.H * s.W <= kBandPixels && s.out_H * s.out_W <= kLimbPixels; }

template <bool is_staged, class Sums>
struct Way {
    static constexpr bool staged = is_staged;
    using Fixed = Sums;
};
/// Calls with how images are read and gradients summed. What rounds a sum must not depend on the block: one thread of
/// the CPU device, which copies nothing, has the same units.
template <class T, class Call>
Status with_way(bool staged, Block block, Call call) {
    if constexpr (std::is_same_v<T, float>) {
#ifndef __CUDACC__
        if (staged && detail::threads_of(block) == 1) return call(Way<false, FixedLimbs>());
#endif
        if (staged) return call(Way<true, FixedLimbs>());
    }
    return call(Way<false, FixedPoint>());
}
template <class Call>
Status with_padding(Padding padding, Call call) {
    if (padding == Padding::kZeros) return call(std::integral_constant<Padding, Padding::kZeros>());
    return call(std::integral_constant<Padding, Padding::kBorder>());
}

template <class T, class Grid>
Status forward(T* out, const T* images, const Grid& grid, std::size_t N, const SampleShape& shape,
               const SampleOptions& options, Stream stream) {
    const Block block = threads_for(shape);
    return with_way<T>(stages_images(shape), block, [&](auto way) {
        return with_padding(options.padding, [&](auto padding) {
            const LaunchConfig config = for_blocks(N, 1, block, way.staged ? image_bytes(shape) : 0);
            return launch_dependent(grid_sample_forward_kernel<T, Grid, padding(), way.staged>, config, stream, out,
                                    images, grid, shape, options);
        });
    });
}

template <class T, class Grid>
Status backward(const SampleGradients<T>& to, const T* dout, const T* images, const Grid& grid, std::size_t N,
                const SampleShape& shape, const SampleOptions& options, Stream stream) {
    if (!to.dimages && !to.dgradient) return {};
    const Block block = threads_for(shape);
    return with_way<T>(stages_channels(shape), block, [&](auto way) {
        using Fixed = typename decltype(way)::Fixed;
        const BackwardPlan plan =
            backward_plan(shape, to.dimages, way.staged, to.dgradient && GridGradient<T, Grid>::kChunks, sizeof(T));
        return with_padding(options.padding, [&](auto padding) {
            return launch_dependent(grid_sample_backward_kernel<T, Grid, padding(), way.staged, Fixed>,
                                    for_blocks(N, plan.bands, block, plan.bytes), stream, to, dout, images, grid, shape,
                                    options, plan);
        });
    });
}

template <class T, class Grid>
Status loss(const WarpedPixelLikelihood<T>& likelihood, const SampleGradients<T>& to, const T* images, const Grid& grid,
            std::size_t N, const SampleShape& shape, const SampleOptions& options, Stream stream) {
    const Block block = threads_for(shape);
    return with_way<T>(stages_images(shape) && stages_channels(shape), block, [&](auto way) {
        using Fixed = typename decltype(way)::Fixed;
        const BackwardPlan plan = backward_plan(shape, true, way.staged, GridGradient<T, Grid>::kChunks, sizeof(T));
        const std::size_t bytes = way.staged && image_bytes(shape) > plan.bytes ? image_bytes(shape) : plan.bytes;
        return with_padding(options.padding, [&](auto padding) {
            return launch_dependent(warp_loss_kernel<T, Grid, padding(), way.staged, Fixed>,
                                    for_blocks(N, 1, block, bytes), stream, likelihood, to, images, grid, shape,
                                    options, plan);
        });
    });
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
    return backward(SampleGradients<T>{dimages, dgrid, false}, dout, images, GivenGrid<T>{grid}, N, shape, options,
                    stream);
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
        return backward(SampleGradients<T>{dimages, du, add}, dout, images, grid, N, shape, options, stream);
    });
}

template <class T>
Status warp_sigmoid_bernoulli(const WarpLoss<T>& to, const T* images, const T* u, const Warp<T>& warp, const T* target,
                              T scale, std::size_t N, const SampleShape& shape, const SampleOptions& options,
                              Stream stream) {
    if (!fits(shape, N) || !fits(warp)) return {kInvalidValue};
    if (shape.H * shape.W <= kBandPixels)
        return with_linear_grid(warp, u, [&](const auto& grid) {
            return loss(WarpedPixelLikelihood<T>{{to.out}, to.nll, to.dout, target, scale},
                        SampleGradients<T>{to.dlogits, to.du, false}, images, grid, N, shape, options, stream);
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

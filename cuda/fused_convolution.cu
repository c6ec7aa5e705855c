#include "cuda/fused_convolution.cuh"

#include "cuda/ops/fused_convolution.h"

namespace warpvae {
namespace {

using ForwardWork = ConvolutionWork<Operand>;
using AdjointWork = ConvolutionWork<FilterColumns>;

bool is_valid(const ConvolutionShape& shape, int R, int N) {
    return R >= 0 && N >= 0 && shape.is_sound() && fused_convolution_fits(shape, N);
}

bool is_possible(Activation activation) { return activation == Activation::kNone || activation == Activation::kRelu; }

ForwardWork forward_work(const float* x, const float* W, std::size_t P, const ConvolutionShape& s, int N) {
    const WindowRows windows(windows_of_x(x, s, N));
    ForwardWork work{};
    work.count = 1, work.columns = s.y_channels, work.images_stride = N * s.x_size(), work.P = P;
    work.parts[0] = {windows,
                     {W, s.y_channels, windows.K},
                     {windows.by_windows, windows.by_across, windows.count(), s.y_height(), s.y_width(), 1, 0, 0},
                     0};
    return work;
}

AdjointWork adjoint_work(const float* dy, const float* W, std::size_t P, const ConvolutionShape& s, int N) {
    AdjointWork work{};
    work.columns = s.x_channels, work.images_stride = N * s.y_size(), work.P = P;
    for (int i = 0; i < s.stride * s.stride; ++i) {
        const PixelClass c(s, i);
        if (c.down <= 0 || c.across <= 0) continue;  // images smaller than the stride
        const WindowRows windows(windows_of_dy(dy, s, c, N));
        work.parts[work.count++] = {
            windows,
            {W, s.y_channels, s.kernel, s.x_channels, s.stride, c.first_h, c.first_w, windows.K,
             FastDivisor(s.y_channels), windows.by_taps_w},
            {windows.by_windows, windows.by_across, windows.count(), s.x_height, s.x_width, s.stride, c.a, c.b},
            0};
    }
    return work;
}

template <class Tile, class Work, class Epilogue>
Status launch_tiles(Work work, int R, const Epilogue& epilogue, MathStream stream) {
    int K = 0;
    work.blocks = 0, work.is_exact = stream.is_exact();
    for (int i = 0; i < work.count; ++i) {
        auto& part = work.parts[i];
        part.first_block = work.blocks;
        work.blocks += (part.pixels.count + Tile::kRows - 1) / Tile::kRows *
                       ((work.columns + Tile::kColumns - 1) / Tile::kColumns);
        K = part.windows.K > K ? part.windows.K : K;
    }
    const int owners = Tile::owners_for(K);
    return launch_dependent(
        convolution_kernel<Tile, decltype(work.parts[0].filters), Epilogue>,
        for_blocks(work.blocks, R, Block::fixed(owners * Tile::kGroupThreads), Tile::shared_bytes(K, owners)), stream,
        work, epilogue);
}

/// As wide as the channels, and 64 rows where that leaves a tile for every multiprocessor; fewer rows share the slices
/// of K among more warps. It changes no bit of the result.
template <Along kFilters, class Work, class Epilogue>
Status product(const Work& work, int R, const Epilogue& epilogue, MathStream stream) {
    std::size_t rows = 0;
    for (int i = 0; i < work.count; ++i) rows += work.parts[i].pixels.count;
    const auto is_large = [&](int columns) {
        const DenseTileSize wanted = launch_options().dense_tile;
        if (wanted != DenseTileSize::kBySize) return wanted != DenseTileSize::kSmall;
        return rows / 64 * ((work.columns + columns - 1) / columns) * R >= std::size_t(device_parallelism());
    };
    constexpr Along fast = Along::kFast;
    if (work.columns <= 8)
        return is_large(8) ? launch_tiles<DenseTile<fast, kFilters, 4, 1, 2, 1>>(work, R, epilogue, stream)
                           : launch_tiles<DenseTile<fast, kFilters, 1, 1, 8, 1>>(work, R, epilogue, stream);
    if (work.columns <= 16)
        return is_large(16) ? launch_tiles<DenseTile<fast, kFilters, 4, 1, 2, 2>>(work, R, epilogue, stream)
                            : launch_tiles<DenseTile<fast, kFilters, 1, 1, 8, 2>>(work, R, epilogue, stream);
    if (work.columns > 32 && is_large(64))
        return launch_tiles<DenseTile<fast, kFilters, 4, 2, 1>>(work, R, epilogue, stream);
    return is_large(32) ? launch_tiles<DenseTile<fast, kFilters, 4, 1, 2>>(work, R, epilogue, stream)
                        : launch_tiles<DenseTile<fast, kFilters, 1, 1, 8>>(work, R, epilogue, stream);
}

}  // namespace

bool fused_convolution_fits(const ConvolutionShape& s, int N) {
    const std::size_t most = 0x7fffffff;
    return s.stride <= 3 && s.x_channels <= 128 && s.y_channels <= 128 && N * s.x_size() <= most &&
           N * s.y_size() <= most;
}

template <class T>
bool convolution_is_fused(const Convolver& convolver, const ConvolutionShape& shape, int N) {
    return std::is_same_v<T, float> && convolver.math() != Math::kBf16 &&
           (device_is_gpu() || launch_options().fused_dense) && fused_convolution_fits(shape, N);
}
template bool convolution_is_fused<float>(const Convolver&, const ConvolutionShape&, int);
template bool convolution_is_fused<double>(const Convolver&, const ConvolutionShape&, int);

Status fused_convolution_forward(float* y, const float* x, const float* W, const float* b, std::size_t P,
                                 Activation activation, const ConvolutionShape& s, int R, int N, MathStream stream) {
    if (!is_valid(s, R, N) || !is_possible(activation)) return {kInvalidValue};
    return product<Along::kFast>(forward_work(x, W, P, s, N), R,
                                 PixelBias{y, b, N * s.y_size(), P, activation == Activation::kRelu, s.y_channels},
                                 stream);
}

Status fused_convolution_backward_data(float* dx, const float* dy, const float* x, const float* W, std::size_t P,
                                       Activation x_activation, const ConvolutionShape& s, int R, int N,
                                       MathStream stream) {
    if (!is_valid(s, R, N) || !is_possible(x_activation)) return {kInvalidValue};
    return product<Along::kSlow>(adjoint_work(dy, W, P, s, N), R,
                                 PixelMask{dx, x, N * s.x_size(), x_activation == Activation::kRelu, s.x_channels},
                                 stream);
}

Status fused_transposed_convolution_forward(float* x, const float* y, const float* W, const float* b, std::size_t P,
                                            Activation activation, const ConvolutionShape& s, int R, int N,
                                            MathStream stream) {
    if (!is_valid(s, R, N) || !is_possible(activation)) return {kInvalidValue};
    return product<Along::kSlow>(adjoint_work(y, W, P, s, N), R,
                                 PixelBias{x, b, N * s.x_size(), P, activation == Activation::kRelu, s.x_channels},
                                 stream);
}

Status fused_transposed_convolution_backward_data(float* dy, const float* dx, const float* y, const float* W,
                                                  std::size_t P, Activation y_activation, const ConvolutionShape& s,
                                                  int R, int N, MathStream stream) {
    if (!is_valid(s, R, N) || !is_possible(y_activation)) return {kInvalidValue};
    return product<Along::kFast>(forward_work(dx, W, P, s, N), R,
                                 PixelMask{dy, y, N * s.y_size(), y_activation == Activation::kRelu, s.y_channels},
                                 stream);
}

}  // namespace warpvae

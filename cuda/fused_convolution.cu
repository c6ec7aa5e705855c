#include "cuda/fused_convolution.cuh"

#include "cuda/ops/fused_convolution.h"

namespace warpvae {
namespace {

/// Whether a product with these filters is the adjoint.
template <class Filters>
constexpr bool is_adjoint = std::is_same_v<Filters, FilterColumns>;

bool is_possible(Activation activation) { return activation == Activation::kNone || activation == Activation::kRelu; }

/// Adds the product of windows of `in`, wide as x, with the filters of a layer. `epilogue` takes it.
template <class Epilogue>
void add(ConvolutionWork<Operand, Epilogue>& work, const float* in, const float* W, const ConvolutionShape& s, int N,
         const Epilogue& epilogue) {
    const WindowRows windows(windows_of_x(in, s, N));
    work.columns = s.y_channels;
    work.parts[work.count++] = {
        windows,
        {W, s.y_channels, windows.K},
        {windows.by_windows, windows.by_across, windows.count(), s.y_height(), s.y_width(), 1, 0, 0},
        0,
        work.layer_count};
    work.layers[work.layer_count++] = {N * s.x_size(), epilogue};
}

/// The adjoint: `in` is narrow as y.
template <class Epilogue>
void add(ConvolutionWork<FilterColumns, Epilogue>& work, const float* in, const float* W, const ConvolutionShape& s,
         int N, const Epilogue& epilogue) {
    work.columns = s.x_channels;
    for (int i = 0; i < s.stride * s.stride; ++i) {
        const PixelClass c(s, i);
        if (c.down <= 0 || c.across <= 0) continue;  // images smaller than the stride
        const WindowRows windows(windows_of_dy(in, s, c, N));
        work.parts[work.count++] = {
            windows,
            {W, s.y_channels, s.kernel, s.x_channels, s.stride, c.first_h, c.first_w, windows.K,
             FastDivisor(s.y_channels), windows.by_taps_w},
            {windows.by_windows, windows.by_across, windows.count(), s.x_height, s.x_width, s.stride, c.a, c.b},
            0,
            work.layer_count};
    }
    work.layers[work.layer_count++] = {N * s.y_size(), epilogue};
}

template <class Tile, class Filters, class Epilogue>
Status launch_tiles(ConvolutionWork<Filters, Epilogue> work, int R, MathStream stream) {
    int K = 0;
    for (int i = 0; i < work.count; ++i) {
        auto& part = work.parts[i];
        part.first_block = work.blocks;
        work.blocks += (part.pixels.count + Tile::kRows - 1) / Tile::kRows *
                       ((work.columns + Tile::kColumns - 1) / Tile::kColumns);
        K = part.windows.K > K ? part.windows.K : K;
    }
    const int owners = Tile::owners_for(K);
    return launch_dependent(
        convolution_kernel<Tile, Filters, Epilogue>,
        for_blocks(work.blocks, R, Block::fixed(owners * Tile::kGroupThreads), Tile::shared_bytes(K, owners)), stream,
        work);
}

/// As wide as the channels, and 64 rows where that leaves a tile for every multiprocessor; fewer rows share the slices
/// of K among more warps. It changes no bit of the result.
template <class Filters, class Epilogue>
Status product(const ConvolutionWork<Filters, Epilogue>& work, int R, MathStream stream) {
    std::size_t rows = 0;
    for (int i = 0; i < work.count; ++i) rows += work.parts[i].pixels.count;
    const auto is_large = [&](int columns) {
        const DenseTileSize wanted = launch_options().dense_tile;
        if (wanted != DenseTileSize::kBySize) return wanted != DenseTileSize::kSmall;
        return rows / 64 * ((work.columns + columns - 1) / columns) * R >= std::size_t(device_parallelism());
    };
    constexpr Along fast = Along::kFast, filters = is_adjoint<Filters> ? Along::kSlow : Along::kFast;
    if (work.columns <= 8)
        return is_large(8) ? launch_tiles<DenseTile<fast, filters, 4, 1, 2, 1>>(work, R, stream)
                           : launch_tiles<DenseTile<fast, filters, 1, 1, 8, 1>>(work, R, stream);
    if (work.columns <= 16)
        return is_large(16) ? launch_tiles<DenseTile<fast, filters, 4, 1, 2, 2>>(work, R, stream)
                            : launch_tiles<DenseTile<fast, filters, 1, 1, 8, 2>>(work, R, stream);
    if (work.columns > 32 && is_large(64)) return launch_tiles<DenseTile<fast, filters, 4, 2, 1>>(work, R, stream);
    return is_large(32) ? launch_tiles<DenseTile<fast, filters, 4, 1, 2>>(work, R, stream)
                        : launch_tiles<DenseTile<fast, filters, 1, 1, 8>>(work, R, stream);
}

/// `add_layer(work, layer)` for each of the layers, in as few launches as hold them.
template <class Filters, class Epilogue, class Layers, class AddLayer>
Status launch_layers(const Layers& layers, std::size_t P, Activation activation, const ConvolutionShape& s, int R,
                     MathStream stream, AddLayer add_layer) {
    using Work = ConvolutionWork<Filters, Epilogue>;
    if (R < 0 || !s.is_sound() || !is_possible(activation)) return {kInvalidValue};
    for (const auto& layer : layers)
        if (layer.N < 0 || !fused_convolution_fits(s, layer.N)) return {kInvalidValue};
    const int most_parts = is_adjoint<Filters> ? s.stride * s.stride : 1;  // of a layer
    Work work;
    Status status;
    const auto flush = [&] {
        work.P = P, work.is_exact = stream.is_exact();
        if (status.ok()) status = product(work, R, stream);
        work = Work();
    };
    for (const auto& layer : layers) {
        if (work.layer_count == Work::kMostLayers || work.count + most_parts > Work::kMostParts) flush();
        add_layer(work, layer);
    }
    if (work.layer_count) flush();
    return status;
}

/// The result's channels, and its numbers of an image.
template <class Filters>
int channels_of_result(const ConvolutionShape& s) {
    return is_adjoint<Filters> ? s.x_channels : s.y_channels;
}
template <class Filters>
std::size_t size_of_result(const ConvolutionShape& s) {
    return is_adjoint<Filters> ? s.x_size() : s.y_size();
}

template <class Filters>
Status forward(const std::vector<ConvolutionForward>& layers, std::size_t P, Activation activation,
               const ConvolutionShape& s, int R, MathStream stream) {
    return launch_layers<Filters, PixelBias>(layers, P, activation, s, R, stream, [&](auto& work, const auto& layer) {
        add(work, layer.in, layer.W, s, layer.N,
            PixelBias{layer.out, layer.b, layer.N * size_of_result<Filters>(s), P, activation == Activation::kRelu,
                      channels_of_result<Filters>(s)});
    });
}

template <class Filters>
Status backward_data(const std::vector<ConvolutionBackwardData>& layers, std::size_t P, Activation in_activation,
                     const ConvolutionShape& s, int R, MathStream stream) {
    return launch_layers<Filters, PixelMask>(
        layers, P, in_activation, s, R, stream, [&](auto& work, const auto& layer) {
            add(work, layer.d_out, layer.W, s, layer.N,
                PixelMask{layer.d_in, layer.in, layer.N * size_of_result<Filters>(s),
                          in_activation == Activation::kRelu, channels_of_result<Filters>(s)});
        });
}

static_assert(sizeof(ConvolutionWork<FilterColumns, PixelBias>) <= 4096, "what a kernel's parameters may take");

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

Status fused_convolution_forward(const std::vector<ConvolutionForward>& layers, std::size_t P, Activation activation,
                                 const ConvolutionShape& s, int R, MathStream stream) {
    return forward<Operand>(layers, P, activation, s, R, stream);
}

Status fused_convolution_backward_data(const std::vector<ConvolutionBackwardData>& layers, std::size_t P,
                                       Activation in_activation, const ConvolutionShape& s, int R, MathStream stream) {
    return backward_data<FilterColumns>(layers, P, in_activation, s, R, stream);
}

Status fused_transposed_convolution_forward(const std::vector<ConvolutionForward>& layers, std::size_t P,
                                            Activation activation, const ConvolutionShape& s, int R,
                                            MathStream stream) {
    return forward<FilterColumns>(layers, P, activation, s, R, stream);
}

Status fused_transposed_convolution_backward_data(const std::vector<ConvolutionBackwardData>& layers, std::size_t P,
                                                  Activation in_activation, const ConvolutionShape& s, int R,
                                                  MathStream stream) {
    return backward_data<Operand>(layers, P, in_activation, s, R, stream);
}

}  // namespace warpvae

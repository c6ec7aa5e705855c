// Convolutions as products of matrices that are nowhere in memory (convolution_operands.cuh), with bias and ReLU, or
// the derivative of a ReLU, in the epilogue.
//
//   forward           y  = relu(x * W + b)              one product
//   gradient to x     dx = (dy * W adjoint) (x > 0)     one product for each class of pixels, one launch
//
// A transposed convolution is the adjoint with bias and ReLU, and its gradient to y is the forward without bias.
// Several layers of one shape, each on images of its own, are one launch: together they fill a GPU that one alone
// leaves half empty.
//
// All is float, channels last. x [R, N, H, W, C], y [R, N, H', W', O]; W [O, k, k, C] and b of replica r at stride P.
//
// Contract: block fixed (DenseTile); one block per tile, the replica along y. Each window is read once for every tile
// of columns, through the multiprocessor's cache, which windows that overlap share. Dynamic shared memory as
// DenseTile says. Deterministic; a replica's bits depend on nothing beside it.
#pragma once
#include "cuda/activation.cuh"
#include "cuda/convolution_operands.cuh"
#include "cuda/dense_tile.cuh"

namespace warpvae {

/// The pixels that a product's rows are: row (n, down, across) of the windows is pixel (n, down step + a, across step +
/// b) of images of height x width.
struct PixelRows {
    FastDivisor by_windows, by_across;
    int count;  ///< rows
    int height, width, step, a, b;
    __device__ std::size_t pixel(int row) const {
        int n, rest, down, across;
        by_windows.divide(row, n, rest);
        by_across.divide(rest, down, across);
        return (std::size_t(n) * height + down * step + a) * width + across * step + b;
    }
};

/// What one launch does: for each of several layers of the same shape a product for each class of pixels.
template <class Filters, class Epilogue>
struct ConvolutionWork {
    static constexpr int kMostParts = 12, kMostLayers = 4;
    struct Part {
        WindowRows windows;
        Filters filters;
        PixelRows pixels;
        int first_block, layer;  ///< blocks before this part's; whose it is
    };
    struct Layer {
        std::size_t images_stride;  ///< between replicas
        Epilogue epilogue;
    };
    Part parts[kMostParts];
    Layer layers[kMostLayers];
    int count = 0, layer_count = 0, blocks = 0, columns = 0;  ///< parts; columns: channels of the result
    bool is_exact = true;
    std::size_t P = 0;  ///< between replicas' weights
};

template <class Tile, class Filters, class Epilogue>
__global__ void __launch_bounds__(Tile::kMostThreads, 1)
    convolution_kernel(const __grid_constant__ ConvolutionWork<Filters, Epilogue> work) {
    int i = work.count - 1;
    while (int(blockIdx.x) < work.parts[i].first_block) --i;
    const auto& part = work.parts[i];
    const auto& layer = work.layers[part.layer];
    const int r = blockIdx.y, block = blockIdx.x - part.first_block,
              across = (work.columns + Tile::kColumns - 1) / Tile::kColumns;
    const int row0 = block / across * Tile::kRows, column0 = block % across * Tile::kColumns;
    WindowRows windows = part.windows;
    Filters filters = part.filters;
    windows.data += r * layer.images_stride, filters.data += r * work.P;
    const float* const tile = Tile::sum(windows, filters, row0, column0, work.is_exact, [] {});
    layer.epilogue.template finish<Tile>(r, tile, row0, column0, part.pixels);
}

/// y = tile + b at the pixels, with or without a ReLU.
struct PixelBias {
    float* y;
    const float* b;
    std::size_t y_stride, P;
    bool relu;
    int channels;
    template <class Tile>
    __device__ void finish(int r, const float* tile, int row0, int column0, const PixelRows& pixels) const {
        for_quads<Tile>(tile, row0, column0, pixels.count, channels, [&](int row, int column, float(&v)[4], int count) {
            if (!count) return;
            float bias[4] = {};
            read_quad(bias, b + r * P + column, count);
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                v[i] += bias[i];
                if (relu) v[i] = ReluActivation::forward(v[i]);
            }
            store_quad(y + r * y_stride + pixels.pixel(row) * channels + column, v, count);
        });
    }
};

/// dx = tile at the pixels, or where `relu`, and so x is a ReLU's output, (x > 0) tile.
struct PixelMask {
    float* dx;
    const float* x;
    std::size_t x_stride;
    bool relu;
    int channels;
    template <class Tile>
    __device__ void finish(int r, const float* tile, int row0, int column0, const PixelRows& pixels) const {
        for_quads<Tile>(tile, row0, column0, pixels.count, channels, [&](int row, int column, float(&v)[4], int count) {
            if (!count) return;
            const std::size_t at = r * x_stride + pixels.pixel(row) * channels + column;
            if (relu) {
                float output[4] = {};
                read_quad(output, x + at, count);
#pragma unroll
                for (int i = 0; i < 4; ++i) v[i] = ReluActivation::backward(v[i], output[i]);
            }
            store_quad(dx + at, v, count);
        });
    }
};

}  // namespace warpvae

// Convolutions on the CPU device: oneDNN, one thread per call. The cores share fixed tiles of a replica's batch, so
// that results depend on one replica's shape only. oneDNN has no doubles: for these the windows are unfolded into rows,
// which matrix products take. That is for gradient checks, and to check oneDNN in the tests.
#include <algorithm>
#include <map>
#include <mutex>
#include <tuple>
#include <vector>

#include "cuda/device/buffer.h"
#include "cuda/device/cpu_pool.h"
#include "cuda/onednn_cpu.h"
#include "cuda/ops/convolution.h"

namespace warpvae {
namespace {

using cpu::OneDnnCall;
using dnnl::memory;

constexpr int kTileImages = 16;  ///< images of one call, but for weight gradients
constexpr int kWeightTiles = 4;  ///< partial weight gradients of a replica, at most
constexpr int kBlock = 4;        ///< pixels a side of those that run_blocks makes at once

enum class Pass { kForward, kBackwardData, kBackwardWeights };

const dnnl::engine& cpu_engine() {
    static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    return engine;
}
dnnl::stream& thread_stream() {
    static thread_local dnnl::stream stream(cpu_engine());
    return stream;
}
memory memory_at(const memory::desc& description, const void* data) {
    return memory(description, cpu_engine(), const_cast<void*>(data));
}

/// W as callers have it: [y_channels, kernel, kernel, x_channels].
memory::desc weights_desc(const ConvolutionShape& s) {
    return {{s.y_channels, s.x_channels, s.kernel, s.kernel}, memory::data_type::f32, memory::format_tag::ohwi};
}

/// One pass of one shape over so many images, ready to run.
struct Plan {
    dnnl::primitive run;
    dnnl::reorder reorder;  ///< weights from our order to the library's; of weight gradients, back
    memory::desc x, y, weights, scratchpad;
    std::size_t packed_bytes() const { return (weights.get_size() + 255) / 256 * 256; }
    /// x, y: that many images of each; packed: weights in the library's order.
    void operator()(Pass pass, const float* x_data, const float* y_data, const void* packed) const;
};

template <class Descriptor>
Plan finished_plan(const Descriptor& descriptor) {
    Plan plan;
    plan.scratchpad = descriptor.scratchpad_desc();
    plan.run = dnnl::primitive(descriptor);
    return plan;
}

Plan make_plan(Pass pass, const ConvolutionShape& s, int images) {
    const OneDnnCall call;
    const auto f32 = memory::data_type::f32;
    const memory::desc x({images, s.x_channels, s.x_height, s.x_width}, f32, memory::format_tag::nhwc);
    const memory::desc y({images, s.y_channels, s.y_height(), s.y_width()}, f32, memory::format_tag::nhwc);
    const memory::desc ours = weights_desc(s), weights(ours.dims(), f32, memory::format_tag::any);
    const memory::dims stride = {s.stride, s.stride}, padding = {s.padding, s.padding};
    // Pixels beyond the last window at the right and bottom edge are in no sum: less padding there.
    const auto far = [&](int in, int out) { return memory::dim((out - 1) * s.stride + s.kernel - in - s.padding); };
    const memory::dims padding_far = {far(s.x_height, s.y_height()), far(s.x_width, s.y_width())};
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const auto direct = dnnl::algorithm::convolution_direct;
    const dnnl::convolution_forward::primitive_desc forward(
        {dnnl::prop_kind::forward_training, direct, x, weights, y, stride, padding, padding_far}, attributes,
        cpu_engine());
    Plan plan;
    memory::desc packed;
    if (pass == Pass::kForward) {
        plan = finished_plan(forward);
        packed = forward.weights_desc();
    } else if (pass == Pass::kBackwardData) {
        const dnnl::convolution_backward_data::primitive_desc backward(
            {direct, x, weights, y, stride, padding, padding_far}, attributes, cpu_engine(), forward);
        plan = finished_plan(backward);
        packed = backward.weights_desc();
    } else {
        const dnnl::convolution_backward_weights::primitive_desc backward(
            {direct, x, weights, y, stride, padding, padding_far}, attributes, cpu_engine(), forward);
        plan = finished_plan(backward);
        packed = backward.diff_weights_desc();
    }
    const bool unpack = pass == Pass::kBackwardWeights;
    plan.reorder = dnnl::reorder(
        dnnl::reorder::primitive_desc(cpu_engine(), unpack ? packed : ours, cpu_engine(), unpack ? ours : packed));
    plan.x = x, plan.y = y, plan.weights = packed;
    return plan;
}

void Plan::operator()(Pass pass, const float* x_data, const float* y_data, const void* packed) const {
    const OneDnnCall call;
    static thread_local std::vector<double> scratch;  // thread_local: a plan runs on several cores at once
    scratch.resize(std::max(scratch.size(), scratchpad.get_size() / sizeof(double) + 8));
    void* aligned = scratch.data();
    std::size_t room = scratch.size() * sizeof(double);
    std::align(64, scratchpad.get_size(), aligned, room);
    const bool data = pass == Pass::kBackwardData, forward = pass == Pass::kForward;
    run.execute(thread_stream(),
                {{data ? DNNL_ARG_DIFF_SRC : DNNL_ARG_SRC, memory_at(x, x_data)},
                 {forward ? DNNL_ARG_DST : DNNL_ARG_DIFF_DST, memory_at(y, y_data)},
                 {forward || data ? DNNL_ARG_WEIGHTS : DNNL_ARG_DIFF_WEIGHTS, memory_at(weights, packed)},
                 {DNNL_ARG_SCRATCHPAD, memory_at(scratchpad, aligned)}});
}

using Key = std::tuple<Pass, int, int, int, int, int, int, int, int>;

bool is_valid(const ConvolutionShape& shape, int R, int N) { return R >= 0 && N >= 0 && shape.is_sound(); }

}  // namespace

struct Convolver::Impl {
    Stream stream;
    Matmul matmul;
    std::map<Key, Plan> plans;
    DeviceBuffer<unsigned char> packed;  ///< weights in the library's order
    DeviceBuffer<float> blocks;          ///< of run_blocks: widened weights, then pixels block by block
    DeviceBuffer<double> unfolded;

    const Plan& plan(Pass pass, const ConvolutionShape& s, int images) {
        const Key key{pass, s.x_channels, s.x_height, s.x_width, s.y_channels, s.kernel, s.stride, s.padding, images};
        const auto found = plans.find(key);
        return found != plans.end() ? found->second : plans.emplace(key, make_plan(pass, s, images)).first->second;
    }
    unsigned char* room(std::size_t bytes) {
        if (packed.size() < bytes) packed = DeviceBuffer<unsigned char>(bytes, "packed weights");
        return packed.data();
    }
};

Convolver::Convolver(Stream stream, Math math) : impl_(new Impl{stream, Matmul(stream, math), {}, {}, {}, {}}) {}
Convolver::~Convolver() { delete impl_; }
Stream Convolver::stream() const { return impl_->stream; }
Math Convolver::math() const { return impl_->matmul.math(); }

namespace {

/// Forward and backward-data, image by image independent: the batch in tiles of kTileImages, the last one smaller.
Status run_images(Convolver::Impl& impl, Pass pass, const float* x, const float* y, const float* W, std::size_t P,
                  const ConvolutionShape& shape, int R, int N) {
    const int whole = N / kTileImages, tail = N % kTileImages, tiles = whole + (tail > 0);
    const Plan* plans[2] = {whole ? &impl.plan(pass, shape, kTileImages) : nullptr,
                            tail ? &impl.plan(pass, shape, tail) : nullptr};
    std::size_t bytes[2];
    for (int i = 0; i < 2; ++i) bytes[i] = plans[i] ? plans[i]->packed_bytes() : 0;
    unsigned char* packed = impl.room(R * (bytes[0] + bytes[1]));
    unsigned char* packed_of[2] = {packed, packed + R * bytes[0]};
    cpu::DeviceAccess access;
    cpu::parallel_for(std::size_t(R) * 2, [&](std::size_t item) {
        const std::size_t r = item / 2, i = item % 2;
        if (!plans[i]) return;
        const OneDnnCall call;
        memory from = memory_at(weights_desc(shape), W + r * P);
        memory to = memory_at(plans[i]->weights, packed_of[i] + r * bytes[i]);
        dnnl::reorder(plans[i]->reorder).execute(thread_stream(), from, to);
    });
    cpu::parallel_for(std::size_t(R) * tiles, [&](std::size_t item) {
        const std::size_t r = item / tiles, tile = item % tiles, image = r * N + tile * kTileImages;
        const int i = int(tile) < whole ? 0 : 1;
        (*plans[i])(pass, x + image * shape.x_size(), y + image * shape.y_size(), packed_of[i] + r * bytes[i]);
    });
    return {};
}

/// Whether run_blocks saves work: the library makes y's channels 16 at a time.
bool wants_blocks(Pass pass, const ConvolutionShape& s) {
    return pass == Pass::kForward && s.stride == 1 && s.y_channels <= 4 && s.y_height() % kBlock == 0 &&
           s.y_width() % kBlock == 0;
}
/// The forward to few channels, such as an image's. Each block of kBlock x kBlock pixels of y is made as if it were the
/// channels of one pixel, from the one window that holds the windows of all:
///   W'[(a, b, o), i, j, c] = W[o, i - a, j - b, c]
Status run_blocks(Convolver::Impl& impl, const float* x, float* y, const float* W, std::size_t P,
                  const ConvolutionShape& s, int R, int N) {
    constexpr int B = kBlock;
    const int k = s.kernel, K = k + B - 1, C = s.y_channels;
    const ConvolutionShape wide{s.x_channels, s.x_height, s.x_width, B * B * C, K, B, s.padding};
    const std::size_t weights = wide.weights(), row = std::size_t(s.y_width()) * C;
    const std::size_t size = R * (weights + N * s.y_size());
    if (impl.blocks.size() < size) impl.blocks = DeviceBuffer<float>(size, "blocks of pixels");
    float *wide_W = impl.blocks.data(), *blocks = wide_W + R * weights;
    cpu::DeviceAccess access;
    cpu::parallel_for(R, [&](std::size_t r) {
        float* to = std::fill_n(wide_W + r * weights, weights, 0.f) - weights;
        for (int a = 0; a < B; ++a)
            for (int b = 0; b < B; ++b)
                for (int o = 0; o < C; ++o, to += K * K * s.x_channels)
                    for (int i = 0; i < k; ++i)
                        std::copy_n(W + r * P + (o * k + i) * k * s.x_channels, k * s.x_channels,
                                    to + ((a + i) * K + b) * s.x_channels);
    });
    const Status status = run_images(impl, Pass::kForward, x, blocks, wide_W, weights, wide, R, N);
    cpu::parallel_for(std::size_t(R) * N, [&](std::size_t n) {
        const float* from = blocks + n * s.y_size();
        for (int h = 0; h < s.y_height(); h += B)
            for (int w = 0; w < s.y_width(); w += B)
                for (int a = 0; a < B; ++a, from += B * C)
                    std::copy_n(from, B * C, y + n * s.y_size() + (h + a) * row + w * C);
    });
    return status;
}

/// Partial sums over kWeightTiles parts of the batch, added in their order.
///
/// The library takes y's channels 16 at a time. Where x has more of them and the stride is 1, x and y change places:
/// dW[o, i, j, c] is the gradient at [c, k - 1 - i, k - 1 - j, o] of a convolution from y to x.
Status run_weights(Convolver::Impl& impl, float* dW, const float* dy, const float* x, std::size_t P,
                   const ConvolutionShape& given, int R, int N) {
    const bool swap = given.stride == 1 && given.y_channels < std::min(given.x_channels, 16);
    const int k = given.kernel, window = k * k;
    const ConvolutionShape shape =
        swap ? ConvolutionShape{given.y_channels,     given.y_height(), given.y_width(), given.x_channels, k, 1,
                                k - 1 - given.padding}
             : given;
    if (swap) std::swap(x, dy);
    const Pass pass = Pass::kBackwardWeights;
    const int length = std::max(kTileImages, (N + kWeightTiles - 1) / kWeightTiles), tiles = (N + length - 1) / length;
    const Plan& plan = impl.plan(pass, shape, std::min(length, N));
    const Plan& last = impl.plan(pass, shape, N - (tiles - 1) * length);
    if (plan.weights != last.weights) return {kInvalidValue};  // not seen: the order follows the channels alone
    const std::size_t bytes = plan.packed_bytes();
    unsigned char* packed = impl.room(std::size_t(R) * tiles * bytes);
    cpu::DeviceAccess access;
    cpu::parallel_for(std::size_t(R) * tiles, [&](std::size_t item) {
        const std::size_t r = item / tiles, tile = item % tiles, image = r * N + tile * length;
        (int(tile) + 1 < tiles ? plan : last)(pass, x + image * shape.x_size(), dy + image * shape.y_size(),
                                              packed + item * bytes);
    });
    const std::size_t floats = bytes / sizeof(float), chunk = 4096, chunks = (floats + chunk - 1) / chunk;
    if (tiles > 1)
        cpu::parallel_for(std::size_t(R) * chunks, [&](std::size_t item) {
            float* sum = reinterpret_cast<float*>(packed + item / chunks * tiles * bytes);
            const std::size_t first = item % chunks * chunk, end = std::min(first + chunk, floats);
            for (int tile = 1; tile < tiles; ++tile)
                for (std::size_t i = first; i < end; ++i) sum[i] += sum[tile * floats + i];
        });
    cpu::parallel_for(R, [&](std::size_t r) {
        const OneDnnCall call;
        float* out = dW + r * P;
        std::vector<float> swapped(swap ? shape.weights() : 0);
        memory from = memory_at(plan.weights, packed + r * tiles * bytes);
        memory to = memory_at(weights_desc(shape), swap ? swapped.data() : out);
        dnnl::reorder(plan.reorder).execute(thread_stream(), from, to);
        for (std::size_t i = 0; i < swapped.size(); ++i) {
            const std::size_t o = i % shape.x_channels, tap = i / shape.x_channels % window,
                              c = i / shape.x_channels / window;
            out[((o + 1) * window - 1 - tap) * shape.y_channels + c] = swapped[i];
        }
    });
    return {};
}

/// Calls body(x element, row element) for all windows of one image: a row is a pixel of y, its elements the window's
/// (i, j, channel), as weights run. Elements outside the image are left out.
template <class Body>
void for_windows(const ConvolutionShape& s, Body body) {
    const int k = s.kernel;
    for (int row = 0; row < s.y_height() * s.y_width(); ++row)
        for (int i = 0; i < k; ++i)
            for (int j = 0; j < k; ++j) {
                const int h = row / s.y_width() * s.stride + i - s.padding,
                          w = row % s.y_width() * s.stride + j - s.padding;
                if (h < 0 || h >= s.x_height || w < 0 || w >= s.x_width) continue;
                const std::size_t pixel = std::size_t(h) * s.x_width + w, tap = (std::size_t(row) * k + i) * k + j;
                for (int c = 0; c < s.x_channels; ++c) body(pixel * s.x_channels + c, tap * s.x_channels + c);
            }
}

Status run(Convolver::Impl& impl, Pass pass, float* x, float* y, float* W, std::size_t P, const ConvolutionShape& shape,
           int R, int N) {
    return pass == Pass::kBackwardWeights ? run_weights(impl, W, y, x, P, shape, R, N)
           : wants_blocks(pass, shape)    ? run_blocks(impl, x, y, W, P, shape, R, N)
                                          : run_images(impl, pass, x, y, W, P, shape, R, N);
}

Status run(Convolver::Impl& impl, Pass pass, double* x, double* y, double* W, std::size_t P,
           const ConvolutionShape& shape, int R, int N) {
    const int window = shape.x_channels * shape.kernel * shape.kernel, out = shape.y_channels;
    const int rows = N * shape.y_height() * shape.y_width();
    const std::size_t image = shape.y_height() * shape.y_width() * std::size_t(window);
    const std::size_t unfolded = std::size_t(rows) * window, y_stride = std::size_t(rows) * out;
    if (impl.unfolded.size() < R * unfolded) impl.unfolded = DeviceBuffer<double>(R * unfolded, "unfolded images");
    double* u = impl.unfolded.data();
    const Matmul& context = impl.matmul;
    if (pass == Pass::kBackwardData) {
        const Status status =
            matmul<double>(context, u, unfolded, Op::kNone, y, y_stride, Op::kNone, W, P, R, rows, window, out);
        cpu::DeviceAccess access;
        cpu::parallel_for(std::size_t(R) * N, [&](std::size_t n) {
            double* to = x + n * shape.x_size();
            std::fill_n(to, shape.x_size(), 0.);
            for_windows(shape, [&](std::size_t pixel, std::size_t i) { to[pixel] += u[n * image + i]; });
        });
        return status;
    }
    {
        cpu::DeviceAccess access;
        cpu::parallel_for(std::size_t(R) * N, [&](std::size_t n) {
            const double* from = x + n * shape.x_size();
            std::fill_n(u + n * image, image, 0.);
            for_windows(shape, [&](std::size_t pixel, std::size_t i) { u[n * image + i] = from[pixel]; });
        });
    }
    if (pass == Pass::kForward)
        return matmul<double>(context, y, y_stride, Op::kNone, u, unfolded, Op::kTranspose, W, P, R, rows, out, window);
    return matmul<double>(context, W, P, Op::kTranspose, y, y_stride, Op::kNone, u, unfolded, R, out, window, rows);
}

/// All calls come through here: an error of the library becomes a DeviceError that names the shape.
template <class T>
Status convolve(const Convolver& convolver, Pass pass, const T* x, const T* y, const T* W, std::size_t P,
                const ConvolutionShape& shape, int R, int N) {
    if (!is_valid(shape, R, N)) return {kInvalidValue};
    if (R == 0) return {};
    if (N == 0) {
        if (pass != Pass::kBackwardWeights) return {};
        for (int r = 0; r < R; ++r)
            if (const Status s = fill_bytes(const_cast<T*>(W) + r * P, 0, shape.weights() * sizeof(T)); !s.ok())
                return s;
        return {};
    }
    try {
        return run(convolver.impl(), pass, const_cast<T*>(x), const_cast<T*>(y), const_cast<T*>(W), P, shape, R, N);
    } catch (const dnnl::error& error) {
        throw DeviceError(convolution_library() + " cannot convolve " + std::to_string(shape.x_channels) +
                          " channels of " + std::to_string(shape.x_height) + " x " + std::to_string(shape.x_width) +
                          " pixels to " + std::to_string(shape.y_channels) + " channels: " + error.what());
    }
}

}  // namespace

template <class T>
Status convolution_forward(const Convolver& convolver, T* y, const T* x, const T* W, std::size_t P,
                           const ConvolutionShape& shape, int R, int N) {
    return convolve<T>(convolver, Pass::kForward, x, y, W, P, shape, R, N);
}
template <class T>
Status convolution_backward_data(const Convolver& convolver, T* dx, const T* dy, const T* W, std::size_t P,
                                 const ConvolutionShape& shape, int R, int N) {
    return convolve<T>(convolver, Pass::kBackwardData, dx, dy, W, P, shape, R, N);
}
template <class T>
Status convolution_backward_weights(const Convolver& convolver, T* dW, const T* dy, const T* x, std::size_t P,
                                    const ConvolutionShape& shape, int R, int N) {
    return convolve<T>(convolver, Pass::kBackwardWeights, x, dy, dW, P, shape, R, N);
}

#define WARPVAE_INSTANTIATE(T)                                                                          \
    template Status convolution_forward(const Convolver&, T*, const T*, const T*, std::size_t,          \
                                        const ConvolutionShape&, int, int);                             \
    template Status convolution_backward_data(const Convolver&, T*, const T*, const T*, std::size_t,    \
                                              const ConvolutionShape&, int, int);                       \
    template Status convolution_backward_weights(const Convolver&, T*, const T*, const T*, std::size_t, \
                                                 const ConvolutionShape&, int, int);
WARPVAE_INSTANTIATE(float)
WARPVAE_INSTANTIATE(double)
#undef WARPVAE_INSTANTIATE

}  // namespace warpvae

// Where the numbers of a convolution lie when it is written as a product of matrices (dense_tile.cuh): none of these
// matrices exists in memory, a tile's loads find their elements in the images and in the filters.
//
//   x [N, H, W, C], y [N, H', W', O], filters [O, k, k, C], a window is a y pixel's k x k pixels of x; s: the stride
//
//   y  = windows of x [N H' W', k k C]  times the filters [k k C, O]                   WindowRows, Operand
//   dx = windows of dy, by classes      times filters [taps O, C]                      WindowRows, FilterColumns
//   dW = windows of x [k k C, N H' W']  times dy [N H' W', O], transposed              WindowColumns, Operand
//
// An x pixel (h, w) is in a window at tap (i, j) where h + p - i is a multiple of s. So the x pixels with the same
// h mod s and w mod s, a class, share their taps, and dx of a class is itself a convolution of dy, with fewer taps and
// stride 1: no product with a zero between dy's pixels is made. With s = 1 there is one class.
#pragma once
#include <type_traits>

#include "cuda/dense_tile.cuh"
#include "cuda/device/fast_divisor.cuh"
#include "cuda/ops/convolution.h"

namespace warpvae {

/// Windows over images [N, height, width, channels]: `down` x `across` of them an image, each of taps_h x taps_w
/// pixels. Pixel (i, j) of window (h, w) is (h step + origin_h + i direction, w step + origin_w + j direction) of the
/// image, 0 where there is none. At most 2^31 - 1 numbers in all images.
struct Windows {
    const float* data = nullptr;
    int N = 0, height = 0, width = 0, channels = 0;
    int down = 0, across = 0, step = 1, origin_h = 0, origin_w = 0, direction = 1, taps_h = 0, taps_w = 0;
    FastDivisor by_channels, by_taps_w, by_across, by_windows;  ///< of an image

    WARPVAE_HOST_DEVICE int count() const { return N * down * across; }
    WARPVAE_HOST_DEVICE int numbers() const { return taps_h * taps_w * channels; }  ///< of a window
    WARPVAE_HOST_DEVICE void prepare() {
        by_channels = FastDivisor(channels), by_taps_w = FastDivisor(taps_w > 0 ? taps_w : 1);
        by_across = FastDivisor(across), by_windows = FastDivisor(down * across);
    }

    /// Where a window begins, and how to tell which of its pixels are inside of the image.
    struct Place {
        int h, w, offset;  ///< of its first pixel; offset in numbers, from `data`
    };
    __device__ Place place(int window) const {
        int n, rest, h, w;
        by_windows.divide(window, n, rest);
        by_across.divide(rest, h, w);
        h = h * step + origin_h, w = w * step + origin_w;
        return {h, w, ((n * height + h) * width + w) * channels};
    }
    /// Number k of a window: its pixel's distance from the window's first, and its own distance in memory.
    __device__ Place number(int k) const {
        int tap, c, i, j;
        by_channels.divide(k, tap, c);
        by_taps_w.divide(tap, i, j);
        return {i * direction, j * direction, (i * width + j) * direction * channels + c};
    }
    __device__ bool has(const Place& place, const Place& number) const {
        return unsigned(place.h + number.h) < unsigned(height) && unsigned(place.w + number.w) < unsigned(width);
    }
    /// Whether four numbers from a multiple of 4 on are neighbours in memory, 16-byte aligned.
    __device__ bool in_quads() const { return channels % 4 == 0 && detail::is_quad_aligned(data); }
};

/// Line: a window. K: its numbers, channels fastest.
struct WindowRows : Windows {
    int K = 0;
    WindowRows() = default;
    WARPVAE_HOST_DEVICE explicit WindowRows(const Windows& windows) : Windows(windows), K(windows.numbers()) {}

    template <Along along, int kLines, int kThreads>
    class Reader {
        using C = Chunk<along, kLines>;
        using Share = ChunkShare<C, kThreads>;
        static_assert(along == Along::kFast);

      public:
        __device__ Reader(const WindowRows& from, int line0, int thread)
            : from_(from), top_(Share::top(thread)), across_(Share::across(thread)) {
            const int count = from.count();
#pragma unroll
            for (int i = 0; i < Share::kQuads; ++i) {
                const int line = line0 + top_ + i * Share::kStep;
                places_[i] = from.place(line < count ? line : 0);
                if (line >= count) places_[i].h = kOutside;
            }
        }
        __device__ void load(AsyncCopies& copies, float* to, int k0, int k_end) const {
            float* const target = to + top_ * C::kPitch + across_;
            const int k = k0 + across_;
            if (from_.in_quads()) {
                load_column<16>(copies, target, k, k_end);
            } else {
#pragma unroll 1  // short code is worth more
                for (int j = 0; j < 4; ++j) load_column<4>(copies, target + j, k + j, k_end);
            }
        }

      private:
        static constexpr int kOutside = -(1 << 30);
        /// The number k of each of the thread's windows.
        template <int Bytes>
        __device__ void load_column(AsyncCopies& copies, float* target, int k, int k_end) const {
            const Place number = from_.number(k);
#pragma unroll
            for (int i = 0; i < Share::kQuads; ++i, target += Share::kStep * C::kPitch) {
                if (!Share::has(top_, i)) break;
                copies.begin_cached<Bytes>(target, from_.data + places_[i].offset + number.offset,
                                           k < k_end && from_.has(places_[i], number));
            }
        }
        const WindowRows& from_;
        int top_, across_;
        Place places_[Share::kQuads];
    };
};

/// Line: one number of a window, the same of all. K: the windows.
struct WindowColumns : Windows {
    int K, first;  ///< windows first to below first + K
    WARPVAE_HOST_DEVICE WindowColumns(const Windows& windows, int first_, int count)
        : Windows(windows), K(count), first(first_) {}

    template <Along along, int kLines, int kThreads>
    class Reader {
        using C = Chunk<along, kLines>;
        using Share = ChunkShare<C, kThreads>;
        static_assert(along == Along::kSlow);

      public:
        __device__ Reader(const WindowColumns& from, int line0, int thread)
            : from_(from), top_(Share::top(thread)), across_(Share::across(thread)) {
            const int line = line0 + across_, left = from.numbers() - line;
            numbers_ = left < 4 ? (left > 0 ? left : 0) : 4;
#pragma unroll
            for (int j = 0; j < 4; ++j) number_[j] = from.number(j < numbers_ ? line + j : 0);
        }
        __device__ void load(AsyncCopies& copies, float* to, int k0, int k_end) const {
            float* target = to + top_ * C::kPitch + across_;
#pragma unroll
            for (int i = 0; i < Share::kQuads; ++i, target += Share::kStep * C::kPitch) {
                if (!Share::has(top_, i)) break;
                const int k = k0 + top_ + i * Share::kStep;
                const Place place = from_.place(from_.first + k);
                const auto begin = [&](auto bytes, int j) {
                    copies.begin_cached<decltype(bytes)::value>(
                        target + j, from_.data + place.offset + number_[j].offset,
                        j < numbers_ && k < k_end && from_.has(place, number_[j]));
                };
                if (from_.in_quads())
                    begin(std::integral_constant<int, 16>(), 0);
                else
#pragma unroll
                    for (int j = 0; j < 4; ++j) begin(std::integral_constant<int, 4>(), j);
            }
        }

      private:
        const WindowColumns& from_;
        int top_, across_, numbers_;  // of the line's four
        Place number_[4];
    };
};

/// The filters that dx of one class is a product with. Line: a channel of x. K: the class's taps, and fastest the
/// channels of y. Tap (i, j) of the class is tap (first_h + i step, first_w + j step) of the kernel.
struct FilterColumns {
    const float* data;  ///< [outputs, kernel, kernel, channels]
    int outputs, kernel, channels, step, first_h, first_w, K;
    FastDivisor by_outputs, by_taps_w;

    template <Along along, int kLines, int kThreads>
    class Reader {
        using C = Chunk<along, kLines>;
        using Share = ChunkShare<C, kThreads>;
        static_assert(along == Along::kSlow);

      public:
        __device__ Reader(const FilterColumns& from, int line0, int thread)
            : from_(from),
              top_(Share::top(thread)),
              across_(Share::across(thread)),
              left_(from.channels - line0 - across_),
              wide_(from.channels % 4 == 0 && detail::is_quad_aligned(from.data)) {
            first_ = from.data + line0 + across_;
        }
        __device__ void load(AsyncCopies& copies, float* to, int k0, int k_end) const {
            float* target = to + top_ * C::kPitch + across_;
#pragma unroll
            for (int i = 0; i < Share::kQuads; ++i, target += Share::kStep * C::kPitch) {
                if (!Share::has(top_, i)) break;
                const int k = k0 + top_ + i * Share::kStep;
                int tap, o, down, right;
                from_.by_outputs.divide(k, tap, o);
                from_.by_taps_w.divide(tap, down, right);
                const float* const source =
                    first_ + ((std::size_t(o) * from_.kernel + from_.first_h + down * from_.step) * from_.kernel +
                              from_.first_w + right * from_.step) *
                                 from_.channels;
                if (wide_) {
                    copies.begin<16>(target, source, k < k_end && left_ > 0);
                } else {
#pragma unroll 1
                    for (int j = 0; j < 4; ++j) copies.begin<4>(target + j, source + j, k < k_end && j < left_);
                }
            }
        }

      private:
        const FilterColumns& from_;
        const float* first_;
        int top_, across_, left_;
        bool wide_;
    };
};

/// The windows of x that y's pixels are.
WARPVAE_HOST_DEVICE inline Windows windows_of_x(const float* x, const ConvolutionShape& s, int N) {
    Windows w;
    w.data = x, w.N = N, w.height = s.x_height, w.width = s.x_width, w.channels = s.x_channels;
    w.down = s.y_height(), w.across = s.y_width(), w.step = s.stride;
    w.origin_h = w.origin_w = -s.padding;
    w.taps_h = w.taps_w = s.kernel;
    w.prepare();
    return w;
}

/// One class of x's pixels: (down s + a, right s + b) for all down and right that are inside.
struct PixelClass {
    int a, b, down, across;  ///< its pixels of an image: rows and columns
    int first_h, first_w;    ///< the first of its taps
    int taps_h, taps_w;
    WARPVAE_HOST_DEVICE PixelClass(const ConvolutionShape& s, int index)
        : a(index / s.stride),
          b(index % s.stride),
          down((s.x_height - a + s.stride - 1) / s.stride),
          across((s.x_width - b + s.stride - 1) / s.stride),
          first_h((a + s.padding) % s.stride),
          first_w((b + s.padding) % s.stride),
          taps_h(taps(s, first_h)),
          taps_w(taps(s, first_w)) {}
    static WARPVAE_HOST_DEVICE int taps(const ConvolutionShape& s, int first) {
        return first < s.kernel ? (s.kernel - first + s.stride - 1) / s.stride : 0;
    }
};
/// The windows of dy that the pixels of x in a class are.
WARPVAE_HOST_DEVICE inline Windows windows_of_dy(const float* dy, const ConvolutionShape& s, const PixelClass& c,
                                                 int N) {
    Windows w;
    w.data = dy, w.N = N, w.height = s.y_height(), w.width = s.y_width(), w.channels = s.y_channels;
    w.down = c.down, w.across = c.across;
    w.origin_h = (c.a + s.padding - c.first_h) / s.stride, w.origin_w = (c.b + s.padding - c.first_w) / s.stride;
    w.direction = -1, w.taps_h = c.taps_h, w.taps_w = c.taps_w;
    w.prepare();
    return w;
}

}  // namespace warpvae

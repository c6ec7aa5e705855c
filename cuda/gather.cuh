// A minibatch, gathered. The step number alone decides which images it has, by a stateless permutation, so resuming,
// graph replay and replicas need no other state. On the way bytes become floats; where asked for, each image has a
// random affine change, and its pixels are binarised at random.
//
//   order    a Feistel network over the bits of the index, cycle-walked into 0..count-1 (Black and Rogaway 2002): a
//            bijection for any keys. Four round keys from Philox(seed, kShuffle, epoch).
//   place    of row n at step first_step + t, in an order of `count` images:
//              kEpochs  (t mod ceil(count / batch)) batch + n,  epoch t / ceil(count / batch)
//              kCycle   (t batch + n) mod count,                epoch (t batch + n) / count
//              kSpread  floor((t mod steps) count / steps) + n, epoch t / steps
//   batch[r, first_row + n, :] = images[r][order of the epoch (place)] / 255, or that less a mean, times a scale
//
// Contract: one block per row, block any; deterministic; reads 1 and writes 4 bytes per pixel (four reads where images
// are augmented).
#pragma once
#include "cuda/bilinear.cuh"
#include "cuda/ops/minibatch.h"
#include "cuda/philox.cuh"

namespace warpvae {

/// Whether a step of `order` can have N rows, and whether the options describe an image. Launchers ask (gather.cu).
bool gives_rows(const MinibatchOrder& order, int N);
bool is_sound(const GatherOptions& options);

/// A permutation of 0..count-1.
class FeistelOrder {
  public:
    __device__ FeistelOrder(const Random4& keys, std::uint32_t count) : count_(count), keys_(keys) {
        int bits = 2;
        while ((std::uint64_t(1) << bits) < count) ++bits;
        low_bits_ = bits / 2;
        high_bits_ = bits - low_bits_;
    }
    /// The minibatch order of an epoch.
    __device__ FeistelOrder(std::uint64_t seed, std::uint64_t epoch, std::uint32_t count)
        : FeistelOrder(philox(seed, Purpose::kShuffle, epoch, 0), count) {}
    __device__ std::uint32_t operator()(std::uint32_t index) const {
        do index = permuted(index);
        while (index >= count_);
        return index;
    }

  private:
    __device__ static std::uint32_t mixed(std::uint32_t x) {  // MurmurHash3's finaliser
        x ^= x >> 16;
        x *= 0x85ebca6bu;
        x ^= x >> 13;
        x *= 0xc2b2ae35u;
        return x ^ x >> 16;
    }
    /// Two halves change each other in turn, eight times; each change can be undone, so the whole is a bijection.
    __device__ std::uint32_t permuted(std::uint32_t x) const {
        const std::uint32_t low_mask = (1u << low_bits_) - 1u, high_mask = (1u << high_bits_) - 1u;
        std::uint32_t low = x & low_mask, high = x >> low_bits_;
        for (int round = 0; round < 4; ++round) {
            const std::uint32_t key = keys_.v[round];
            high ^= mixed(low ^ key) & high_mask;
            low ^= mixed(high + key) & low_mask;
        }
        return high << low_bits_ | low;
    }
    std::uint32_t count_;
    int low_bits_, high_bits_;
    Random4 keys_;
};

/// The affine change of one image: where output pixel offsets from the centre read from (bilinear.cuh).
__device__ inline AffineMap augmentation_of(const Augmentation& a, std::uint64_t seed, std::uint64_t epoch,
                                            std::uint32_t image) {
    const Random4 r = philox(seed, Purpose::kAugment, epoch, image);
    const float turn = a.max_rotation / 360.f * (2.f * uniform_from(r.v[0]) - 1.f);
    const float scale = a.min_scale + (a.max_scale - a.min_scale) * uniform_from(r.v[1]);
    const float shift_x = a.max_translation * (2.f * uniform_from(r.v[2]) - 1.f);
    const float shift_y = a.max_translation * (2.f * uniform_from(r.v[3]) - 1.f);
    float sine, cosine;
    sincos_turn(turn < 0.f ? turn + 1.f : turn, sine, cosine);
    AffineMap map;  // counter-clockwise as displayed, y down
    map.a = cosine / scale, map.b = -sine / scale, map.tx = -(map.a * shift_x + map.b * shift_y);
    map.c = sine / scale, map.d = cosine / scale, map.ty = -(map.c * shift_x + map.d * shift_y);
    return map;
}

/// Row n of the minibatch of a step: the one place where a step number becomes an image.
struct MinibatchImage {
    std::uint32_t image;
    std::uint64_t epoch;
};
__device__ inline MinibatchImage minibatch_image(const MinibatchOrder& order, std::uint64_t seed, std::uint64_t step,
                                                 int n) {
    if (order.kind == MinibatchOrder::kRange) return {std::uint32_t(order.first_step) + n, order.first_epoch};
    const std::uint64_t count = order.count, local = step - order.first_step;
    std::uint64_t epoch, place;
    if (order.kind == MinibatchOrder::kCycle) {
        place = local * order.batch + n;
        epoch = place / count, place %= count;
    } else {
        const bool spread = order.kind == MinibatchOrder::kSpread;
        const std::uint64_t steps = spread ? order.steps : (count + order.batch - 1) / order.batch;
        const std::uint64_t s = local % steps;
        epoch = local / steps, place = (spread ? s * count / steps : s * order.batch) + n;
    }
    epoch += order.first_epoch;
    const FeistelOrder images(seed, epoch, std::uint32_t(count));
    return {images(std::uint32_t(place < count ? place : count - 1)), epoch};
}

/// x / 255 for a byte x. On a GPU without a division, and right in every bit (tests/kernel/gather_test.cu).
template <class T>
__device__ inline T unit_of(std::uint8_t byte) {
#ifdef __CUDACC__
    if constexpr (sizeof(T) == 4) {
        const float x = byte, quotient = x * (1.f / 255);
        return fmaf(fmaf(-quotient, 255.f, x), 1.f / 255, quotient);
    }
#endif
    return T(byte) / T(255);
}

/// The block writes an image of D pixels, byte / 255 or (byte / 255 - mean) * scale.
template <class T>
__device__ inline void write_image(T* out, const std::uint8_t* in, int D, const PixelScale& scale) {
#ifdef __CUDACC__
    if constexpr (sizeof(T) == 4)
        if (!scale.mean && D % 4 == 0 &&
            (reinterpret_cast<std::uintptr_t>(in) % 4 | reinterpret_cast<std::uintptr_t>(out) % 16) == 0) {
            for (int q : block_stride(D / 4)) {  // four pixels a thread: loads of 4 bytes, stores of 16
                const uchar4 bytes = reinterpret_cast<const uchar4*>(in)[q];
                reinterpret_cast<float4*>(out)[q] =
                    float4{unit_of<T>(bytes.x), unit_of<T>(bytes.y), unit_of<T>(bytes.z), unit_of<T>(bytes.w)};
            }
            return;
        }
#endif
    const auto pixels = block_stride(D);
    if (scale.mean) {
        WARPVAE_SIMD()
        for (int i = pixels.first; i < pixels.last; i += pixels.step)
            out[i] = (unit_of<T>(in[i]) - T(scale.mean[i])) * T(scale.scale[i]);
    } else {
        WARPVAE_SIMD()
        for (int i = pixels.first; i < pixels.last; i += pixels.step) out[i] = unit_of<T>(in[i]);
    }
}

/// One channel of an image [H, W, channels], for bilinear.cuh.
struct ByteChannel {
    const std::uint8_t* first;
    int channels;
    __device__ std::uint8_t operator[](int i) const { return first[i * channels]; }
};

/// The block writes channel c of an image as `map` reads it.
template <class T, class Image>
__device__ inline void write_mapped_channel(T* out, Image in, int c, const AffineMap& map,
                                            const GatherOptions& options) {
    const int W = options.width, H = options.height, C = options.channels;
    const PixelScale scale = options.pixels;
    const T centre_x = T(W - 1) / 2, centre_y = T(H - 1) / 2;
    for (int i : block_stride(H * W)) {
        const T x = T(i % W) - centre_x, y = T(i / W) - centre_y;
        const T pixel = sample_bilinear<T>(in, H, W, map.a * x + map.b * y + map.tx + centre_x,
                                           map.c * x + map.d * y + map.ty + centre_y) /
                        T(255);
        const int k = i * C + c;
        out[k] = scale.mean ? (pixel - T(scale.mean[k])) * T(scale.scale[k]) : pixel;
    }
}
/// The same for all channels.
template <class T>
__device__ inline void write_mapped_image(T* out, const std::uint8_t* in, const AffineMap& map,
                                          const GatherOptions& options) {
    const int C = options.channels;
    if (C == 1) return write_mapped_channel(out, in, 0, map, options);
    for (int c = 0; c < C; ++c) write_mapped_channel(out, ByteChannel{in + c, C}, c, map, options);
}

/// The block draws each pixel of the batch's row anew: 1 with the pixel's probability. Four pixels share a block of
/// random words. The loop over whole fours is apart from the tail, so that a CPU compiler vectorises it.
template <class T>
__device__ inline void binarise_image(T* out, int D, std::uint64_t seed, std::uint64_t step, int row) {
    const int quads = (D + 3) / 4;
    const auto draw = [](std::uint32_t bits, T pixel) { return T(T(uniform_from(bits)) < pixel); };
    const auto whole = block_stride(D / 4);
    WARPVAE_SIMD()
    for (int q = whole.first; q < whole.last; q += whole.step) {
        const Random4 random = philox(seed, Purpose::kBinarise, step, std::uint64_t(row) * quads + q);
        out[4 * q] = draw(random.v[0], out[4 * q]);
        out[4 * q + 1] = draw(random.v[1], out[4 * q + 1]);
        out[4 * q + 2] = draw(random.v[2], out[4 * q + 2]);
        out[4 * q + 3] = draw(random.v[3], out[4 * q + 3]);
    }
    if (D % 4 == 0 || threadIdx.x != 0) return;
    const Random4 random = philox(seed, Purpose::kBinarise, step, std::uint64_t(row) * quads + quads - 1);
#pragma unroll
    for (int k = 0; k < 3; ++k)
        if (k < D % 4) out[D / 4 * 4 + k] = draw(random.v[k], out[D / 4 * 4 + k]);
}

template <class T>
__global__ void gather_kernel(T* batch, const std::uint8_t* const* images, const std::uint64_t* seeds,
                              const std::uint64_t* step, MinibatchOrder order, GatherOptions options) {
    const int r = blockIdx.y, row = options.first_row + blockIdx.x;
    const int D = options.height * options.width * options.channels;
    const std::uint64_t at = step ? *step : 0;
    // One thread asks for the block: the permutation is some hundred operations.
    __shared__ MinibatchImage shared_image;
    if (threadIdx.x == 0) shared_image = minibatch_image(order, seeds[r], at, blockIdx.x);
    __syncthreads();
    const MinibatchImage from = shared_image;
    const std::uint8_t* in = images[r] + std::size_t(from.image) * D;
    T* out = batch + (std::size_t(r) * options.batch_rows + row) * D;

    if (options.augmentation.any())
        write_mapped_image(out, in, augmentation_of(options.augmentation, seeds[r], from.epoch, from.image), options);
    else
        write_image(out, in, D, options.pixels);
    if (options.binarise) {
        __syncthreads();
        binarise_image(out, D, seeds[r], at, row);
    }
}

template <class Label>
__global__ void gather_labels_kernel(Label* out, const Label* const* labels, const std::uint64_t* seeds,
                                     const std::uint64_t* step, MinibatchOrder order, int N) {
    const int r = blockIdx.y;
    const std::uint64_t at = step ? *step : 0;
    for (int n : block_stride(N))
        out[std::size_t(r) * N + n] = labels[r][minibatch_image(order, seeds[r], at, n).image];
}

template <class T>
__global__ void gather_range_kernel(T* batch, const std::uint8_t* const* images, std::size_t first, int D,
                                    PixelScale scale) {
    const int r = blockIdx.y, n = blockIdx.x;
    write_image(batch + (std::size_t(r) * gridDim.x + n) * D, images[r] + (first + n) * D, D, scale);
}

template <class Index>
__global__ void minibatch_order_kernel(Index* order, std::uint32_t count, std::uint64_t seed, std::uint64_t epoch) {
    const FeistelOrder permutation(seed, epoch, count);
    for (std::uint32_t i : grid_stride(count)) order[i] = permutation(i);
}

template <class Step>
__global__ void advance_step_kernel(Step* step) {
    if (threadIdx.x == 0) *step += 1;
}

}  // namespace warpvae

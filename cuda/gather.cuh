// A minibatch, gathered: the step number alone decides which images (a stateless permutation), so resuming, graph
// replay and replicas need no other state. Bytes become floats on the way; a random affine change and a dynamic
// binarisation too.
//
//   order    a Feistel network over the bits of the index, cycle-walked into 0..count-1 (Black and Rogaway 2002): a
//            bijection for any keys. Four round keys from Philox(seed, kShuffle, epoch).
//   batch[r, n, :] = images[r][order((step mod steps_per_epoch) * N' + n)] / 255
//
// Contract: one block per row, block any; reads 1 and writes 4 bytes per pixel (four reads where images are augmented).
#pragma once
#include "cuda/bilinear.cuh"
#include "cuda/philox.cuh"

namespace warpvae {

/// A permutation of 0..count-1.
class FeistelOrder {
  public:
    __device__ FeistelOrder(std::uint64_t seed, std::uint64_t epoch, std::uint32_t count)
        : count_(count), keys_(philox(seed, Purpose::kShuffle, epoch, 0)) {
        int bits = 2;
        while ((std::uint64_t(1) << bits) < count) ++bits;
        low_bits_ = bits / 2;
        high_bits_ = bits - low_bits_;
    }
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

/// Which image row n of the minibatch of `step` is: the one place where a step number becomes an image.
__device__ inline std::uint32_t minibatch_image(std::uint64_t seed, std::uint64_t step, std::uint32_t count,
                                                int full_batch, int n) {
    const std::uint64_t steps = (count + full_batch - 1) / full_batch;
    const std::uint32_t place = std::uint32_t(step % steps) * full_batch + n;
    return FeistelOrder(seed, step / steps, count)(place < count ? place : count - 1);
}

template <class T>
__global__ void gather_kernel(T* batch, const std::uint8_t* const* images, const std::uint64_t* seeds,
                              const std::uint64_t* step, std::uint32_t count, int full_batch, GatherOptions options) {
    const int r = blockIdx.y, n = blockIdx.x, D = options.height * options.width;
    const std::uint32_t image = minibatch_image(seeds[r], *step, count, full_batch, n);
    const std::uint8_t* in = images[r] + std::size_t(image) * D;
    T* out = batch + (std::size_t(r) * gridDim.x + n) * D;

    if (options.augmentation.any()) {
        const std::uint64_t epoch = *step / ((count + full_batch - 1) / full_batch);
        const AffineMap map = augmentation_of(options.augmentation, seeds[r], epoch, image);
        const T centre_x = T(options.width - 1) / 2, centre_y = T(options.height - 1) / 2;
        for (int i : block_stride(D)) {
            const T x = T(i % options.width) - centre_x, y = T(i / options.width) - centre_y;
            out[i] = sample_bilinear<T>(in, options.height, options.width, map.a * x + map.b * y + map.tx + centre_x,
                                        map.c * x + map.d * y + map.ty + centre_y) /
                     T(255);
        }
    } else {
        const auto pixels = block_stride(D);
        WARPVAE_SIMD()
        for (int i = pixels.first; i < pixels.last; i += pixels.step) out[i] = T(in[i]) / T(255);
    }
    if (options.binarise) {
        __syncthreads();
        const int quads = (D + 3) / 4;
        for (int q : block_stride(quads)) {
            const Random4 random = philox(seeds[r], Purpose::kBinarise, *step, std::uint64_t(n) * quads + q);
            for (int k = 0; k < 4 && 4 * q + k < D; ++k)
                out[4 * q + k] = T(uniform_from(random.v[k])) < out[4 * q + k] ? T(1) : T(0);
        }
    }
}

template <class Label>
__global__ void gather_labels_kernel(Label* out, const Label* const* labels, const std::uint64_t* seeds,
                                     const std::uint64_t* step, std::uint32_t count, int full_batch, int N) {
    const int r = blockIdx.y;
    for (int n : block_stride(N))
        out[std::size_t(r) * N + n] = labels[r][minibatch_image(seeds[r], *step, count, full_batch, n)];
}

template <class T>
__global__ void gather_range_kernel(T* batch, const std::uint8_t* const* images, std::size_t first, int D) {
    const int r = blockIdx.y, n = blockIdx.x;
    const std::uint8_t* in = images[r] + (first + n) * D;
    T* out = batch + (std::size_t(r) * gridDim.x + n) * D;
    const auto pixels = block_stride(D);
    WARPVAE_SIMD()
    for (int i = pixels.first; i < pixels.last; i += pixels.step) out[i] = T(in[i]) / T(255);
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

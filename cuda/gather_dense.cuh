// The first dense layer of a model, which gathers the minibatch it reads: bytes of images become floats on the way into
// a tile's product (dense_tile.cuh, gather.cuh), and the blocks of the first columns leave them in memory for what
// reads the minibatch after this layer. As a kernel of its own the gathering would be one more launch, and the layer
// would read floats, four times as much.
//
//   x[r, n, :] = images[r][image of row n] / 255,   y = activation(x W^T + b)
//
// A thread's bytes of one chunk are under way while it stores those of the chunk before: cp.async copies bytes as they
// are, so these go through registers.
//
// Contract: block fixed (DenseTile), 123 registers on sm_90a and no spills; dynamic shared memory as the tile says; one
// block per tile, the replica along y. Reads the bytes once per tile of columns, writes 4 bytes a pixel once.
// Deterministic; the bits of y and x are those of gather and fused_dense_forward.
#pragma once
#include "cuda/fused_dense.cuh"
#include "cuda/gather.cuh"

namespace warpvae {

/// A of a product: row l is the image `images[l]` of the tile, K bytes, or nothing where that is null.
struct ByteRows {
    const std::uint8_t* const* images;  ///< shared memory, one for each row of the tile
    float* batch;                       ///< the tile's first row [.., K] in the minibatch, or null: it is not written
    int K;

    template <Along along, int kLines, int kThreads>
    class Reader {
        using C = Chunk<along, kLines>;
        using Share = ChunkShare<C, kThreads>;
        static_assert(along == Along::kFast);

      public:
        __device__ Reader(const ByteRows& from, int, int thread)
            : images_(from.images),
              batch_(from.batch),
              K_(from.K),
              top_(Share::top(thread)),
              across_(Share::across(thread)) {}
        /// Begins to read numbers k0 to below k_end; they are in place after `settle`, or the next `load`.
        __device__ void load(AsyncCopies&, float* to, int k0, int k_end) {
            std::uint32_t next[Share::kQuads];
            const int k = k0 + across_, left = k_end - k;
#pragma unroll
            for (int i = 0; i < Share::kQuads; ++i) {
                const std::uint8_t* const image = row_of(i);
                next[i] = image && left > 0 ? bytes_of(image + k, left) : 0;
            }
            settle();
#pragma unroll
            for (int i = 0; i < Share::kQuads; ++i) bytes_[i] = next[i];
            to_ = static_cast<int>(to - dynamic_shared<float>()), k_ = k, left_ = left;
        }
        __device__ void settle() {
            if (to_ < 0) return;
            float* const to = dynamic_shared<float>() + to_;
#pragma unroll
            for (int i = 0; i < Share::kQuads; ++i) {
                if (!Share::has(top_, i)) break;
                float pixels[4];
#pragma unroll
                for (int j = 0; j < 4; ++j) pixels[j] = unit_of<float>(static_cast<std::uint8_t>(bytes_[i] >> 8 * j));
                const int row = top_ + i * Share::kStep;
                *reinterpret_cast<float4*>(to + row * C::kPitch + across_) =
                    float4{pixels[0], pixels[1], pixels[2], pixels[3]};
                if (batch_ && left_ > 0 && row_of(i))
                    store_quad(batch_ + std::size_t(row) * K_ + k_, pixels, left_ < 4 ? left_ : 4);
            }
            to_ = -1;
        }

      private:
        /// The image of the thread's quad i.
        __device__ const std::uint8_t* row_of(int i) const {
            return Share::has(top_, i) ? images_[top_ + i * Share::kStep] : nullptr;
        }
        /// The first `count` of four bytes, the first one lowest; zeros above them.
        static __device__ std::uint32_t bytes_of(const std::uint8_t* from, int count) {
#ifdef __CUDACC__
            if (count >= 4 && reinterpret_cast<std::uintptr_t>(from) % 4 == 0)
                return *reinterpret_cast<const std::uint32_t*>(from);
#endif
            std::uint32_t bytes = 0;
#pragma unroll
            for (int j = 0; j < 4; ++j)
                if (j < count) bytes |= std::uint32_t(from[j]) << 8 * j;
            return bytes;
        }
        const std::uint8_t* const* images_;
        float* batch_;
        int K_, top_, across_;
        std::uint32_t bytes_[Share::kQuads] = {};  ///< four of each quad
        int to_ = -1;  ///< where in the block's shared memory bytes_ belong; below 0: there are none
        int k_ = 0, left_ = 0;
    };
};

template <class Tile>
__global__ void __launch_bounds__(Tile::kMostThreads, 1)
    gather_dense_kernel(MinibatchRows<float> x, Operands W, BiasActivation epilogue, bool is_exact) {
    __shared__ const std::uint8_t* images[Tile::kRows];
    const int r = blockIdx.y, N = epilogue.N, D = W.K;
    const int across = (W.lines + Tile::kColumns - 1) / Tile::kColumns;
    const int row0 = blockIdx.x / across * Tile::kRows, column0 = blockIdx.x % across * Tile::kColumns;
    wait_for_previous_launch();  // the step's number is of the launch before
    const std::uint64_t step = x.minibatch.step ? *x.minibatch.step : 0;
    for (int row = threadIdx.x; row < Tile::kRows; row += blockDim.x)
        images[row] =
            row0 + row < N
                ? x.images[r] +
                      std::size_t(minibatch_image(x.minibatch.order, x.minibatch.seeds[r], step, row0 + row).image) * D
                : nullptr;
    __syncthreads();
    float* const batch = column0 == 0 ? x.batch + (std::size_t(r) * N + row0) * D : nullptr;
    float* const tile = Tile::sum(ByteRows{images, batch, D}, W.of(r), row0, column0, is_exact, [] {});
    epilogue.template finish<Tile>(r, tile, row0, column0);
}

}  // namespace warpvae

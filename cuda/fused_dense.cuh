// Dense layers whose neighbours are fused into their products: the tile (dense_tile.cuh) is summed, then a functor, the
// epilogue, finishes it while it is still in shared memory. As kernels of their own these neighbours would read and
// write every activation once more, and each would cost a launch.
//
//   forward         y  = activation(x W^T + b)                          BiasActivation
//                   l  = x W^T + b, nll = -log p(t | l), dl             BernoulliLoss
//                   (mu, s) = x W^T + b, z = mu + sigma epsilon, kl     GaussianHead
//   input gradient  dx = (dy W) f'(x)                                   ActivationMask
//                   dz = dy W, then to (mu, s) through z and kl         GaussianHeadBackward
//
// The weights' gradients, with the optimiser in their epilogue, are in weight_gradients.cuh. On the CPU device models
// use a library's product with kernels behind it (dense.cu); tests hold these kernels, run as lanes, against that.
//
// All is float. x [R, N, in], y [R, N, out]; W [out, in] and b [out] of replica r at stride P.
//
// Contract: block fixed (DenseTile); one block per tile, the replica along y. Reads each operand once per tile that
// needs it, from L2. On sm_90a 122 to 128 registers and no spills: two blocks of 256 threads a multiprocessor, or one
// of a 16 x 32 tile with seven slices (163 KB). Deterministic; a replica's bits depend on nothing beside it.
#pragma once
#include "cuda/bernoulli.cuh"
#include "cuda/dense.cuh"
#include "cuda/dense_tile.cuh"
#include "cuda/gaussian_moments.cuh"
#include "cuda/gaussian_sample.cuh"
#include "cuda/philox.cuh"

namespace warpvae {

/// A matrix of each replica, `stride` floats apart.
struct Operands {
    const float* data;
    std::size_t stride;
    int lines, K;
    __device__ Operand of(int r) const { return {data + r * stride, lines, K}; }
};

/// C[r] = A[r] B[r], a tile a block; `epilogue(r, tile, row0, column0)` makes of it what it makes.
template <class Tile, class Epilogue>
__global__ void __launch_bounds__(Tile::kMostThreads, 1)
    dense_product_kernel(Operands A, Operands B, Epilogue epilogue) {
    const int across = (B.lines + Tile::kColumns - 1) / Tile::kColumns;
    const int row0 = blockIdx.x / across * Tile::kRows, column0 = blockIdx.x % across * Tile::kColumns;
    float* const tile = Tile::sum(A.of(blockIdx.y), B.of(blockIdx.y), row0, column0, [] {});
    epilogue.template finish<Tile>(blockIdx.y, tile, row0, column0);
}

// --- forward ---------------------------------------------------------------------------------------------------------

/// f(x) or f'(y) of an activation chosen at run time, which costs nothing beside a product.
__device__ inline float activated(Activation activation, float x) {
    switch (activation) {
        case Activation::kRelu:
            return ReluActivation::forward(x);
        case Activation::kSigmoid:
            return SigmoidActivation::forward(x);
        case Activation::kElu:
            return EluActivation::forward(x);
        case Activation::kTanh:
            return TanhActivation::forward(x);
        case Activation::kSoftplus:
            return SoftplusActivation::forward(x);
        default:
            return x;
    }
}
__device__ inline float through_activation(Activation activation, float dy, float y) {
    switch (activation) {
        case Activation::kRelu:
            return ReluActivation::backward(dy, y);
        case Activation::kSigmoid:
            return SigmoidActivation::backward(dy, y);
        case Activation::kElu:
            return EluActivation::backward(dy, y);
        case Activation::kTanh:
            return TanhActivation::backward(dy, y);
        case Activation::kSoftplus:
            return SoftplusActivation::backward(dy, y);
        default:
            return dy;
    }
}

/// y = activation(tile + b).
struct BiasActivation {
    float* y;
    const float* b;
    std::size_t P;
    Activation activation;
    int N, out;
    template <class Tile>
    __device__ void finish(int r, const float* tile, int row0, int column0) const {
        for_quads<Tile>(tile, row0, column0, N, out, [&](int row, int column, float(&v)[4], int count) {
            float bias[4] = {};
            read_quad(bias, b + r * P + column, count);
#pragma unroll
            for (int i = 0; i < 4; ++i) v[i] = activated(activation, v[i] + bias[i]);
            store_quad(y + (std::size_t(r) * N + row) * out + column, v, count);
        });
    }
};

/// Columns whose part of a row's sum is one number, whatever the tile's width.
inline constexpr int kSegment = 32;

/// dlogits = scale (sigmoid(l) - t) with l = tile + b, nll[row] = -log Bernoulli(t; sigmoid(l)), summed over the D
/// columns. A part is the sum of one segment in a fixed tree; a row's parts are added in order.
struct BernoulliLoss {
    float *nll, *dlogits;
    const float *b, *target;
    std::size_t P;
    float scale;
    int N, D;
    RowSumScratch sums;

    template <class Tile>
    __device__ void finish(int r, const float* tile, int row0, int column0) const {
        for_quads<Tile>(tile, row0, column0, N, D, [&](int row, int column, float(&v)[4], int count) {
            float bias[4] = {}, t[4] = {}, part = 0;
            const std::size_t at = (std::size_t(r) * N + row) * D + column;
            read_quad(bias, b + r * P + column, count);
            read_quad(t, target + at, count);
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                const BernoulliTerm<float> term = FromLogit()(v[i] + bias[i], t[i]);
                v[i] = scale * term.gradient;
                if (i < count) part += term.nll;
            }
            store_quad(dlogits + at, v, count);
            part = warp_group_sum<kSegment / 4>(part);
            if (count && column % kSegment == 0)
                sums.parts[(std::size_t(r) * N + row) * row_sum_parts(D) + column / kSegment] = part;
        });
        add_parts<Tile>(r, row0);
    }

  private:
    template <class Tile>
    __device__ void add_parts(int r, int row0) const {
        __shared__ bool is_last;
        __threadfence();
        __syncthreads();
        const unsigned int tiles = (D + Tile::kColumns - 1) / Tile::kColumns,
                           down = (N + Tile::kRows - 1) / Tile::kRows;
        unsigned int* const arrived = sums.arrived + r * down + row0 / Tile::kRows;
        if (threadIdx.x == 0) is_last = atomicAdd(arrived, 1u) == tiles - 1;
        __syncthreads();
        if (!is_last) return;
        __threadfence();
        for (int row = row0 + threadIdx.x; row < N && row < row0 + Tile::kRows; row += blockDim.x) {
            // Written by other blocks of this launch: not to be read through a cache that may be older.
            const volatile float* const parts = sums.parts + (std::size_t(r) * N + row) * row_sum_parts(D);
            float total = 0;
            for (int s = 0; s < row_sum_parts(D); ++s) total += parts[s];
            nll[std::size_t(r) * N + row] = total;
        }
        if (threadIdx.x == 0) *arrived = 0;
    }
};

/// moments = tile + b, z = mu + sigma epsilon and kl against N(0, I) (gaussian_head.cuh). The tile holds whole rows: 2Z
/// is at most its width.
struct GaussianHead {
    float *moments, *z, *kl;
    const float* b;
    std::size_t P;
    LatentNoise noise;
    int N, Z;

    template <class Tile>
    __device__ void finish(int r, float* tile, int row0, int) const {
        const float* const bias = b + r * P;
        const std::uint64_t step = noise.step ? *noise.step : 0;
        for (int e = threadIdx.x; e < Tile::kRows / 4 * Z; e += blockDim.x) {  // latent j of four rows
            const int quad = e / Z, j = e % Z;
            if (row0 + 4 * quad >= N) continue;
            Normal4 epsilon{};
            if (noise.seeds)
                epsilon = latent_noise(noise.seeds[r], noise.purpose, step, (noise.first_row + row0) / 4 + quad, j, Z);
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                const int down = 4 * quad + i, row = row0 + down;
                if (row >= N) continue;
                float* const mine = tile + down * Tile::kPitch + j;
                const float mu = mine[0] + bias[j], logvar = mine[Z] + bias[Z + j];
                const std::size_t at = std::size_t(r) * N + row;
                moments[at * 2 * Z + j] = mu;
                moments[at * 2 * Z + Z + j] = logvar;
                const Deviation<float> d = deviation_of<Spread::kLogVariance>(logvar);
                z[at * Z + j] = noise.seeds ? mu + d.sigma * epsilon.v[i] : mu;
                mine[0] = divergence_of(mu, d.log_sigma, 1.f);
            }
        }
        __syncthreads();
        for (int row = threadIdx.x; row < Tile::kRows && row0 + row < N; row += blockDim.x) {
            float total = 0;
            for (int j = 0; j < Z; ++j) total += tile[row * Tile::kPitch + j];
            kl[std::size_t(r) * N + row0 + row] = total;
        }
    }
};

// --- backward --------------------------------------------------------------------------------------------------------

/// dmoments [R, N, 2Z] from dz = tile: through z and the divergence from N(0, I) (gaussian_sample.cuh).
struct GaussianHeadBackward {
    float* dmoments;
    const float *z, *moments;
    float kl_weight;
    int N, Z;
    template <class Tile>
    __device__ void finish(int r, const float* tile, int row0, int column0) const {
        for_quads<Tile>(tile, row0, column0, N, Z, [&](int row, int column, float(&v)[4], int count) {
            const std::size_t at = std::size_t(r) * N + row;
            float sample[4] = {}, mu[4] = {}, s[4] = {}, dmu[4], ds[4];
            read_quad(sample, z + at * Z + column, count);
            read_quad(mu, moments + at * 2 * Z + column, count);
            read_quad(s, moments + at * 2 * Z + Z + column, count);
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                through_sample<Spread::kLogVariance>(dmu[i], ds[i], v[i], sample[i], mu[i], s[i],
                                                     PriorEntry<float>{0.f, 1.f, 0.f}, kl_weight);
            }
            store_quad(dmoments + at * 2 * Z + column, dmu, count);
            store_quad(dmoments + at * 2 * Z + Z + column, ds, count);
        });
    }
};

/// dx = tile f'(x), where x is the output of activation f; total += dx where that is given.
struct ActivationMask {
    float* dx;
    const float* x;
    Activation activation;
    int N, in;
    float* total = nullptr;
    template <class Tile>
    __device__ void finish(int r, const float* tile, int row0, int column0) const {
        for_quads<Tile>(tile, row0, column0, N, in, [&](int row, int column, float(&v)[4], int count) {
            const std::size_t at = (std::size_t(r) * N + row) * in + column;
            if (activation != Activation::kNone) {
                float output[4] = {};
                read_quad(output, x + at, count);
#pragma unroll
                for (int i = 0; i < 4; ++i) v[i] = through_activation(activation, v[i], output[i]);
            }
            store_quad(dx + at, v, count);
            if (total) {
                float sum[4] = {};
                read_quad(sum, total + at, count);
#pragma unroll
                for (int i = 0; i < 4; ++i) sum[i] += v[i];
                store_quad(total + at, sum, count);
            }
        });
    }
};

}  // namespace warpvae

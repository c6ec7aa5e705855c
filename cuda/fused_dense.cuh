// Dense layers whose neighbours are fused into their products: the tile (dense_tile.cuh) is summed, then a functor, the
// epilogue, finishes it while it is still in shared memory. As kernels of their own these neighbours would read and
// write every activation once more, and each would cost a launch.
//
//   forward         y  = activation(x W^T + b)                          BiasActivation
//                   l  = x W^T + b, (y = sigmoid(l),) nll, (dl)         BernoulliLoss
//                   (mu, s) = x W^T + b, z = mu + sigma epsilon, kl     GaussianHead
//                   (mu, v), kl, some z_k = mu + sigma epsilon_k        PosteriorHead
//   input gradient  dx = w (dy W) f'(x) (+ more), w of the row          ActivationMask
//                   dz = dy W, then to (mu, s) through z and kl         GaussianHeadBackward
//                   the same through K draws of a posterior             PosteriorBackward
//
// The weights' gradients, with the optimiser in their epilogue, are in weight_gradients.cuh. On the CPU device models
// use a library's product with kernels behind it (dense.cu); tests hold these kernels, run as lanes, against that.
//
// All is float. x [R, N, in], y [R, N, out]; W [out, in] and b [out] of replica r at stride P.
//
// Contract: block fixed (DenseTile); one block per tile, the replica along y. Reads each operand once per tile that
// needs it, from L2. On sm_90a 109 to 123 registers and no spills: two blocks of 256 threads a multiprocessor, or one
// of a 16 x 32 tile with seven slices (163 KB). Deterministic; a replica's bits depend on nothing beside it.
#pragma once
#include "cuda/activation.cuh"
#include "cuda/bernoulli.cuh"
#include "cuda/dense_tile.cuh"
#include "cuda/device/fast_divisor.cuh"
#include "cuda/device/ticket.cuh"
#include "cuda/gaussian_moments.cuh"
#include "cuda/gaussian_sample.cuh"
#include "cuda/ops/dense.h"
#include "cuda/philox.cuh"
#include "cuda/posterior_samples.cuh"

namespace warpvae {

/// A matrix of each replica, `stride` floats apart.
struct Operands {
    const float* data;
    std::size_t stride;
    int lines, K;
    __device__ Operand of(int r) const { return {data + r * stride, lines, K}; }
};

/// C[r] = A[r] B[r], a tile a block, every `step` rows, kRows at most; `epilogue(r, tile, row0, column0)` makes of it
/// what it makes.
template <class Tile, class Epilogue>
__global__ void __launch_bounds__(Tile::kMostThreads, 1)
    dense_product_kernel(Operands A, Operands B, Epilogue epilogue, int step, bool is_exact) {
    const int across = (B.lines + Tile::kColumns - 1) / Tile::kColumns;
    const int row0 = blockIdx.x / across * step, column0 = blockIdx.x % across * Tile::kColumns;
    float* const tile = Tile::sum(A.of(blockIdx.y), B.of(blockIdx.y), row0, column0, is_exact, [] {});
    epilogue.template finish<Tile>(blockIdx.y, tile, row0, column0);
}

// --- forward ---------------------------------------------------------------------------------------------------------

/// call(f) with the activation f chosen at run time, once for several numbers: what is executed then lies together.
template <class Call>
__device__ void with_activation(Activation activation, Call call) {
    switch (activation) {
        case Activation::kRelu:
            return call(ReluActivation());
        case Activation::kSigmoid:
            return call(SigmoidActivation());
        case Activation::kElu:
            return call(EluActivation());
        case Activation::kTanh:
            return call(TanhActivation());
        case Activation::kSoftplus:
            return call(SoftplusActivation());
        default:
            return call(NoActivation());
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
            with_activation(activation, [&](auto f) {
#pragma unroll
                for (int i = 0; i < 4; ++i) v[i] = f.forward(v[i] + bias[i]);
            });
            store_quad(y + (std::size_t(r) * N + row) * out + column, v, count);
        });
    }
};

/// Columns whose part of a row's sum is one number, whatever the tile's width.
inline constexpr int kSegment = 32;

/// What the likelihood is read from: logits, which are stored nowhere,
template <class Term>
struct LogitOutput {
    Term term;  ///< FromLogit or FromClippedLogit
    __device__ void take(float (&)[4], std::size_t, int) const {}
};
/// or their sigmoids y, the layer's output, stored unless y is null.
struct SigmoidOutput {
    float* y;
    FromSigmoid term;
    /// Four logits at `at`, of which `count` are there, become what `term` takes.
    __device__ void take(float (&v)[4], std::size_t at, int count) const {
#pragma unroll
        for (int i = 0; i < 4; ++i) v[i] = SigmoidActivation::forward(v[i]);
        if (y) store_quad(y + at, v, count);
    }
};

/// dlogits = scale dnll/dl with l = tile + b, nll[row] = -log Bernoulli(t; sigmoid(l)), summed over the D columns. A
/// part is the sum of one segment in a fixed tree; a row's parts are added in order unless nll is null. Without
/// gradient nothing as large as the image is written: evaluation wants the sums alone.
template <class Output, bool with_gradient>
struct BernoulliLoss {
    Output output;
    float *nll, *dlogits;
    const float* b;
    std::size_t P;
    BernoulliTarget<float> target;
    int N, D;
    RowSumScratch sums;
    FastDivisor times{target.map.times > 0 ? target.map.times : 1};

    template <class Tile>
    __device__ void finish(int r, const float* tile, int row0, int column0) const {
        for_quads<Tile>(tile, row0, column0, N, D, [&](int row, int column, float(&v)[4], int count) {
            float bias[4] = {}, t[4] = {}, part = 0;
            const std::size_t at = (std::size_t(r) * N + row) * D + column;
            read_quad(bias, b + r * P + column, count);
            if (count) {
                const std::size_t mine = std::size_t(r) * target.map.targets(N) + target_of(row);
                read_quad(t, target.values + mine * D + column, count);
            }
#pragma unroll
            for (int i = 0; i < 4; ++i) v[i] += bias[i];
            output.take(v, at, count);
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                const BernoulliTerm<float> term = output.term(v[i], t[i]);
                if constexpr (with_gradient) v[i] = target.scale * term.gradient;
                if (i < count) part += term.nll;
            }
            if constexpr (with_gradient) store_quad(dlogits + at, v, count);
            part = warp_group_sum<kSegment / 4>(part);
            if (count && column % kSegment == 0)
                sums.parts[(std::size_t(r) * N + row) * row_sum_parts(D) + column / kSegment] = part;
        });
        if (nll) add_parts<Tile>(r, row0);  // else whoever sums over the rows sums the parts
    }

  private:
    /// target.map.target_of(row), where a division would take as long as the likelihood of a pixel.
    __device__ int target_of(int row) const {
        const int left = row - target.map.shared * target.map.times;
        return left < 0 ? times.quotient(row) : left + target.map.shared;
    }
    template <class Tile>
    __device__ void add_parts(int r, int row0) const {
        const unsigned int tiles = (D + Tile::kColumns - 1) / Tile::kColumns,
                           down = (N + Tile::kRows - 1) / Tile::kRows;
        if (!is_last_block(sums.arrived + r * down + row0 / Tile::kRows, tiles)) return;
        for (int row = row0 + threadIdx.x; row < N && row < row0 + Tile::kRows; row += blockDim.x) {
            const float* const parts = sums.parts + (std::size_t(r) * N + row) * row_sum_parts(D);
            float total = 0;
            for (int s = 0; s < row_sum_parts(D); ++s) total += read_of_other_block(parts + s);
            nll[std::size_t(r) * N + row] = total;
        }
    }
};

/// moments = tile + b, z = mu + sigma epsilon and kl (gaussian_sample.cuh). The tile holds whole rows: 2Z is at most
/// its width.
struct GaussianHead {
    float *moments, *z, *kl;
    const float* b;
    std::size_t P;
    GaussianLatent<float> latent;
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
            const PriorEntry<float> prior = prior_entry(latent.prior, r, j);
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                const int down = 4 * quad + i, row = row0 + down;
                if (row >= N) continue;
                float* const mine = tile + down * Tile::kPitch + j;
                const float mu = mine[0] + bias[j], s = mine[Z] + bias[Z + j];
                const std::size_t at = std::size_t(r) * N + row;
                moments[at * 2 * Z + j] = mu;
                moments[at * 2 * Z + Z + j] = s;
                mine[0] = with_spread(latent.spread, [&](auto of) {
                    return draw_latent<decltype(of)::value>(z[at * Z + j], mu, s, epsilon.v[i], noise.seeds != nullptr,
                                                            prior);
                });
            }
        }
        __syncthreads();
        // Eight lanes a row, for Z sums one after another would be what the block waits for.
        constexpr int kLanes = 8;
        static_assert(Tile::kRows * kLanes % 32 == 0);  // whole warps
        for (int e = threadIdx.x; e < Tile::kRows * kLanes; e += blockDim.x) {
            const int row = e / kLanes, lane = e % kLanes;
            float total = 0;
            for (int j = lane; j < Z; j += kLanes) total += tile[row * Tile::kPitch + j];
            total = warp_group_sum<kLanes>(total);
            if (lane == 0 && row0 + row < N) kl[std::size_t(r) * N + row0 + row] = total;
        }
    }
};

/// moments = tile + b with the variances that `head` makes of it, their kl, and the draws (posterior_samples.cuh). The
/// tile holds whole rows: 2Z is at most its width.
struct PosteriorHead {
    float *moments, *kl;
    const float* b;
    std::size_t P;
    VarianceHead head;
    PosteriorDraws<float> draws;

    template <class Tile>
    __device__ void finish(int r, float* tile, int row0, int) const {
        const int N = draws.N, K = draws.K, Z = draws.Z, rows = N - row0 < Tile::kRows ? N - row0 : Tile::kRows;
        const float* const bias = b + r * P;
        for (int e = threadIdx.x; e < rows * Z; e += blockDim.x) {
            const int down = e / Z, j = e % Z;
            float* const mine = tile + down * Tile::kPitch + j;
            float* const to = moments + (std::size_t(r) * N + row0 + down) * 2 * Z + j;
            to[0] = mine[0] += bias[j];
            to[Z] = mine[Z] = variance_of(mine[Z] + bias[Z + j], head);
        }
        __syncthreads();
        const auto moments_of = [&](int n) { return tile + (n - row0) * Tile::kPitch; };
        for (int row = row0 + warp_index(); row < row0 + rows; row += warps_per_block()) {
            const float* const mu = moments_of(row);
            float total = 0;
            for (int j : warp_stride(Z)) total += divergence_of_variance(mu[j], mu[Z + j]);
            total = warp_sum(total);
            if (kl && lane_index() == 0) kl[std::size_t(r) * N + row] = total;
        }
        static_assert(Tile::kRows % 4 == 0);  // no four draws are of two tiles
        const int end = ((row0 + rows) * K + 3) / 4;
        for (int quad = row0 * K / 4 + warp_index(); quad < end; quad += warps_per_block())
            draws.draw(r, quad, moments_of);
    }
};

// --- backward --------------------------------------------------------------------------------------------------------

/// dmoments [R, N, 2Z] from dz = tile: through z and the divergence (gaussian_sample.cuh).
struct GaussianHeadBackward {
    float* dmoments;
    const float *z, *moments;
    GaussianLatent<float> latent;
    KlWeight<float> kl_weight;
    int N, Z;
    template <class Tile>
    __device__ void finish(int r, const float* tile, int row0, int column0) const {
        for_quads<Tile>(tile, row0, column0, N, Z, [&](int row, int column, float(&v)[4], int count) {
            const std::size_t at = std::size_t(r) * N + row;
            float sample[4] = {}, mu[4] = {}, s[4] = {}, dmu[4] = {}, ds[4] = {};
            read_quad(sample, z + at * Z + column, count);
            read_quad(mu, moments + at * 2 * Z + column, count);
            read_quad(s, moments + at * 2 * Z + Z + column, count);
            with_spread(latent.spread, [&](auto of) {
#pragma unroll
                for (int i = 0; i < 4; ++i)
                    if (i < count)
                        through_sample<decltype(of)::value>(dmu[i], ds[i], v[i], sample[i], mu[i], s[i],
                                                            prior_entry(latent.prior, r, column + i),
                                                            kl_weight.of(r, column + i, Z));
            });
            store_quad(dmoments + at * 2 * Z + column, dmu, count);
            store_quad(dmoments + at * 2 * Z + Z + column, ds, count);
        });
    }
};

/// dheads [R, N, 2Z] from dz = tile, all draws of an image in one tile (posterior_samples.cuh), which has as many whole
/// images as it holds.
struct PosteriorBackward {
    float* dheads;
    PosteriorPath<float> path;
    int N, K, Z;
    template <class Tile>
    static WARPVAE_HOST_DEVICE constexpr int images_in(int K) {
        return Tile::kRows / K;
    }
    template <class Tile>
    __device__ void finish(int r, const float* tile, int row0, int column0) const {
        const PathScales<float> scales = path_scales(path, r);
        const int image0 = row0 / K, images = images_in<Tile>(K);
        for (int e = threadIdx.x; e < images * Tile::kColumns; e += blockDim.x) {
            const int across = e % Tile::kColumns, j = column0 + across, i = e / Tile::kColumns;
            if (image0 + i >= N || j >= Z) continue;
            const std::size_t image = std::size_t(r) * N + image0 + i;
            const float *const mu = path.moments + image * 2 * Z + j, *const z = path.z + image * K * Z + j;
            const float *const weights = path.weights + image * K, *const dz = tile + i * K * Tile::kPitch + across;
            PathSums<float> sums;
            sums.begin(scales.of_kl.of(r, j, Z), mu[0], mu[Z]);
#pragma unroll 4
            for (int k = 0; k < K; ++k)
                sums.add(dz[k * Tile::kPitch], scales.of_draws * weights[k], z[std::size_t(k) * Z], mu[0]);
            dheads[image * 2 * Z + j] = sums.dmu;
            dheads[image * 2 * Z + Z + j] = sums.dsigma * dlog_sigma(mu[Z], path.head);
        }
    }
};

/// dx = w tile f'(x) (+ more), where x is the output of activation f and w the row's weight; weighted_x = w x.
struct ActivationMask {
    float* dx;
    const float *x, *more;
    Activation activation;
    int N, in;
    RowWeights<float> rows;
    template <class Tile>
    __device__ void finish(int r, const float* tile, int row0, int column0) const {
        for_quads<Tile>(tile, row0, column0, N, in, [&](int row, int column, float(&v)[4], int count) {
            const std::size_t at = (std::size_t(r) * N + row) * in + column;
            float output[4] = {};
            if (activation != Activation::kNone || rows.weights) read_quad(output, x + at, count);
            with_activation(activation, [&](auto f) {
#pragma unroll
                for (int i = 0; i < 4; ++i) v[i] = f.backward(v[i], output[i]);
            });
            if (rows.weights && count) {
                const float weight = rows.weights[std::size_t(r) * N + row];
#pragma unroll
                for (int i = 0; i < 4; ++i) v[i] *= weight, output[i] *= weight;
                store_quad(rows.weighted_x + at, output, count);
            }
            if (more) {
                float other[4] = {};
                read_quad(other, more + at, count);
#pragma unroll
                for (int i = 0; i < 4; ++i) v[i] += other[i];
            }
            store_quad(dx + at, v, count);
        });
    }
};

}  // namespace warpvae

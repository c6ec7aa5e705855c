#include "cuda/fused_dense.cuh"

#include <climits>

#include "cuda/dense_launch.cuh"
#include "cuda/ops/fused_dense.h"

namespace warpvae {
namespace {

template <class Tile, class Epilogue>
Status product_of(const Operands& A, const Operands& B, int R, const Epilogue& epilogue, MathStream stream,
                  int step = Tile::kRows) {
    return launch_tiles<Tile>(dense_product_kernel<Tile, Epilogue>, A.lines, B.lines, A.K, R, step, stream, A, B,
                              epilogue, step, stream.is_exact());
}

template <Along kB, class Epilogue>
Status product(const Operands& A, const Operands& B, int R, const Epilogue& epilogue, MathStream stream) {
    return with_dense_tile<kB>(A.lines, B.lines, R,
                               [&](auto tile) { return product_of<decltype(tile)>(A, B, R, epilogue, stream); });
}

bool is_sound(int R, int N, int in, int out) { return R >= 0 && N >= 0 && in >= 0 && out >= 0; }
Operands rows_of(const float* x, int N, int width) { return {x, std::size_t(N) * width, N, width}; }

}  // namespace

Status fused_dense_forward(float* y, const float* x, const float* W, const float* b, std::size_t P,
                           Activation activation, int R, int N, int in, int out, MathStream stream) {
    if (!is_sound(R, N, in, out)) return {kInvalidValue};
    return product<Along::kFast>(rows_of(x, N, in), {W, P, out, in}, R, BiasActivation{y, b, P, activation, N, out},
                                 stream);
}

template <class Output, bool with_gradient>
static Status bernoulli_product(const BernoulliLoss<Output, with_gradient>& loss, const float* x, const float* W, int R,
                                int in, MathStream stream) {
    if (!is_sound(R, loss.N, in, loss.D)) return {kInvalidValue};
    if (loss.D == 0 && !loss.nll) return {};
    if (loss.D == 0) return fill_bytes(loss.nll, 0, std::size_t(R) * loss.N * sizeof(float), stream);
    return product<Along::kFast>(rows_of(x, loss.N, in), {W, loss.P, loss.D, in}, R, loss, stream);
}

using ClippedLogits = LogitOutput<FromClippedLogit<float>>;

Status fused_dense_bernoulli(float* nll, float* dlogits, const float* x, const float* W, const float* b, std::size_t P,
                             const BernoulliTarget<float>& target, const RowSumScratch& scratch, int R, int N, int in,
                             int D, MathStream stream) {
    if (!target.fits(N)) return {kInvalidValue};
    const float largest = target.largest_logit > 0 ? target.largest_logit : INFINITY;  // which no logit is beyond
    return bernoulli_product(BernoulliLoss<ClippedLogits, true>{{{largest}}, nll, dlogits, b, P, target, N, D, scratch},
                             x, W, R, in, stream);
}

Status fused_dense_sigmoid_bernoulli(float* nll, float* dlogits, float* y, const float* x, const float* W,
                                     const float* b, std::size_t P, const float* target, float scale,
                                     const RowSumScratch& scratch, int R, int N, int in, int D, MathStream stream) {
    return bernoulli_product(
        BernoulliLoss<SigmoidOutput, true>{{y, {}}, nll, dlogits, b, P, {target, scale}, N, D, scratch}, x, W, R, in,
        stream);
}

Status fused_dense_bernoulli_nll(float* nll, const float* x, const float* W, const float* b, std::size_t P,
                                 Activation activation, const BernoulliTarget<float>& target,
                                 const RowSumScratch& scratch, int R, int N, int in, int D, MathStream stream) {
    if (!is_bernoulli(activation, target, N)) return {kInvalidValue};
    const auto with = [&](const auto& output) {
        return bernoulli_product(
            BernoulliLoss<std::decay_t<decltype(output)>, false>{output, nll, nullptr, b, P, target, N, D, scratch}, x,
            W, R, in, stream);
    };
    if (activation == Activation::kSigmoid) return with(SigmoidOutput{nullptr, {}});
    return target.largest_logit > 0 ? with(ClippedLogits{{target.largest_logit}}) : with(LogitOutput<FromLogit>{});
}

/// A row of 2Z moments in one tile, for up to 32 latents and for more.
using HeadTile = DenseTile<Along::kFast, Along::kFast, 1, 2, 4>;
using WideHeadTile = DenseTile<Along::kFast, Along::kFast, 1, 8, 1>;

bool fused_gaussian_head_fits(int H, int Z) {
    if (2 * Z <= HeadTile::kColumns) return true;
    return 2 * Z <= WideHeadTile::kColumns && WideHeadTile::shared_bytes(H, 1) <= device_shared_bytes();
}

template <class Epilogue>
static Status heads(const Operands& A, const Operands& B, int R, const Epilogue& epilogue, MathStream stream) {
    if (B.lines <= HeadTile::kColumns) return product_of<HeadTile>(A, B, R, epilogue, stream);
    return product_of<WideHeadTile>(A, B, R, epilogue, stream);
}

Status fused_gaussian_head(float* moments, float* z, float* kl, const float* h, const float* W, const float* b,
                           std::size_t P, const GaussianLatent<float>& latent, LatentNoise noise, int R, int N, int H,
                           int Z, MathStream stream) {
    if (!is_sound(R, N, H, Z) || !fused_gaussian_head_fits(H, Z) || noise.first_row % 4) return {kInvalidValue};
    if (Z == 0) return fill_bytes(kl, 0, std::size_t(R) * N * sizeof(float), stream);
    return heads(rows_of(h, N, H), {W, P, 2 * Z, H}, R, GaussianHead{moments, z, kl, b, P, latent, noise, N, Z},
                 stream);
}

Status fused_posterior(const Posterior<float>& out, const float* h, const float* W, const float* b, std::size_t P,
                       VarianceHead head, const LatentNoise& noise, int R, int N, int K, int H, int Z,
                       MathStream stream) {
    if (!is_sound(R, N, H, Z) || !fused_gaussian_head_fits(H, Z) || noise.first_row % 4 || K < 0 ||
        (long long)N * K > INT_MAX)
        return {kInvalidValue};
    if (Z == 0) {
        for (const auto& [sums, rows] : {std::pair{out.kl, N}, {out.ratio, N * K}}) {
            const Status status = sums ? fill_bytes(sums, 0, std::size_t(R) * rows * sizeof(float), stream) : Status();
            if (!status.ok()) return status;
        }
        return {};
    }
    return heads(rows_of(h, N, H), {W, P, 2 * Z, H}, R,
                 PosteriorHead{out.moments, out.kl, b, P, head, {out.z, out.ratio, noise, N, K, Z}}, stream);
}

Status fused_dense_backward_input(float* dx, const float* dy, const float* x, const float* W, std::size_t P,
                                  Activation x_activation, int R, int N, int in, int out, MathStream stream,
                                  const float* more, const RowWeights<float>& rows) {
    if (!is_sound(R, N, in, out)) return {kInvalidValue};
    return product<Along::kSlow>(rows_of(dy, N, out), {W, P, in, out}, R,
                                 ActivationMask{dx, x, more, x_activation, N, in, rows}, stream);
}

Status fused_gaussian_head_backward(float* dmoments, const float* dy, const float* W, std::size_t P, const float* z,
                                    const float* moments, const GaussianLatent<float>& latent,
                                    KlWeight<float> kl_weight, int R, int N, int Z, int out, MathStream stream) {
    if (!is_sound(R, N, Z, out)) return {kInvalidValue};
    return product<Along::kSlow>(rows_of(dy, N, out), {W, P, Z, out}, R,
                                 GaussianHeadBackward{dmoments, z, moments, latent, kl_weight, N, Z}, stream);
}

/// Draws of an image in one tile: up to 16, or up to 64.
using DrawsTile = DenseTile<Along::kFast, Along::kSlow, 1, 1, 8>;
using ManyDrawsTile = DenseTile<Along::kFast, Along::kSlow, 4, 1, 2>;

bool fused_posterior_backward_fits(int K) { return K >= 1 && K <= ManyDrawsTile::kRows; }

Status fused_posterior_backward(float* dheads, const float* dy, const float* W, std::size_t P,
                                const PosteriorPath<float>& path, int R, int N, int K, int Z, int out,
                                MathStream stream) {
    if (!is_sound(R, N, Z, out) || !fused_posterior_backward_fits(K) || (long long)N * K > INT_MAX)
        return {kInvalidValue};
    const Operands A = rows_of(dy, N * K, out), B{W, P, Z, out};
    const PosteriorBackward through{dheads, path, N, K, Z};
    if (K <= DrawsTile::kRows)
        return product_of<DrawsTile>(A, B, R, through, stream, K * PosteriorBackward::images_in<DrawsTile>(K));
    return product_of<ManyDrawsTile>(A, B, R, through, stream, K * PosteriorBackward::images_in<ManyDrawsTile>(K));
}

}  // namespace warpvae

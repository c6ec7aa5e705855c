// Dense layers fused with their neighbours, float: what dense_forward and its like (dense.h) run on a GPU. Letters and
// conventions: cuda/ops.h.
#pragma once
#include "cuda/ops/dense.h"
#include "cuda/ops/renyi.h"

namespace warpvae {

// --- forward and input gradient: fused_dense.cuh ---------------------------------------------------------------------

/// As dense_forward, in one launch.
Status fused_dense_forward(float* y, const float* x, const float* W, const float* b, std::size_t P,
                           Activation activation, int R, int N, int in, int out, MathStream stream);
/// As dense_gather_forward, in one launch: gather_dense.cuh.
Status fused_dense_gather_forward(float* y, const MinibatchRows<float>& x, const float* W, const float* b,
                                  std::size_t P, Activation activation, int R, int N, int in, int out,
                                  MathStream stream);
/// As dense_bernoulli, in one launch.
Status fused_dense_bernoulli(float* nll, float* dlogits, const float* x, const float* W, const float* b, std::size_t P,
                             const BernoulliTarget<float>& target, const RowSumScratch& scratch, int R, int N, int in,
                             int D, MathStream stream);
/// As dense_sigmoid_bernoulli, in one launch.
Status fused_dense_sigmoid_bernoulli(float* nll, float* dlogits, float* y, const float* x, const float* W,
                                     const float* b, std::size_t P, const float* target, float scale,
                                     const RowSumScratch& scratch, int R, int N, int in, int D, MathStream stream);
/// As dense_bernoulli_nll, in one launch.
Status fused_dense_bernoulli_nll(float* nll, const float* x, const float* W, const float* b, std::size_t P,
                                 Activation activation, const BernoulliTarget<float>& target,
                                 const RowSumScratch& scratch, int R, int N, int in, int D, MathStream stream);
/// Whether a block of this device has room for Z latents: 32 always, up to 128 on most.
bool fused_gaussian_head_fits(int H, int Z);
/// As dense_gaussian_head, in one launch, where that fits.
Status fused_gaussian_head(float* moments, float* z, float* kl, const float* h, const float* W, const float* b,
                           std::size_t P, const GaussianLatent<float>& latent, LatentNoise noise, int R, int N, int H,
                           int Z, MathStream stream);
/// As dense_posterior, in one launch, where a Gaussian head fits. Without draws (K = 0) it fills moments and kl alone.
Status fused_posterior(const Posterior<float>& out, const float* h, const float* W, const float* b, std::size_t P,
                       VarianceHead head, const LatentNoise& noise, int R, int N, int K, int H, int Z,
                       MathStream stream);
/// As dense_to_gaussian_backward, in one launch.
Status fused_gaussian_head_backward(float* dmoments, const float* dy, const float* W, std::size_t P, const float* z,
                                    const float* moments, const GaussianLatent<float>& latent,
                                    KlWeight<float> kl_weight, int R, int N, int Z, int out, MathStream stream);
/// Whether a tile has room for K draws of an image: from 1 to 64.
bool fused_posterior_backward_fits(int K);
/// As dense_to_posterior_backward, in one launch, where that fits.
Status fused_posterior_backward(float* dheads, const float* dy, const float* W, std::size_t P,
                                const PosteriorPath<float>& path, int R, int N, int K, int Z, int out,
                                MathStream stream);
/// As dense_backward_input, in one launch.
Status fused_dense_backward_input(float* dx, const float* dy, const float* x, const float* W, std::size_t P,
                                  Activation x_activation, int R, int N, int in, int out, MathStream stream,
                                  const float* more = nullptr, const RowWeights<float>& rows = {});

}  // namespace warpvae

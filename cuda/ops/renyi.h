// Renyi's variational bounds (Li and Turner 2016; Peste et al. 2017): several draws of a Gaussian posterior, the bound
// of their importance weights, and its gradient. Letters and conventions: cuda/ops.h; here K is the number of draws.
#pragma once
#include "cuda/device/device.h"
#include "cuda/ops/dense.h"
#include "cuda/ops/latent.h"

namespace warpvae {

// --- posterior_samples.cuh, renyi_bound.cuh --------------------------------------------------------------------------

/// How the second half of an encoder's output becomes variances.
enum class VarianceHead {
    kExp,      ///< of log variances
    kSoftplus  ///< variance = log(1 + e^raw): argo's
};
inline constexpr double kSmallestVariance = 1e-10;

/// moments [R, N, 2Z], in place from (mu, raw) to (mu, variance), at least kSmallestVariance, and, unless null, kl [R,
/// N] = KL(N(mu, variance) || N(0, 1)).
template <class T>
Status variance_head(T* moments, T* kl, VarianceHead head, int R, int N, int Z, Stream stream);

/// K draws of each row's q(z|x), and the part of each draw's log weight that is not the likelihood:
///   z_k = mu + sqrt(variance) epsilon_k
///   ratio_k = log p(z_k) - log q(z_k|x) = 1/2 sum_j (epsilon_k^2 + log variance - z_k^2)
/// z [R, N, K, Z]; ratio [R, N, K], or null; moments [R, N, 2Z] of (mu, variance). The noise's row is n K + k. Without
/// seeds every draw is mu, and epsilon 0.
template <class T>
Status posterior_samples(T* z, T* ratio, const T* moments, LatentNoise noise, int R, int N, int K, int Z,
                         Stream stream);

/// What a Gaussian encoder says of N images and K draws of each; kl and ratio may be null.
template <class T>
struct Posterior {
    T *moments, *kl;  ///< [R, N, 2Z] of (mu, variance); [R, N]
    T *z, *ratio;     ///< [R, N, K, Z]; [R, N, K]
};
/// A Gaussian encoder's heads and its draws: moments = h W^T + b, then as variance_head and posterior_samples have it.
/// h [R, N, H]; W [2Z, H], b [2Z] at stride P.
template <class T>
Status dense_posterior(const Matmul& matmul, const Posterior<T>& out, const T* h, const T* W, const T* b, std::size_t P,
                       VarianceHead head, const LatentNoise& noise, int R, int N, int K, int H, int Z);

/// Each replica's order.
struct RenyiOrders {
    const double* alphas = nullptr;  ///< device [R]; any real number, or either infinity
    bool analytic_kl = true;         ///< alpha = 1: E nll + KL in closed form; else the mean log weight (Monte Carlo)
};
/// Row losses; each may be null.
template <class T>
struct RenyiBound {
    T* loss;           ///< [R, N]: minus the bound
    T* negative_elbo;  ///< [R, N]: minus the mean log weight, whatever alpha
    T* weights;        ///< [R, N, K]: d loss / d nll = -d loss / d ratio (0 for ratio where the KL is analytic)
};
/// The bound of order alpha from K, 1 at least, log weights w = ratio - nll (Li and Turner, eq. 9 and 12):
///   alpha = 1      mean of w; with kl given and analytic_kl: kl + mean of nll is the loss
///   alpha = -inf   the largest w (VR-max; lowest k of equals), +inf the smallest
///   else           1/(1-alpha) log( 1/K sum_k e^((1-alpha) w_k) ),    weights = softmax of (1-alpha) w
/// alpha = 0 is the importance-weighted bound of Burda et al. (2016). In double; alphas near 1 lose no digits.
///   nll, ratio [R, N, K]; kl [R, N], or null where no gradient follows or analytic_kl is false.
template <class T>
Status renyi_bound(const RenyiBound<T>& out, const T* nll, const T* ratio, const T* kl, const RenyiOrders& orders,
                   int R, int N, int K, Stream stream);

/// What the gradient of L = scale * sum_n loss[n] goes through from the draws to the encoder's output: z = mu + sigma
/// epsilon (the reparameterised gradient), each draw's part of the loss, and the head.
template <class T>
struct PosteriorPath {
    const T *z, *moments;  ///< [R, N, K, Z]; [R, N, 2Z] of (mu, variance)
    const T* weights;      ///< [R, N, K], as renyi_bound has them
    RenyiOrders orders;
    VarianceHead head;
    T scale;
    const T* kl_factors = nullptr;  ///< [R, Z]: of a divergence that is analytic (KlWeight); null: 1
};
/// dheads [R, N, 2Z] = dL/d(mu, raw) from dz [R, N, K, Z], L's gradient through the likelihood alone (it carries scale
/// and weights). Where the variance is at its bound, that by raw is 0.
template <class T>
Status posterior_backward(T* dheads, const T* dz, const PosteriorPath<T>& path, int R, int N, int K, int Z,
                          Stream stream);
/// The input gradient of a decoder's first layer, whose x is z, and posterior_backward of it. dy [R, N K, out]; W [out,
/// Z] at stride P; dz is scratch.
template <class T>
Status dense_to_posterior_backward(const Matmul& matmul, T* dheads, T* dz, const T* dy, const T* W, std::size_t P,
                                   const PosteriorPath<T>& path, int R, int N, int K, int Z, int out);

}  // namespace warpvae

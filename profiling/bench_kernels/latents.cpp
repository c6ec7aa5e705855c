// Gaussian latents, several draws of them and Renyi's bound, and the manifold of Gaussians.
#include "profiling/bench_kernels/rows.h"

namespace warpvae {
namespace {

constexpr Spread kSpread = Spread::kLogVariance;

/// What a latent of 20 numbers is made of, and its fitted prior.
struct Latent {
    float *z, *dz, *moments, *dmoments, *row, *prior;
    LatentNoise noise;
    explicit Latent(Arrays& a)
        : z(a.floats(N * Z)),
          dz(a.floats(N * Z)),
          moments(a.floats(N * 2 * Z)),
          dmoments(a.floats(N * 2 * Z)),
          row(a.floats(N)),
          prior(a.floats(2 * Z)),
          noise(a.noise()) {}
    GaussianPrior<float> fitted() const { return {prior, 2 * Z, prior + Z, 2 * Z}; }
};

/// Peste's VAE 784-200-200-30 with 5 draws of each image.
constexpr int kWidth = 200, kPeste = 30, kDraws = 5;
constexpr double kDrawn = double(N) * kDraws * kPeste, kMoments = 2.0 * N * kPeste, kWeighed = double(N) * kDraws;
constexpr std::size_t kHeads = 2 * kPeste * (kWidth + 1);

struct Draws {
    float *z, *dz, *moments, *dheads, *kl, *nll, *ratio, *weights, *loss;
    const double* alphas;
    LatentNoise noise;
    explicit Draws(Arrays& a)
        : z(a.floats(N * kDraws * kPeste)),
          dz(a.floats(N * kDraws * kPeste)),
          moments(a.floats(N * 2 * kPeste, 0.5f, 1)),
          dheads(a.floats(N * 2 * kPeste)),
          kl(a.floats(N)),
          nll(a.floats(N * kDraws)),
          ratio(a.floats(N * kDraws)),
          weights(a.floats(N * kDraws)),
          loss(a.floats(N)),
          alphas(a.each<double>({0.5})),
          noise(a.noise()) {}
    PosteriorPath<float> path() const { return {z, moments, weights, {alphas}, VarianceHead::kSoftplus, 0.01f}; }
};

constexpr int kSteps = 16, kIterations = 10;

}  // namespace

std::vector<Row> latent_rows() {
    const double gaussians = 4.0 * 2 * kLatents;  // bytes of 128
    return {
        {"gaussian_head_forward (400 to 20 latents)", 4 * (kHidden + 2.0 * Z * H + 3 * kLatents), 4.0 * N * H * Z,
         [](Arrays& a) {
             const Latent l(a);
             float *h = a.floats(N * H), *W = a.floats(2 * Z * (H + 1));
             return [=, R = a.R] {
                 return gaussian_head_forward(l.moments, l.z, l.row, h, W, W + 2 * Z * H, 2 * Z * (H + 1), l.noise, R,
                                              N, H, Z, nullptr);
             };
         }},
        {"gaussian_sample_forward", 4 * 3 * kLatents, 0,
         [](Arrays& a) {
             const Latent l(a);
             return [=, R = a.R] {
                 return gaussian_sample_forward<float>(l.z, l.row, l.moments, {}, kSpread, l.noise, R, N, Z, nullptr);
             };
         }},
        {"gaussian_sample_backward", 4 * 6 * kLatents, 0,
         [](Arrays& a) {
             const Latent l(a);
             return [=, R = a.R] {
                 return gaussian_sample_backward<float>(l.dmoments, l.dz, l.z, l.moments, {}, kSpread, 0.01f, R, N, Z,
                                                        nullptr);
             };
         }},
        {"gaussian_prior_backward", 4 * 2 * kLatents, 0,
         [](Arrays& a) {
             const Latent l(a);
             float* gradients = a.floats(2 * Z);
             return [=, R = a.R] {
                 return gaussian_prior_backward<float>(gradients, gradients + Z, 2 * Z, l.moments, l.fitted(), kSpread,
                                                       0.01f, R, N, Z, nullptr);
             };
         }},
        {"gaussian_prior_sample", 4 * kLatents, 0,
         [](Arrays& a) {
             const Latent l(a);
             return [=, R = a.R] { return gaussian_prior_sample<float>(l.z, l.fitted(), l.noise, R, N, Z, nullptr); };
         }},
        {"gaussian_log_ratio", 4 * (3 * kLatents + 2 * N), 0,
         [](Arrays& a) {
             const Latent l(a);
             return [=, R = a.R] {
                 return gaussian_log_ratio<float>(l.row, l.z, l.moments, l.fitted(), kSpread, R, N, Z, nullptr);
             };
         }},
        {"kl_factors", 4 * 2 * kLatents, 0,
         [](Arrays& a) {
             const Latent l(a);
             float* factors = a.floats(Z);
             const std::uint64_t* step = a.step();
             return [=, R = a.R] {
                 return kl_factors<float>(factors, l.moments, {}, {100, 0.1}, step, R, N, Z, nullptr);
             };
         }},
        {"counted_divergence", 4 * (2 * kLatents + N), 0,
         [](Arrays& a) {
             const Latent l(a);
             const float* factors = a.floats(Z);
             return [=, R = a.R] { return counted_divergence<float>(l.row, l.moments, {}, factors, R, N, Z, nullptr); };
         }},
        {"accumulate_divergences", 4 * 2 * kLatents, 0,
         [](Arrays& a) {
             const Latent l(a);
             double* sums = a.zeros<double>(Z);
             return [=, R = a.R] { return accumulate_divergences<float>(sums, l.moments, {}, R, N, Z, nullptr); };
         }},
        {"log_mean_exp (400 draws)", 8 * kHidden + N * double(sizeof(LogMeanExp)), 0,
         [](Arrays& a) {
             LogMeanExp* out = a.zeros<LogMeanExp>(N);
             float *ratio = a.floats(N * H), *nll = a.floats(N * H);
             return [=, Q = a.R * N] { return log_mean_exp(out, ratio, nll, Q, H, nullptr); };
         }},
        {"accumulate_log_weights (400 draws)", 8 * kHidden + 2.0 * N * sizeof(LogWeights), 0,
         [](Arrays& a) {
             LogWeights* sums = a.zeros<LogWeights>(N);
             float *ratio = a.floats(N * H), *nll = a.floats(N * H);
             return [=, Q = a.R * N] { return accumulate_log_weights(sums, ratio, nll, Q, H, nullptr); };
         }},
        {"fisher_rao_distance", 2 * gaussians + 4 * N, 0,
         [](Arrays& a) {
             float *distance = a.floats(N), *from = a.floats(N * 2 * Z, 0.5f, 1), *to = a.floats(N * 2 * Z, 0.4f, 1);
             return [=, n = a.R * N] { return fisher_rao_distance(distance, from, to, n, Z, nullptr); };
         }},
        {"gaussian_curve (the geodesic, 16 steps)", (2 + kSteps) * gaussians, 0,
         [](Arrays& a) {
             float *points = a.floats(N * kSteps * 2 * Z), *from = a.floats(N * 2 * Z, 0.5f, 1),
                   *to = a.floats(N * 2 * Z, 0.4f, 1), *times = a.floats(kSteps, 0, 1);
             return [=, n = a.R * N] {
                 return gaussian_curve(points, from, to, times, GaussianCurve::kFisherRao, n, kSteps, Z, nullptr);
             };
         }},
        {"fisher_rao_exp", 3 * gaussians, 0,
         [](Arrays& a) {
             float *points = a.floats(N * 2 * Z), *base = a.floats(N * 2 * Z, 0.5f, 1), *tangent = a.floats(N * 2 * Z);
             return [=, n = a.R * N] { return fisher_rao_exp(points, base, tangent, n, Z, nullptr); };
         }},
        {"fisher_rao_log", 3 * gaussians, 0,
         [](Arrays& a) {
             float *points = a.floats(N * 2 * Z, 0.4f, 1), *base = a.floats(N * 2 * Z, 0.5f, 1),
                   *tangent = a.floats(N * 2 * Z);
             return [=, n = a.R * N] { return fisher_rao_log(tangent, base, points, n, Z, nullptr); };
         }},
        {"karcher_mean (10 iterations, one mean of all)", kIterations * gaussians, 0,
         [](Arrays& a) {
             float *mean = a.floats(2 * Z), *residual = a.floats(Z), *points = a.floats(N * 2 * Z, 0.4f, 1);
             return [=, n = a.R * N] { return karcher_mean(mean, residual, points, {kIterations, 0}, n, Z, nullptr); };
         }},
    };
}

std::vector<Row> renyi_rows() {
    return {
        {"variance_head (30 latents)", 8 * kMoments, 0,
         [](Arrays& a) {
             const Draws d(a);
             return [=, R = a.R] {
                 return variance_head(d.moments, d.kl, VarianceHead::kSoftplus, R, N, kPeste, nullptr);
             };
         }},
        {"posterior_samples (30 latents, 5 draws)", 4 * (kDrawn + kMoments + kWeighed), 0,
         [](Arrays& a) {
             const Draws d(a);
             return [=, R = a.R] {
                 return posterior_samples(d.z, d.ratio, d.moments, d.noise, R, N, kDraws, kPeste, nullptr);
             };
         }},
        {"dense_posterior (200 to 30 latents, 5 draws)",
         4 * (N * double(kWidth) + kHeads + kDrawn + kMoments + kWeighed + N), 4.0 * N * kWidth * kPeste,
         [](Arrays& a) {
             const Draws d(a);
             float *h = a.floats(N * kWidth), *W = a.floats(kHeads);
             return [=, R = a.R, &m = a.matmul] {
                 return dense_posterior<float>(m, {d.moments, d.kl, d.z, d.ratio}, h, W, W + 2 * kPeste * kWidth,
                                               kHeads, VarianceHead::kSoftplus, d.noise, R, N, kDraws, kWidth, kPeste);
             };
         }},
        {"renyi_bound (5 draws)", 4 * (3 * kWeighed + N), 0,
         [](Arrays& a) {
             const Draws d(a);
             return [=, R = a.R] {
                 return renyi_bound<float>({d.loss, nullptr, d.weights}, d.nll, d.ratio, d.kl, {d.alphas}, R, N, kDraws,
                                           nullptr);
             };
         }},
        {"posterior_backward (30 latents, 5 draws)", 4 * (2 * kDrawn + 2 * kMoments + kWeighed), 0,
         [](Arrays& a) {
             const Draws d(a);
             return
                 [=, R = a.R] { return posterior_backward(d.dheads, d.dz, d.path(), R, N, kDraws, kPeste, nullptr); };
         }},
        {"dense_to_posterior_backward (30 latents to 200, 5 draws)",
         4 * (kWeighed * kWidth + kWidth * kPeste + kDrawn + 2 * kMoments + kWeighed), 2 * kWeighed * kWidth * kPeste,
         [](Arrays& a) {
             const Draws d(a);
             float *dy = a.floats(N * kDraws * kWidth), *W = a.floats(kWidth * kPeste);
             return [=, R = a.R, &m = a.matmul] {
                 return dense_to_posterior_backward(m, d.dheads, d.dz, dy, W, kWidth * kPeste, d.path(), R, N, kDraws,
                                                    kPeste, kWidth);
             };
         }},
    };
}

std::vector<Row> fused_posterior_rows() {
    return {
        {"fused_posterior (200 to 30 latents, 5 draws)",
         4 * (N * double(kWidth) + kHeads + kDrawn + kMoments + kWeighed + N), 4.0 * N * kWidth * kPeste,
         [](Arrays& a) {
             const Draws d(a);
             float *h = a.floats(N * kWidth), *W = a.floats(kHeads);
             return [=, R = a.R] {
                 return fused_posterior({d.moments, d.kl, d.z, d.ratio}, h, W, W + 2 * kPeste * kWidth, kHeads,
                                        VarianceHead::kSoftplus, d.noise, R, N, kDraws, kWidth, kPeste, nullptr);
             };
         }},
        {"fused_posterior_backward (30 latents to 200, 5 draws)",
         4 * (kWeighed * kWidth + kWidth * kPeste + kDrawn + 2 * kMoments + kWeighed), 2 * kWeighed * kWidth * kPeste,
         [](Arrays& a) {
             const Draws d(a);
             float *dy = a.floats(N * kDraws * kWidth), *W = a.floats(kWidth * kPeste);
             return [=, R = a.R] {
                 return fused_posterior_backward(d.dheads, dy, W, kWidth * kPeste, d.path(), R, N, kDraws, kPeste,
                                                 kWidth, nullptr);
             };
         }},
    };
}

}  // namespace warpvae

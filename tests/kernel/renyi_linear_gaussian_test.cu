// Draws, log weights and bounds together, where everything is known: z ~ N(0, I), x | z ~ N(W z + c, I), and a diagonal
// Gaussian q(z|x) a little off the posterior. The log of the mean weight is log N(x; c, W W^T + I), and Renyi's bound
// of order alpha tends to 1/(1-alpha) log E_q[(p(x, z) / q(z|x))^(1-alpha)], the integral of a Gaussian.
#include "cuda/device/buffer.h"
#include "cuda/ops/renyi.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;

constexpr int kD = 5;
constexpr double kPi = 3.141592653589793;
constexpr double kW[kD][2] = {{0.8, 0.3}, {-0.5, 0.9}, {0.2, -0.7}, {1.1, 0.1}, {-0.4, -0.6}};
constexpr double kC[kD] = {0.5, -1, 0.25, 2, 0}, kX[kD] = {1.7, -1.2, 0.9, 1.4, -0.8};

/// A symmetric matrix and what a Gaussian needs of it.
struct Matrix {
    double a, b, d;  // [[a, b], [b, d]]
    double determinant() const { return a * d - b * b; }
    double quadratic(const double* x) const { return a * x[0] * x[0] + 2 * b * x[0] * x[1] + d * x[1] * x[1]; }
    Matrix inverse() const { return {d / determinant(), -b / determinant(), a / determinant()}; }
    void times(const double* x, double* y) const { y[0] = a * x[0] + b * x[1], y[1] = b * x[0] + d * x[1]; }
    static Matrix mix(double s, const Matrix& m, double t, const Matrix& n) {
        return {s * m.a + t * n.a, s * m.b + t * n.b, s * m.d + t * n.d};
    }
};

/// log N(x; c, W W^T + I) by elimination.
double log_evidence() {
    double A[kD][kD + 1], log_determinant = 0, quadratic = 0;
    for (int i = 0; i < kD; ++i) {
        for (int j = 0; j < kD; ++j) A[i][j] = (i == j) + kW[i][0] * kW[j][0] + kW[i][1] * kW[j][1];
        A[i][kD] = kX[i] - kC[i];
    }
    for (int i = 0; i < kD; ++i) {
        log_determinant += std::log(A[i][i]);
        quadratic += A[i][kD] * A[i][kD] / A[i][i];
        for (int k = i + 1; k < kD; ++k)
            for (int j = kD; j >= i; --j) A[k][j] -= A[k][i] / A[i][i] * A[i][j];
    }
    return -0.5 * (quadratic + log_determinant + kD * std::log(2 * kPi));
}

/// The posterior N(m, precision^-1) and q = N(mu, diag v), wider than it, so that E_q[w^b] exists up to b = 3.
struct Model {
    Matrix precision{1, 0, 1}, of_q{};
    double m[2], mu[2], v[2];
    Model() {
        double projected[2] = {};
        for (int i = 0; i < kD; ++i) {
            precision = Matrix::mix(1, precision, 1, {kW[i][0] * kW[i][0], kW[i][0] * kW[i][1], kW[i][1] * kW[i][1]});
            for (int j = 0; j < 2; ++j) projected[j] += kW[i][j] * (kX[i] - kC[i]);
        }
        precision.inverse().times(projected, m);
        v[0] = 1.15 / precision.a, v[1] = 1.25 / precision.d;
        mu[0] = m[0] + 0.15, mu[1] = m[1] - 0.1;
        of_q = {1 / v[0], 0, 1 / v[1]};
    }
    /// log E_q[w^b], with log w = log p(x) + 1/2 log |precision| / |of_q| + (z-mu)^T of_q (z-mu) / 2
    /// - (z-m)^T precision (z-m) / 2.
    double log_moment(double b) const {
        const Matrix A = Matrix::mix(b, precision, 1 - b, of_q);
        EXPECT_GT(A.a, 0);
        EXPECT_GT(A.determinant(), 0) << "the integral does not exist";
        double from_m[2], from_mu[2], linear[2];
        precision.times(m, from_m), of_q.times(mu, from_mu);
        for (int j = 0; j < 2; ++j) linear[j] = b * from_m[j] + (1 - b) * from_mu[j];
        const double rest = b * precision.quadratic(m) + (1 - b) * of_q.quadratic(mu) - A.inverse().quadratic(linear);
        return b * (log_evidence() + 0.5 * std::log(precision.determinant() / of_q.determinant())) +
               0.5 * std::log(of_q.determinant() / A.determinant()) - 0.5 * rest;
    }
    double bound(double alpha) const {
        if (alpha != 1) return log_moment(1 - alpha) / (1 - alpha);
        const double off[2] = {mu[0] - m[0], mu[1] - m[1]};  // E_q of both quadratics
        return log_evidence() + 0.5 * std::log(precision.determinant() / of_q.determinant()) + 1 -
               0.5 * (precision.a * v[0] + precision.d * v[1] + precision.quadratic(off));
    }
    /// The standard error of the bound from K draws: that of log mean w^b, over b.
    double standard_error(double alpha, int K) const {
        const double b = 1 - alpha;
        return std::sqrt(std::expm1(log_moment(2 * b) - 2 * log_moment(b)) / K) / std::abs(b);
    }
};

TEST(RenyiLinearGaussian, BoundsAreTheGaussianIntegrals) {
    const Model model;
    const bool is_fast = launch_options().cpu_blocks == CpuBlocks::kOneThread;  // lanes: fewer draws will do
    const int K = is_fast ? 200000 : 4000, chunk = K / 10;
    const std::vector<double> alphas{0, 0.5, 0.9, -0.5, 1};
    const int R = int(alphas.size());

    std::vector<double> nll, ratio;
    DeviceBuffer<LogWeights> sums(1);
    sums.zero();
    DeviceBuffer<std::uint64_t> seeds(std::vector<std::uint64_t>{2016});
    GuardedBuffer<double> moments(std::vector<double>{model.mu[0], model.mu[1], model.v[0], model.v[1]}), z(2 * chunk),
        ratios(chunk), losses(chunk);
    for (int first = 0; first < K; first += chunk) {
        const LatentNoise noise{seeds.data(), nullptr, Purpose::kEvaluate, std::size_t(first)};
        check(posterior_samples(z.data(), ratios.data(), moments.data(), noise, 1, 1, chunk, 2, nullptr));
        const std::vector<double> at = z.download();
        std::vector<double> of_chunk(chunk, 0.5 * kD * std::log(2 * kPi));
        for (int k = 0; k < chunk; ++k)
            for (int i = 0; i < kD; ++i) {
                const double off = kX[i] - kC[i] - kW[i][0] * at[2 * k] - kW[i][1] * at[2 * k + 1];
                of_chunk[k] += 0.5 * off * off;
            }
        losses.upload(of_chunk);
        check(accumulate_log_weights<double>(sums.data(), ratios.data(), losses.data(), 1, chunk, nullptr));
        for (const double x : of_chunk) nll.push_back(x);
        for (const double x : ratios.download()) ratio.push_back(x);
    }

    // The evidence: from the running sums, and as well from all at once.
    const LogMeanExp running = sums.download()[0].result();
    GuardedBuffer<double> all_nll(nll), all_ratio(ratio);
    DeviceBuffer<LogMeanExp> at_once(1);
    check(log_mean_exp<double>(at_once.data(), all_ratio.data(), all_nll.data(), 1, K, nullptr));
    EXPECT_NEAR(running.log_mean, at_once.download()[0].log_mean, 1e-12);
    const double ess = running.effective_sample_size;
    EXPECT_GT(ess, 0.8 * K);
    expect_close(std::vector<double>{running.log_mean}, std::vector<double>{log_evidence()},
                 Tolerance{4 * std::sqrt(1 / ess - 1. / K), 0}, "log N(x; c, W W^T + I)");
    EXPECT_NEAR(model.bound(0), log_evidence(), 1e-12) << "the closed forms disagree";

    // The bounds, one replica each, of the same draws; that of order 1 is the mean log weight.
    std::vector<double> loss_of, ratio_of, bounds, allowed;
    double mean = 0, squares = 0;
    for (int k = 0; k < K; ++k) mean += (ratio[k] - nll[k]) / K, squares += std::pow(ratio[k] - nll[k], 2) / K;
    for (const double alpha : alphas) {
        loss_of.insert(loss_of.end(), nll.begin(), nll.end());
        ratio_of.insert(ratio_of.end(), ratio.begin(), ratio.end());
        bounds.push_back(-model.bound(alpha));
        allowed.push_back(4 * (alpha == 1 ? std::sqrt((squares - mean * mean) / K) : model.standard_error(alpha, K)));
    }
    GuardedBuffer<double> l(loss_of), p(ratio_of), loss(R), of(alphas);
    check(renyi_bound(RenyiBound<double>{loss.data(), nullptr, nullptr}, l.data(), p.data(),
                      static_cast<const double*>(nullptr), {of.data(), false}, R, 1, K, nullptr));
    expect_close(loss.download(), bounds, allowed, "bounds of orders 0, 0.5, 0.9, -0.5 and 1");
}

}  // namespace
}  // namespace warpvae

// What classifiers and figures read of any auto-encoder's posteriors: draws or means of z, moments, poses.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "host/evaluate/batches.h"

namespace warpvae {

/// What a classifier reads of q(z | x): one sample of it, or its mean.
enum class FeatureKind { kSample, kMean };
const char* name_of(FeatureKind kind);
inline constexpr std::array<FeatureKind, 2> kFeatureKinds = {FeatureKind::kSample, FeatureKind::kMean};

/// Features [R, count, Z] on the device. `set` (0, 1, ...) gives each data set noise of its own. `seeds` [R] as the
/// trainer's.
DeviceBuffer<float> extract_features(Autoencoder<float>& model, const GivenImages& images, FeatureKind kind,
                                     const DeviceBuffer<std::uint64_t>& seeds, int set);

/// Posteriors of a set, device memory.
struct Posteriors {
    std::size_t count = 0;
    int latents = 0;
    DeviceBuffer<float> means;    ///< [R, count, Z]
    DeviceBuffer<float> moments;  ///< [R, count, 2Z]: means, then what the model's spread() says
    DeviceBuffer<float> samples;  ///< [R, count, Z]: one draw each, those of extract_features
};
Posteriors read_posteriors(Autoencoder<float>& model, const GivenImages& images,
                           const DeviceBuffer<std::uint64_t>& seeds, int set);

/// sigma of what a model calls the spread s (gaussian_moments.cuh, on the host).
float deviation_of(Spread spread, float s);

/// The poses u of a set by replica r, from the mean of q(u | x): host [count, S].
std::vector<float> extract_poses(Autoencoder<float>& model, const GivenImages& images, int r);

struct PoseSummary {
    std::vector<double> mean, deviation;  ///< [S] over the set
    /// Between two numbers of u over the set, in size: the largest, and the mean over pairs that vary.
    double largest_correlation = 0, mean_correlation = 0;
    /// Of the 2 x 2 part of the affine warp that makes x' (of a DT-VAE the second): above 1 the warp shrinks what it is
    /// given; 0 for splines.
    double mean_determinant = 0;
};
/// poses [n, S].
PoseSummary summarise_poses(const std::vector<float>& poses, const Pose& pose);

/// "Carries information" (Peste et al. 2017, section 2.1): the variance of posterior means along a direction.
inline constexpr double kInformativeVariance = 0.01;

/// Principal components of posterior means (Peste et al. 2017, section 2.1).
struct MeanSpectrum {
    std::vector<double> eigenvalues;  ///< [Z] of the covariance (over n), falling
    int informative = 0;              ///< eigenvalues above 0.01
    /// Mean over informative eigenvectors of their largest loading in size: 1 where they are axes.
    double alignment = 0;
};
/// means: device [n, Z].
MeanSpectrum mean_spectrum(const float* means, std::size_t n, int Z, const Matmul& matmul);

}  // namespace warpvae

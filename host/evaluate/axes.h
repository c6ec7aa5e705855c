// Are the directions that a model finds the axes of its latents? A VAE's posterior has a diagonal covariance, which
// ties its latents to axes; without that, a rotation of them would be as good. Each measure here has a value where
// latents are axes, and stands beside what random rotations of the same latents give: alone, a number such as the
// largest loading of an eigenvector (0.51 on average in 18 random dimensions) says nothing.
//
//   loading      largest entry, in size, of an eigenvector of the means' covariance; mean over informative ones. It
//                cannot decide where eigenvalues are near each other: any basis of their span is one of eigenvectors.
//   correlation  in size, between the means of two active latents; mean over pairs. Axes: 0.
//   overlap      share of the informative eigenvectors' squared length that lies in the active axes. Axes: 1.
//   Jacobian     of the decoder, J = U S V^T at the posterior means of images: distance of V to the nearest signed
//                permutation, ||V - P||_F, mean over images (Rolinek, Zietlow and Martius 2019). Axes: 0.
//
// A latent is active, and an eigenvector informative, where the variance of the means along it is above 0.01. Rotations
// are of the active latents; for the overlap, where that would change nothing, of all.
#pragma once
#include <cmath>
#include <cstdint>
#include <vector>

#include "host/evaluate/pca.h"
#include "models/autoencoder.h"

namespace warpvae {

struct AgainstRotations {
    double value = NAN;                          ///< of the model
    double axes = NAN;                           ///< where latents are axes
    double random_mean = NAN, random_std = NAN;  ///< over random rotations
    double p = 1;  ///< share of rotations that are as near to the axes or nearer, the model counted as one of them

    /// Whether a rotation changes the measure: not the overlap where all latents are active.
    bool decides() const { return random_std > 1e-9; }
    /// 1 where latents are axes, 0 where they are as in a random rotation, on average.
    double score() const { return (random_mean - value) / (random_mean - axes); }
    /// Its members by name, as result.json lists them.
    template <class Fields>
    void fields(Fields& f) {
        f("value", value), f("axes", axes), f("random_mean", random_mean), f("random_std", random_std), f("p", p);
    }
};

struct AxisMeasures {
    int active = 0;
    AgainstRotations loading = {}, correlation = {}, overlap = {}, jacobian = {};
    template <class Fields>
    void fields(Fields& f) {
        f("active", active);
        f("loading", loading), f("correlation", correlation), f("overlap", overlap), f("jacobian", jacobian);
    }
};

struct AxesOptions {
    std::uint64_t seed = 1;   ///< of the rotations
    int rotations = 199;      ///< so the smallest p is 0.005
    std::size_t images = 25;  ///< of which the Jacobian is taken, the first so many
};

/// J^T J of the decoder of replica r, [Z, Z] for each of the latents z, host [n, Z]: J [D, Z] is the derivative of the
/// decoded image (the mean of p(x | z)), by central differences.
std::vector<std::vector<double>> decoder_grams(Autoencoder<float>& model, const std::vector<float>& z, int r);

/// The distance of an orthogonal V [d, d] to the nearest signed permutation, ||V - P||_F.
double distance_to_permutation(const std::vector<double>& V, int d);

/// means: all Z principal components of the posterior means; grams: decoder_grams of some images. NaN where fewer than
/// two latents are active.
AxisMeasures measure_axes(const Pca& means, const std::vector<std::vector<double>>& grams, const AxesOptions& options);

}  // namespace warpvae

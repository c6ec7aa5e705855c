// Evaluation that only EQUIVAE needs: its latents image by image, and three ways of reading an image's class. Other
// evaluation (elbo.h, features.h, ...) takes it as any auto-encoder, with the images of complements_of. All R replicas
// run in the same launches; results lie on the host.
#pragma once
#include <cstdint>
#include <vector>

#include "host/evaluate/batches.h"
#include "models/equivae.h"

namespace warpvae {

/// `images` with r of each from m others of its class (`classes`, of the same images): what other evaluations take in
/// place of images. m is at most what the model and the smallest class allow. In the ablation r is the image's own. The
/// complementary images are those of `seeds`, the same at every call. All must outlive it.
GivenImages complements_of(Equivae<float>& model, const DeviceImages& images, const ClassSets& classes, int m,
                           const DeviceBuffer<std::uint64_t>& seeds);

/// One replica's numbers for n images.
struct EquivaeLatents {
    std::vector<float> r, v;        ///< [n, Z]; v the posterior's mean
    std::vector<float> v_sample;    ///< [n, Z]: a draw of q(v | r, x)
    std::vector<float> nll, kl;     ///< [n]: -log p(x | r, v) of that draw, and KL(q(v | r, x) || N(0, I))
    std::vector<double> latent_kl;  ///< [Z]: nats of each latent of v, the largest first
};

/// Latents of images whose classes are known, given complements_of them. [R].
std::vector<EquivaeLatents> equivae_latents(Equivae<float>& model, const DeviceImages& images, const ClassSets& classes,
                                            int m, const DeviceBuffer<std::uint64_t>& seeds);

/// f_inv(x), m = 1: what an image's class is read from when it is not known. [R] of [n, Z].
std::vector<std::vector<float>> embed_images(Equivae<float>& model, const DeviceImages& images);

/// The mean of f_inv(x) over each class: r_y. x [n, Z]; returns [classes, Z].
std::vector<float> class_means(const std::vector<float>& x, const std::vector<std::uint8_t>& labels, int classes);

/// The class whose r_y is nearest to each f_inv(x): p(y | x) ~ exp(-|f_inv(x) - r_y|^2) is largest there.
std::vector<std::uint8_t> nearest_classes(const std::vector<float>& x, const std::vector<float>& means, int classes);

/// The class that maximises the bound of log p(x, y) at r = r_y and the posterior's mean v. means [R] of [classes, Z],
/// log_prior [classes]. [R] of [n].
std::vector<std::vector<std::uint8_t>> most_likely_classes(Equivae<float>& model, const DeviceImages& images,
                                                           const std::vector<std::vector<float>>& means,
                                                           const std::vector<double>& log_prior);

/// The most probable class of q(y | x). [R] of [n]. Semi-supervised models only.
std::vector<std::vector<std::uint8_t>> classify_images(Equivae<float>& model, const DeviceImages& images);

/// The share of `predicted` that is not `labels`.
double error_rate(const std::vector<std::uint8_t>& predicted, const std::vector<std::uint8_t>& labels);

}  // namespace warpvae

// Denoising with a trained auto-encoder (Vive: "better ... denoising"): it encodes a noisy image, decodes the mean of
// q(z, u | noisy), and the result is compared with the clean image.
#pragma once
#include <vector>

#include "host/evaluate/batches.h"

namespace warpvae {

/// Where the nats of one image come from. Of several samples of an image the means.
struct ImageCost {
    std::size_t image = 0;
    double reconstruction = 0;     ///< -log p(clean | z, u)
    double kl_of_means = 0;        ///< of z, summed over latents: mu^2 / 2
    double kl_of_spreads = 0;      ///< and (sigma^2 - 1) / 2 - log sigma
    double pose_kl = 0;            ///< of u, where that has a prior
    double largest_deviation = 0;  ///< sigma of q(z | noisy)
    int wrong_pixels = 0;          ///< whose mean under p(x | z, u) is off the clean pixel by 0.9 or more
    std::vector<float> u = {};     ///< a sample of q(u | noisy); empty without a pose
    double negative_elbo() const { return reconstruction + kl_of_means + kl_of_spreads + pose_kl; }
};

struct DenoisingSummary {
    /// dB against the clean image, means over the images: of the noisy input, and of its reconstruction. An image that
    /// the noise left as it was counts as 58.9 dB (psnr.cuh).
    double noisy_psnr = 0, psnr = 0;
    /// Nats per image: -log p(clean | z, u) of one sample of q(z, u | noisy) (of posteriors_per_image() in their mean),
    /// and that posterior's divergence.
    double negative_elbo = 0, reconstruction = 0, kl = 0;
    double median = 0;             ///< of an image's negative ELBO: a mean over images may be one image's
    double share_above_limit = 0;  ///< of images that cost more than kCostLimit nats
    ImageCost worst;               ///< the image that costs most
};
/// A reconstruction that is grey all over, p = 1/2, costs D log 2 nats: 543 for 28 x 28 pixels. Above this limit the
/// image is not merely badly restored.
inline constexpr double kCostLimit = 1000;

/// One summary per replica. `seeds` [R] as the trainer's; the noise is the same at every call, whatever max_rows().
std::vector<DenoisingSummary> evaluate_denoising(Autoencoder<float>& model, const DeviceImages& images,
                                                 Degradation noise, const DeviceBuffer<std::uint64_t>& seeds);

struct DenoisingPictures {
    std::vector<float> clean, noisy;         ///< host [n, D]
    std::vector<float> denoised, reference;  ///< x' and y', from the mean of q; the same without a pose
};
/// The first `n` images (or all, if there are fewer) through replica r. Without noise (amount 0) what the model makes
/// of the images as they are; `seeds` may then be empty.
DenoisingPictures denoising_pictures(Autoencoder<float>& model, const DeviceImages& images, Degradation noise,
                                     std::size_t n, int r, const DeviceBuffer<std::uint64_t>& seeds);

}  // namespace warpvae

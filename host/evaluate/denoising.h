// Denoising with a trained auto-encoder (Vive: "better ... denoising"): it encodes a noisy image, decodes the mean of
// q(z, u | noisy), and the result is compared with the clean image.
#pragma once
#include <vector>

#include "host/evaluate/batches.h"

namespace warpvae {

struct DenoisingSummary {
    /// dB against the clean image, means over the images: of the noisy input, and of its reconstruction. An image that
    /// the noise left as it was counts as 58.9 dB (psnr.cuh).
    double noisy_psnr = 0, psnr = 0;
    /// Nats per image: -log p(clean | z, u) of one sample of q(z, u | noisy) (of posteriors_per_image() in their mean),
    /// and that posterior's divergence.
    double negative_elbo = 0, reconstruction = 0, kl = 0;
};

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

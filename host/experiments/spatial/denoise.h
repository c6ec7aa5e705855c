// What the models make of spoilt images: a table over models and kinds of noise, and a user's own pictures.
#pragma once
#include <filesystem>
#include <vector>

#include "host/evaluate/denoising.h"
#include "host/experiments/spatial/spatial.h"
#include "host/show/table.h"

namespace warpvae {

/// The noise that the table has: salt and pepper 0.2, Gaussian 0.3, occlusion 0.4.
const std::vector<Degradation>& denoising_noises();
/// "salt-and-pepper 0.2"
std::string name_of(const Degradation& noise);

/// A row for each model, dim(z) and noise: PSNR in dB of the noisy test images and of their reconstructions against the
/// clean ones, and -log p(clean) bounded through q(z, u | noisy), in nats; over the seeds of `replicas`, which are
/// trained; where a seed has several restarts, pass the one that counts.
Table denoising_table(const SpatialExperiment& experiment, const std::vector<SpatialReplica>& replicas);

/// Puts the images of PNG and IDX files through a trained model: NAME-denoised.png for each, dark on light where the
/// input was, and a sheet denoised.png of the first of them (input, reconstruction, reference pose) in `out_folder`;
/// says what it did. Throws Error if a file is not what it should be.
void denoise_user_images(const SpatialExperiment& experiment, const SpatialReplica& replica,
                         const std::vector<std::filesystem::path>& paths, const std::filesystem::path& out_folder);

}  // namespace warpvae

// What any auto-encoder makes of images and of latents, on the host: for scores and pictures.
#pragma once
#include <cstdint>
#include <vector>

#include "host/evaluate/batches.h"

namespace warpvae {

/// What latents decode to, by replica r: z host [n, Z] -> host [n, D], the means of p(x | z). A pose, or what the model
/// is given besides, stays as it lies in the model.
std::vector<float> decode_latents(Autoencoder<float>& model, const std::vector<float>& z, int r);

/// What one replica makes of images through the means of its posteriors.
struct ReplicaView {
    std::vector<float> z;          ///< [n, Z]
    std::vector<float> u;          ///< [n, S]; empty without a pose
    std::vector<float> reference;  ///< y' [n, D]; x' without a pose
    std::vector<float> output;     ///< x' [n, D]: the means of p(x | z)
};
/// Bytes [n, D] as seen by replica r. The same bits whichever replicas are beside it (CPU device).
ReplicaView view_replica(Autoencoder<float>& model, const std::vector<std::uint8_t>& images, int r);

}  // namespace warpvae

// What one replica of a SpatialVae makes of images, through the means of its posteriors: on the host, for scores and
// pictures.
#pragma once
#include <cstdint>
#include <vector>

#include "models/spatial_vae.h"

namespace warpvae {

struct ReplicaView {
    std::vector<float> z;          ///< [n, Z]
    std::vector<float> u;          ///< [n, S]; empty for a VAE
    std::vector<float> reference;  ///< y' [n, D]; a VAE's x'
    std::vector<float> output;     ///< x' [n, D]
};

/// Bytes [n, D] as seen by replica r. The same bits whichever replicas are beside it (CPU device).
ReplicaView view_replica(SpatialVae<float>& model, const std::vector<std::uint8_t>& images, int r,
                         const Matmul& matmul);

}  // namespace warpvae

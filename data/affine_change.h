// Turning, scaling, shearing and moving images: the change in words (degrees, pixels), and the affine map for it that
// the affine_warp kernel takes.
#pragma once
#include <cstdint>
#include <vector>

#include "cuda/ops.h"
#include "data/idx.h"

namespace warpvae {

/// The point that rotation, scale and shear leave where it is.
enum class Centre {
    kPixels,   ///< ((W-1)/2, (H-1)/2), 13.5 for 28 pixels: the middle of the image
    kHalfSize  ///< (W/2, H/2), 14 for 28 pixels: half a pixel right and below, as older image libraries had it
};

/// Applied in this order: scale, shear, rotation, translation.
struct AffineChange {
    double scale_x = 1, scale_y = 1;          ///< above 1 the digit grows
    double shear = 0;                         ///< x moves by shear * height above the centre: above 0 it leans right
    double rotation = 0;                      ///< degrees, counter-clockwise as the image is shown
    double translate_x = 0, translate_y = 0;  ///< pixels, to the right and down
    Centre centre = Centre::kPixels;
};

/// The map from output to input pixels that makes the change. Multiples of 90 degrees are exact. Throws Error if a
/// scale is not above 0 or a number not finite.
AffineMap affine_map(const AffineChange& change);

/// The set's images, each changed on the device: image n by maps[n], or all by maps[0] if there is only one map.
std::vector<std::uint8_t> warp_images(const ImageSet& set, const std::vector<AffineMap>& maps,
                                      Interpolation interpolation);

}  // namespace warpvae

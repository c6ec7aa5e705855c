// Sets made from another set by turning and scaling its images: the four versions of MNIST that `invariance` trains and
// tests on (Mills 2024, section 2.1: unchanged, turned, enlarged, both at random), and `mnist-rot`, where every image
// is turned by an angle of its own (as Larochelle et al. 2007 did).
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "data/affine_change.h"
#include "data/idx.h"

namespace warpvae {

enum class Variant {
    kStandard,       ///< s: unchanged
    kFixedRotation,  ///< fr: turned by `rotation`
    kFixedScale,     ///< fs: enlarged by `scale`
    kRandom  ///< rt: turned by U[-rotation, rotation] and scaled by U[min_scale, max_scale], drawn once per image
};
inline constexpr Variant kVariants[] = {Variant::kStandard, Variant::kFixedRotation, Variant::kFixedScale,
                                        Variant::kRandom};
/// "s", "fr", "fs", "rt".
const char* variant_code(Variant variant);
/// The inverse; throws UsageError naming the choices.
Variant parse_variant(std::string_view code);

/// The paper says "fixed scale 1.1x", which can be done in two ways.
enum class FixedScale {
    kAffine,     ///< an affine map about the centre, as the random scale of rt
    kResizeCrop  ///< resize to round(1.1 * 28) = 31 pixels, then the middle 28 as torchvision's CenterCrop takes them:
                 ///< from pixel round(1.5) = 2, so the digit also moves half a pixel up and to the left
};

/// What the paper does not say is an option here. Rotation and scale are done in a single resampling; pixels that come
/// from outside the image are 0.
struct VariantOptions {
    Interpolation interpolation = Interpolation::kBilinear;
    bool clockwise = false;  ///< which way a positive angle turns the image as it is shown
    Centre centre = Centre::kPixels;
    double rotation = 20;  ///< degrees
    double scale = 1.1;
    FixedScale fixed_scale = FixedScale::kAffine;
    double min_scale = 0.9, max_scale = 1.1;
};

/// The change made to each of the first `count` images of `part`. Depends on (variant, options, seed, part, index)
/// only: image i is the same whatever the count.
std::vector<AffineMap> variant_maps(Variant variant, const VariantOptions& options, std::uint64_t seed, Part part,
                                    std::size_t count);
/// The set's images, changed. Labels stay as they are.
std::vector<std::uint8_t> make_variant(const ImageSet& set, Variant variant, const VariantOptions& options,
                                       std::uint64_t seed, Part part);

/// Every image turned by its own angle, uniform over the circle.
std::vector<std::uint8_t> rotate_over_circle(const ImageSet& set, std::uint64_t seed, Part part);

}  // namespace warpvae

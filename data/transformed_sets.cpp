#include "data/transformed_sets.h"

#include <cmath>
#include <string>

#include "cuda/device/buffer.h"
#include "data/error.h"

namespace warpvae {
namespace {

// Random numbers are addressed by a step; those of Purpose::kDataset below 100 are used here, the others in glyphs.cpp.
enum class Draw : std::uint64_t { kRotation = 0, kScale = 1, kCircle = 2 };

/// One number for each image, in [low, high).
std::vector<float> draw(std::size_t count, float low, float high, std::uint64_t seed, Draw what, Part part) {
    DeviceBuffer<float> numbers(count, "draws of a data set");
    const std::uint64_t step = 2 * static_cast<std::uint64_t>(what) + (part == Part::kTest ? 1 : 0);
    check(philox_uniform(numbers.data(), count, low, high, seed, Purpose::kDataset, step, nullptr));
    return numbers.download();
}

/// Resizing and then cropping the middle, as one affine map. Resizing aligns the areas of pixels:
/// input = (output + 0.5) * from / to - 0.5.
AffineMap resize_and_crop(double scale, int width, int height) {
    const auto axis = [&](int side, float& factor, float& shift) {
        const int to = static_cast<int>(std::lround(scale * side));
        const double first = std::nearbyint((to - side) / 2.0), ratio = double(side) / to, centre = (side - 1) / 2.0;
        factor = float(ratio);
        shift = float((centre + first + 0.5) * ratio - 0.5 - centre);
    };
    AffineMap map;
    axis(width, map.a, map.tx);
    axis(height, map.d, map.ty);
    return map;
}

}  // namespace

const char* variant_code(Variant variant) {
    switch (variant) {
        case Variant::kStandard:
            return "s";
        case Variant::kFixedRotation:
            return "fr";
        case Variant::kFixedScale:
            return "fs";
        case Variant::kRandom:
            return "rt";
    }
    return "?";
}

Variant parse_variant(std::string_view code) {
    for (const Variant variant : kVariants) {
        if (code == variant_code(variant)) return variant;
    }
    throw UsageError("unknown variant \"" + std::string(code) + "\": choose s, fr, fs or rt");
}

std::vector<AffineMap> variant_maps(Variant variant, const VariantOptions& options, std::uint64_t seed, Part part,
                                    std::size_t count) {
    const double sense = options.clockwise ? -1 : 1;
    AffineChange change;
    change.centre = options.centre;
    if (variant == Variant::kFixedRotation) change.rotation = sense * options.rotation;
    if (variant == Variant::kFixedScale) change.scale_x = change.scale_y = options.scale;
    std::vector<AffineMap> maps(count, affine_map(change));
    if (variant == Variant::kRandom) {
        const auto rotations =
            draw(count, float(-options.rotation), float(options.rotation), seed, Draw::kRotation, part);
        const auto scales = draw(count, float(options.min_scale), float(options.max_scale), seed, Draw::kScale, part);
        for (std::size_t i = 0; i < count; ++i) {
            change.rotation = sense * double(rotations[i]);
            change.scale_x = change.scale_y = double(scales[i]);
            maps[i] = affine_map(change);
        }
    }
    return maps;
}

std::vector<std::uint8_t> make_variant(const ImageSet& set, Variant variant, const VariantOptions& options,
                                       std::uint64_t seed, Part part) {
    if (variant == Variant::kStandard) return set.images;
    if (variant == Variant::kFixedScale && options.fixed_scale == FixedScale::kResizeCrop)
        return warp_images(set, {resize_and_crop(options.scale, set.width, set.height)}, options.interpolation);
    return warp_images(set, variant_maps(variant, options, seed, part, set.count()), options.interpolation);
}

std::vector<std::uint8_t> rotate_over_circle(const ImageSet& set, std::uint64_t seed, Part part) {
    const auto angles = draw(set.count(), 0, 360, seed, Draw::kCircle, part);
    std::vector<AffineMap> maps;
    maps.reserve(set.count());
    for (const float angle : angles) {
        AffineChange change;
        change.rotation = double(angle);
        maps.push_back(affine_map(change));
    }
    return warp_images(set, maps, Interpolation::kBilinear);
}

}  // namespace warpvae

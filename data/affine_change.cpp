#include "data/affine_change.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "cuda/device/buffer.h"
#include "data/error.h"

namespace warpvae {
namespace {

/// Images per launch: what is on the device at once stays below some tens of megabytes.
constexpr std::size_t kChunk = 16384;

struct SineCosine {
    double sine, cosine;
};
/// Exactly 0 and 1 at quarter turns, where sin(pi) is 1.2e-16.
SineCosine of_degrees(double degrees) {
    const double turns = std::remainder(degrees, 360.0) / 90.0;
    if (turns == std::floor(turns)) {
        constexpr double kSine[4] = {0, 1, 0, -1};
        const int quarter = static_cast<int>(turns) & 3;
        return {kSine[quarter], kSine[(quarter + 1) & 3]};
    }
    const double angle = turns * (std::numbers::pi / 2);
    return {std::sin(angle), std::cos(angle)};
}

/// Each colour as a grey image of its own.
std::vector<std::uint8_t> warp_colours(const ImageSet& set, const std::vector<AffineMap>& maps,
                                       Interpolation interpolation) {
    std::vector<std::uint8_t> result(set.images.size());
    const std::size_t channels = std::size_t(set.channels);
    ImageSet plane{set.height, set.width, std::vector<std::uint8_t>(set.count() * set.pixels()), set.labels};
    for (std::size_t c = 0; c < channels; ++c) {
        for (std::size_t i = 0; i < plane.images.size(); ++i) plane.images[i] = set.images[channels * i + c];
        const std::vector<std::uint8_t> warped = warp_images(plane, maps, interpolation);
        for (std::size_t i = 0; i < warped.size(); ++i) result[channels * i + c] = warped[i];
    }
    return result;
}

}  // namespace

AffineMap affine_map(const AffineChange& change) {
    for (const double number :
         {change.scale_x, change.scale_y, change.shear, change.rotation, change.translate_x, change.translate_y}) {
        if (!std::isfinite(number)) throw UsageError("rotation, scale, shear and translation must be finite numbers");
    }
    if (!(change.scale_x > 0) || !(change.scale_y > 0)) throw UsageError("a scale must be above 0");

    // Forward, offsets from the centre with y down:  out = R K S in + t, with
    //   S = diag(sx, sy),  K = [1 -k; 0 1],  R = [cos sin; -sin cos]  (counter-clockwise as shown).
    // Wanted is  in = S^-1 K^-1 R^-1 (out - t).
    const auto [sine, cosine] = of_degrees(change.rotation);
    const double k = change.shear;
    const double a = (cosine + k * sine) / change.scale_x, b = (-sine + k * cosine) / change.scale_x;
    const double c = sine / change.scale_y, d = cosine / change.scale_y;
    // Offsets from another centre e:  in - e = A (out - e - t).
    const double e = change.centre == Centre::kHalfSize ? 0.5 : 0;
    const double x = e + change.translate_x, y = e + change.translate_y;
    return {float(a), float(b), float(e - (a * x + b * y)), float(c), float(d), float(e - (c * x + d * y))};
}

std::vector<std::uint8_t> warp_images(const ImageSet& set, const std::vector<AffineMap>& maps,
                                      Interpolation interpolation) {
    if (maps.size() != 1 && maps.size() != set.count()) throw Error("one map for each image, or one for all");
    if (set.channels > 1) return warp_colours(set, maps, interpolation);
    const std::size_t chunk = std::min(kChunk, set.count());
    DeviceBuffer<std::uint8_t> in(chunk * set.pixels(), "images to warp"), out(chunk * set.pixels(), "warped images");
    DeviceBuffer<AffineMap> device_maps(chunk, "affine maps");
    std::vector<std::uint8_t> result(set.images.size());
    if (maps.size() == 1) device_maps.upload(std::vector<AffineMap>(chunk, maps[0]));
    for (std::size_t first = 0; first < set.count(); first += chunk) {
        const std::size_t count = std::min(chunk, set.count() - first), offset = first * set.pixels();
        if (maps.size() > 1) device_maps.upload(maps.data() + first, count);
        in.upload(set.images.data() + offset, count * set.pixels());
        check(affine_warp(out.data(), in.data(), device_maps.data(), interpolation, count, set.height, set.width,
                          nullptr));
        out.download(result.data() + offset, count * set.pixels());
    }
    return result;
}

}  // namespace warpvae

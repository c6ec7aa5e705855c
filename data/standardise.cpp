#include "data/standardise.h"

#include <cmath>
#include <cstdint>

#include "data/error.h"

namespace warpvae {

Standardisation standardise(const ImageSet& train) {
    const std::size_t size = train.image_size(), count = train.count();
    if (!count) throw Error("no images to standardise by");
    // Sums in integers are exact, so a deviation that is small beside its mean is exact, too.
    std::vector<std::uint64_t> sums(size), squares(size);
    for (std::size_t n = 0; n < count; ++n) {
        const std::uint8_t* image = train.images.data() + n * size;
        for (std::size_t i = 0; i < size; ++i) {
            sums[i] += image[i];
            squares[i] += std::uint64_t(image[i]) * image[i];
        }
    }
    Standardisation result{std::vector<float>(size), std::vector<float>(size)};
    for (std::size_t i = 0; i < size; ++i) {
        // N^2 times the variance of the bytes; exact up to 16 million images.
        const std::uint64_t spread = count * squares[i] - sums[i] * sums[i];
        result.mean[i] = static_cast<float>(double(sums[i]) / (255.0 * double(count)));
        result.scale[i] = spread ? static_cast<float>(255.0 * double(count) / std::sqrt(double(spread))) : 1.f;
    }
    return result;
}

}  // namespace warpvae

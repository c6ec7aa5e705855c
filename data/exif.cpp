#include "data/exif.h"

#include <algorithm>

namespace warpvae {

int exif_orientation(std::string_view exif) {
    constexpr std::size_t kHeader = 8, kEntry = 12;
    constexpr unsigned kOrientation = 0x0112, kShort = 3;
    if (exif.size() < kHeader || (exif.substr(0, 2) != "II" && exif.substr(0, 2) != "MM")) return 1;
    const bool little = exif[0] == 'I';
    const auto number = [&](std::size_t at, std::size_t bytes) {
        std::size_t value = 0;
        for (std::size_t i = 0; i < bytes; ++i)
            value |= std::size_t(static_cast<unsigned char>(exif[at + i])) << 8 * (little ? i : bytes - 1 - i);
        return value;
    };
    const std::size_t directory = number(4, 4);
    if (directory > exif.size() || exif.size() - directory < 2) return 1;
    const std::size_t entries = number(directory, 2);
    for (std::size_t e = 0; e < entries; ++e) {
        const std::size_t at = directory + 2 + e * kEntry;
        if (exif.size() < at + kEntry) return 1;
        if (number(at, 2) != kOrientation || number(at + 2, 2) != kShort) continue;
        const std::size_t orientation = number(at + 8, 2);
        return orientation >= 1 && orientation <= 8 ? int(orientation) : 1;
    }
    return 1;
}

Picture upright(Picture picture, int orientation) {
    if (orientation <= 1 || orientation > 8) return picture;
    const bool exchanged = orientation >= 5;
    // Of each of the eight: is the first row seen at the bottom, the first column at the right?
    const bool from_bottom = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
    const bool from_right = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
    Picture out{exchanged ? picture.width : picture.height, exchanged ? picture.height : picture.width,
                picture.channels, std::vector<std::uint8_t>(picture.pixels.size())};
    const std::size_t C = std::size_t(picture.channels);
    for (int y = 0; y < out.height; ++y)
        for (int x = 0; x < out.width; ++x) {
            const int down = from_bottom ? out.height - 1 - y : y, across = from_right ? out.width - 1 - x : x;
            const int row = exchanged ? across : down, column = exchanged ? down : across;
            std::copy_n(
                picture.pixels.data() + (std::size_t(row) * std::size_t(picture.width) + std::size_t(column)) * C, C,
                out.pixels.data() + (std::size_t(y) * std::size_t(out.width) + std::size_t(x)) * C);
        }
    return out;
}

}  // namespace warpvae

#include "data/amat.h"

#include <charconv>
#include <fstream>

#include "data/error.h"

namespace warpvae {

ImageSet read_amat(const std::filesystem::path& path, int height, int width, std::size_t at_most) {
    std::ifstream in(path);
    if (!in) throw Error("cannot read " + path.string());
    ImageSet set{height, width, {}, {}};
    const std::size_t pixels = set.pixels();
    std::string line;
    for (std::size_t number = 1; (!at_most || set.count() < at_most) && std::getline(in, line); ++number) {
        const auto fail = [&](const std::string& why) {
            throw Error(path.string() + ", line " + std::to_string(number) + ": " + why);
        };
        const char *at = line.data(), *end = at + line.size();
        std::vector<std::uint8_t> image(pixels);
        double value = 0;
        std::size_t found = 0;
        for (;; ++found) {
            while (at < end && (*at == ' ' || *at == '\t' || *at == '\r')) ++at;
            if (at == end) break;
            const auto [next, error] = std::from_chars(at, end, value);
            if (error != std::errc() || found > pixels) fail("not " + std::to_string(pixels) + " numbers and a label");
            at = next;
            if (found < pixels) {
                if (!(value >= 0 && value <= 1)) fail("a grey value outside 0..1");
                const std::size_t column = found / std::size_t(height), row = found % std::size_t(height);
                image[row * std::size_t(width) + column] = static_cast<std::uint8_t>(value * 255 + 0.5);
            }
        }
        if (found == 0) continue;
        if (found != pixels + 1) fail("not " + std::to_string(pixels) + " numbers and a label");
        if (!(value >= 0 && value <= 9) || value != static_cast<int>(value)) fail("its label is not one of 0..9");
        set.images.insert(set.images.end(), image.begin(), image.end());
        set.labels.push_back(static_cast<std::uint8_t>(value));
    }
    if (in.bad()) throw Error("cannot read " + path.string());
    if (!set.count()) throw Error(path.string() + ": holds no images");
    return set;
}

}  // namespace warpvae

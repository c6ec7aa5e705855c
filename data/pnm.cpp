#include "data/pnm.h"

#include <algorithm>
#include <cctype>

#include "data/error.h"

namespace warpvae {
namespace {

constexpr std::int64_t kMostNumber = 1 << 30;  // of any in a header: two of them can be multiplied

/// The next number of a header, after spaces and comments; -1 if there is none.
std::int64_t next_number(std::string_view bytes, std::size_t& at) {
    while (at < bytes.size() && (std::isspace(static_cast<unsigned char>(bytes[at])) || bytes[at] == '#')) {
        if (bytes[at] == '#') at = std::min(bytes.find('\n', at), bytes.size() - 1);
        ++at;
    }
    std::int64_t number = -1;
    for (; at < bytes.size() && std::isdigit(static_cast<unsigned char>(bytes[at])) && number < kMostNumber; ++at)
        number = 10 * std::max<std::int64_t>(number, 0) + (bytes[at] - '0');
    return number;
}

}  // namespace

bool is_pnm(std::string_view bytes) {
    return bytes.size() > 2 && bytes[0] == 'P' && (bytes[1] == '5' || bytes[1] == '6') &&
           std::isspace(static_cast<unsigned char>(bytes[2]));
}

Picture decode_pnm(std::string_view bytes, const std::string& name) {
    std::size_t at = 2;
    const std::int64_t width = next_number(bytes, at), height = next_number(bytes, at), most = next_number(bytes, at);
    if (most < 0 || at >= bytes.size()) throw Error(name + ": the picture is cut off in its header");
    ++at;  // a single space
    if (width < 1 || height < 1) throw Error(name + ": the picture holds no pixels");
    if (width > kMostPicturePixels / height)
        throw Error(name + ": " + std::to_string(width) + " x " + std::to_string(height) +
                    " pixels are too many: at most " + std::to_string(kMostPicturePixels >> 20) +
                    " megapixels are read");
    if (most != 255)
        throw Error(name + ": its values go to " + std::to_string(most) + " instead of 255: convert it to PNG");
    const int channels = bytes[1] == '5' ? 1 : 3;
    const std::size_t size = std::size_t(width * height * channels);
    if (bytes.size() - at < size)
        throw Error(name + ": the picture is cut off: " + std::to_string(bytes.size() - at) + " bytes of " +
                    std::to_string(size));
    return {int(height),
            int(width),
            channels,
            {bytes.begin() + std::ptrdiff_t(at), bytes.begin() + std::ptrdiff_t(at + size)}};
}

}  // namespace warpvae

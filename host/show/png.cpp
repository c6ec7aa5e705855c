#include "host/show/png.h"

#include <cstdlib>
#include <memory>

#include "data/files.h"

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STBI_WRITE_NO_STDIO
#define STB_IMAGE_WRITE_STATIC
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb_image_write.h>
#pragma GCC diagnostic pop

namespace warpvae {
namespace {

// stb counts bytes in int and doubles its buffer as it grows: past this it would overflow.
constexpr std::int64_t kMostBytes = std::int64_t{1} << 29;

}  // namespace

std::string encode_png(int width, int height, int channels, const std::uint8_t* pixels) {
    const std::string size = std::to_string(width) + " x " + std::to_string(height) + " x " + std::to_string(channels);
    if (width < 1 || height < 1 || channels < 1 || channels > 4 || !pixels) {
        throw Error("cannot make a PNG of " + size + ": it needs at least one pixel and 1 to 4 channels");
    }
    if (static_cast<std::int64_t>(width) * channels > kMostBytes / height) {
        throw Error("cannot make a PNG of " + size + ": more than 512 MiB of pixels; choose fewer or smaller images");
    }
    int length = 0;
    const std::unique_ptr<unsigned char, decltype(&std::free)> bytes(
        stbi_write_png_to_mem(pixels, width * channels, width, height, channels, &length), std::free);
    if (!bytes) throw Error("cannot make a PNG of " + size + ": out of memory");
    return {reinterpret_cast<const char*>(bytes.get()), static_cast<std::size_t>(length)};
}

void write_png(const std::filesystem::path& path, int width, int height, int channels, const std::uint8_t* pixels) {
    write_file(path, encode_png(width, height, channels, pixels));
}

}  // namespace warpvae

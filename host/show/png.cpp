#include "host/show/png.h"

#include <array>
#include <cstdlib>
#include <memory>

#include "data/files.h"

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STBI_WRITE_NO_STDIO
#define STB_IMAGE_WRITE_STATIC
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb_image_write.h>
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#include <stb_image.h>
#pragma GCC diagnostic pop

namespace warpvae {
namespace {

// stb counts bytes in int and doubles its buffer as it grows: past this it would overflow.
constexpr std::int64_t kMostBytes = std::int64_t{1} << 29;

constexpr std::string_view kSignature = "\x89PNG\r\n\x1a\n";
constexpr std::size_t kChunkFrame = 12;  // length, type and checksum of a chunk

std::uint32_t big_endian(std::string_view bytes, std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = at; i < at + 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
    return value;
}

/// CRC-32, as the PNG specification's annex D has it.
std::uint32_t crc32(std::string_view bytes) {
    static const std::array<std::uint32_t, 256> table = [] {
        std::array<std::uint32_t, 256> t{};
        for (std::uint32_t n = 0; n < 256; ++n) {
            std::uint32_t c = n;
            for (int k = 0; k < 8; ++k) c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
            t[n] = c;
        }
        return t;
    }();
    std::uint32_t c = ~0u;
    for (const char byte : bytes) c = table[(c ^ static_cast<unsigned char>(byte)) & 255] ^ c >> 8;
    return ~c;
}

/// stb_image takes damaged pixels for pixels: it looks at no checksum. So every chunk is checked first, and that the
/// picture and the bytes that it unpacks to are of a size that can be.
void check_chunks(std::string_view bytes, const std::string& name) {
    const auto cut_off = [&] {
        return Error(name + ": the PNG is cut off after " + std::to_string(bytes.size()) + " bytes");
    };
    std::int64_t pixels = 0, packed = 0;
    std::string_view type;
    for (std::size_t at = kSignature.size(); type != "IEND";) {
        if (bytes.size() - at < kChunkFrame) throw cut_off();
        const std::size_t length = big_endian(bytes, at);
        if (length >> 31) throw Error(name + ": the PNG is damaged (a chunk of " + std::to_string(length) + " bytes)");
        if (bytes.size() - at - kChunkFrame < length) throw cut_off();
        type = bytes.substr(at + 4, 4);
        if (crc32(bytes.substr(at + 4, 4 + length)) != big_endian(bytes, at + 8 + length))
            throw Error(name + ": the PNG is damaged (wrong checksum in the chunk at byte " + std::to_string(at) + ")");
        if (pixels == 0) {
            if (type != "IHDR" || length != 13) throw Error(name + ": the PNG has no header");
            const std::int64_t width = big_endian(bytes, at + 8), height = big_endian(bytes, at + 12);
            if (width < 1 || height < 1) throw Error(name + ": the PNG holds no pixels");
            if (width > kMostPicturePixels / height)
                throw Error(name + ": " + std::to_string(width) + " x " + std::to_string(height) +
                            " pixels are too many: at most " + std::to_string(kMostPicturePixels >> 20) +
                            " megapixels are read");
            pixels = width * height;
        }
        if (type == "IDAT") packed += static_cast<std::int64_t>(length);
        at += kChunkFrame + length;
    }
    // 8 bytes a pixel and their rows' filters at most, hardly packed: what is far above that unpacks to something else.
    if (packed > 10 * pixels + (1 << 16)) throw Error(name + ": the PNG is damaged (more data than its pixels need)");
}

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

bool is_png(std::string_view bytes) { return bytes.substr(0, kSignature.size()) == kSignature; }

GreyPicture decode_png(std::string_view bytes, const std::string& name) {
    if (bytes.empty()) throw Error(name + ": the file is empty");
    if (!is_png(bytes)) throw Error(name + ": not a PNG file");
    if (static_cast<std::int64_t>(bytes.size()) > kMostPictureBytes) throw Error(name + ": the file is too large");
    check_chunks(bytes, name);
    GreyPicture out;
    int channels = 0;
    const std::unique_ptr<stbi_uc, decltype(&stbi_image_free)> rgba(
        stbi_load_from_memory(reinterpret_cast<const stbi_uc*>(bytes.data()), static_cast<int>(bytes.size()),
                              &out.width, &out.height, &channels, 4),
        stbi_image_free);
    if (!rgba) throw Error(name + ": the PNG cannot be read (" + stbi_failure_reason() + ")");
    out.pixels.resize(static_cast<std::size_t>(out.width) * static_cast<std::size_t>(out.height));
    for (std::size_t i = 0; i < out.pixels.size(); ++i) {
        const stbi_uc* p = rgba.get() + 4 * i;
        const int grey = (77 * p[0] + 150 * p[1] + 29 * p[2] + 128) >> 8, alpha = p[3];  // BT.601 luma
        out.pixels[i] = static_cast<std::uint8_t>((grey * alpha + 255 * (255 - alpha) + 127) / 255);
    }
    return out;
}

GreyPicture read_png(const std::filesystem::path& path) { return decode_png(read_file(path), path.string()); }

}  // namespace warpvae

#include "data/png.h"

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

/// Bits of a pixel; 0 where stb_image will say that there is no such kind.
std::int64_t bits_of_pixel(std::string_view bytes) {
    constexpr int kChannels[] = {1, 0, 3, 1, 2, 0, 4};
    const unsigned depth = static_cast<unsigned char>(bytes[24]), kind = static_cast<unsigned char>(bytes[25]);
    return depth <= 16 && kind < std::size(kChannels) ? int(depth) * kChannels[kind] : 0;
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
        const bool needed = !(type[0] & 32);  // the specification's 5.4: a capital letter
        if (needed && type != "IHDR" && type != "PLTE" && type != "IDAT" && type != "IEND")
            throw Error(name + ": the PNG has a chunk of an unknown kind at byte " + std::to_string(at));
        at += kChunkFrame + length;
    }
    // 8 bytes a pixel and their rows' filters at most, hardly packed: what is far above that unpacks to something else.
    if (packed > 10 * pixels + (1 << 16)) throw Error(name + ": the PNG is damaged (more data than its pixels need)");
    // Deflate packs a thousandfold at the very most.
    if (pixels * bits_of_pixel(bytes) / 8 > 1100 * packed)
        throw Error(name + ": the PNG is damaged (less data than its pixels need)");
}

using Pixels = std::unique_ptr<stbi_uc, decltype(&stbi_image_free)>;

/// [height, width, channels], whatever the file's own are.
Pixels load(std::string_view bytes, int channels, int& width, int& height, const std::string& name) {
    int own = 0;
    Pixels pixels(stbi_load_from_memory(reinterpret_cast<const stbi_uc*>(bytes.data()), static_cast<int>(bytes.size()),
                                        &width, &height, &own, channels),
                  stbi_image_free);
    if (!pixels) throw Error(name + ": the PNG cannot be read (" + stbi_failure_reason() + ")");
    return pixels;
}

/// For a colour that the palette has not, stb_image takes what lies behind the palette in memory. The same picture read
/// as grey shows the numbers of its colours.
void check_palette(std::string bytes, const std::string& name) {
    constexpr char kPalette = 3, kGrey = 0;
    const int depth = bytes[24];
    if (bytes[25] != kPalette || (depth != 1 && depth != 2 && depth != 4 && depth != 8)) return;
    std::size_t colours = 0;
    for (std::size_t at = kSignature.size(); at < bytes.size(); at += kChunkFrame + big_endian(bytes, at)) {
        const std::string type = bytes.substr(at + 4, 4);
        if (type == "PLTE") colours = big_endian(bytes, at) / 3;
        if (type == "tRNS") bytes[at + 7] = 's';  // a palette's transparency is none of a grey picture
        if (type == "IEND") break;
    }
    if (colours >> depth) return;
    bytes[25] = kGrey;
    int width = 0, height = 0;
    const Pixels levels = load(bytes, 1, width, height, name);
    const int step = 255 / ((1 << depth) - 1);  // stb_image makes bytes of shallow grey
    for (std::int64_t i = 0; i < std::int64_t{width} * height; ++i) {
        const std::size_t colour = std::size_t(levels.get()[i] / step);
        if (colour >= colours)
            throw Error(name + ": the PNG is damaged (a pixel of colour " + std::to_string(colour) +
                        " of a palette of " + std::to_string(colours) + ")");
    }
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
    check_palette(std::string(bytes), name);
    GreyPicture out;
    const Pixels rgba = load(bytes, 4, out.width, out.height, name);
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

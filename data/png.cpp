#include "data/png.h"

#include <array>
#include <cstdlib>
#include <memory>

#include "data/exif.h"
#include "data/files.h"

#ifdef WARPVAE_HAVE_PNG
#include <png.h>
#endif

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STBI_WRITE_NO_STDIO
#define STB_IMAGE_WRITE_STATIC
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb_image_write.h>
#ifndef WARPVAE_HAVE_PNG
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#include <stb_image.h>
#endif
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

constexpr char kPalette = 3;  ///< the kind of picture whose pixels are numbers of colours

/// Bits of a pixel; 0 where the reader will say that there is no such kind.
std::int64_t bits_of_pixel(std::string_view bytes) {
    constexpr int kChannels[] = {1, 0, 3, 1, 2, 0, 4};
    const unsigned depth = static_cast<unsigned char>(bytes[24]), kind = static_cast<unsigned char>(bytes[25]);
    return depth <= 16 && kind < std::size(kChannels) ? int(depth) * kChannels[kind] : 0;
}

/// Checks every chunk, and that the picture and the bytes that it unpacks to are of a size that can be, before anything
/// is unpacked (stb_image looks at no checksum, libpng takes memory first). Returns what the picture's EXIF holds.
std::string_view check_chunks(std::string_view bytes, const std::string& name) {
    const auto cut_off = [&] {
        return Error(name + ": the PNG is cut off after " + std::to_string(bytes.size()) + " bytes");
    };
    std::int64_t pixels = 0, packed = 0;
    std::string_view type, exif;
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
        if (type == "acTL") throw Error(name + ": the PNG is animated: save one of its pictures as a PNG of its own");
        if (type == "eXIf") exif = bytes.substr(at + 8, length);
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
    return exif;
}

Error no_such_colour(const std::string& name, std::size_t colour, std::size_t colours) {
    return Error(name + ": the PNG is damaged (a pixel of colour " + std::to_string(colour) + " of a palette of " +
                 std::to_string(colours) + ")");
}

#ifdef WARPVAE_HAVE_PNG

/// libpng's own two objects, and what it calls back for. It leaves an error by longjmp, past no destructor: the
/// functions below hold nothing that has one.
struct PngReader {
    std::string_view bytes;
    std::size_t at = 0;
    std::string error = {};
    png_structp png = nullptr;
    png_infop info = nullptr;
    ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }

    static void read(png_structp png, png_bytep out, std::size_t count) {
        auto& self = *static_cast<PngReader*>(png_get_io_ptr(png));
        if (count > self.bytes.size() - self.at) png_error(png, "cut off");
        self.bytes.copy(reinterpret_cast<char*>(out), count, self.at);
        self.at += count;
    }
    [[noreturn]] static void fail(png_structp png, png_const_charp message) {
        static_cast<PngReader*>(png_get_error_ptr(png))->error = message;
        png_longjmp(png, 1);
    }
};

/// The rows as they are stored, in whole bytes: of a palette the numbers of colours. False: `reader.error` says why.
bool read_rows(PngReader& reader, Picture& out) {
    const png_structp png = reader.png;
    const png_infop info = reader.info;
    if (setjmp(png_jmpbuf(png))) return false;
    png_set_read_fn(png, &reader, PngReader::read);
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);  // texts, profiles: nothing of the pixels
    png_read_info(png, info);
    const int kind = png_get_color_type(png, info);
    png_set_packing(png);
    png_set_strip_16(png);
    if (kind == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(png);
    if (kind != PNG_COLOR_TYPE_PALETTE && png_get_valid(png, info, PNG_INFO_tRNS)) png_set_tRNS_to_alpha(png);
    const int passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    out.height = int(png_get_image_height(png, info)), out.width = int(png_get_image_width(png, info));
    out.channels = png_get_channels(png, info);
    const std::size_t row = png_get_rowbytes(png, info);
    if (row != std::size_t(out.width) * std::size_t(out.channels)) png_error(png, "rows of another size");
    out.pixels.resize(std::size_t(out.height) * row);
    for (int pass = 0; pass < passes; ++pass)
        for (std::size_t y = 0; y < std::size_t(out.height); ++y)
            png_read_row(png, out.pixels.data() + y * row, nullptr);
    png_read_end(png, nullptr);
    return true;
}

/// The colours in place of their numbers. Here and not in libpng, which makes black of a number that has no colour.
Picture coloured(const Picture& numbers, PngReader& reader, const std::string& name) {
    png_colorp palette = nullptr;
    png_bytep alpha = nullptr;
    int colours = 0, alphas = 0;
    png_get_PLTE(reader.png, reader.info, &palette, &colours);
    if (!png_get_tRNS(reader.png, reader.info, &alpha, &alphas, nullptr)) alphas = 0;
    Picture out{numbers.height, numbers.width, alphas ? 4 : 3, {}};
    out.pixels.reserve(numbers.pixels.size() * std::size_t(out.channels));
    for (const std::uint8_t number : numbers.pixels) {
        if (number >= colours) throw no_such_colour(name, number, std::size_t(colours));
        out.pixels.insert(out.pixels.end(), {palette[number].red, palette[number].green, palette[number].blue});
        if (alphas) out.pixels.push_back(number < alphas ? alpha[number] : 255);
    }
    return out;
}

Picture read_pixels(std::string_view bytes, const std::string& name) {
    PngReader reader{bytes};
    reader.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader, PngReader::fail,
                                        [](png_structp, png_const_charp) {});  // a warning is no error
    if (reader.png) reader.info = png_create_info_struct(reader.png);
    if (!reader.info) throw Error(name + ": the PNG cannot be read (out of memory)");
    Picture out;
    if (!read_rows(reader, out)) throw Error(name + ": the PNG cannot be read (" + reader.error + ")");
    return png_get_color_type(reader.png, reader.info) == PNG_COLOR_TYPE_PALETTE ? coloured(out, reader, name) : out;
}

#else

using Pixels = std::unique_ptr<stbi_uc, decltype(&stbi_image_free)>;

/// [height, width, channels]; of 0 channels as many as the file's own, which are told.
Pixels load(std::string_view bytes, int channels, int& width, int& height, int& own, const std::string& name) {
    Pixels pixels(stbi_load_from_memory(reinterpret_cast<const stbi_uc*>(bytes.data()), static_cast<int>(bytes.size()),
                                        &width, &height, &own, channels),
                  stbi_image_free);
    if (!pixels) throw Error(name + ": the PNG cannot be read (" + stbi_failure_reason() + ")");
    return pixels;
}

/// For a colour that the palette has not, stb_image takes what lies behind the palette in memory. The same picture read
/// as grey shows the numbers of its colours.
void check_palette(std::string bytes, const std::string& name) {
    constexpr char kGrey = 0;
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
    int width = 0, height = 0, own = 0;
    const Pixels levels = load(bytes, 1, width, height, own, name);
    const int step = 255 / ((1 << depth) - 1);  // stb_image makes bytes of shallow grey
    for (std::int64_t i = 0; i < std::int64_t{width} * height; ++i) {
        const std::size_t colour = std::size_t(levels.get()[i] / step);
        if (colour >= colours) throw no_such_colour(name, colour, colours);
    }
}

Picture read_pixels(std::string_view bytes, const std::string& name) {
    check_palette(std::string(bytes), name);
    Picture out;
    const Pixels pixels = load(bytes, 0, out.width, out.height, out.channels, name);
    out.pixels.assign(pixels.get(), pixels.get() + std::size_t(out.height) * std::size_t(out.width) * out.channels);
    return out;
}

#endif

/// Without colour where it shows none.
Picture without_unused_colour(Picture picture) {
    const std::size_t C = std::size_t(picture.channels), count = picture.pixels.size() / C;
    if (picture.is_grey()) return picture;
    for (std::size_t i = 0; i < count; ++i)
        for (std::size_t c = 1; c < 3; ++c)
            if (picture.pixels[i * C + c] != picture.pixels[i * C]) return picture;
    Picture out{picture.height, picture.width, picture.has_alpha() ? 2 : 1, {}};
    out.pixels.reserve(count * std::size_t(out.channels));
    for (std::size_t i = 0; i < count; ++i) {
        out.pixels.push_back(picture.pixels[i * C]);
        if (out.has_alpha()) out.pixels.push_back(picture.pixels[i * C + 3]);
    }
    return out;
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

Picture decode_png(std::string_view bytes, const std::string& name) {
    if (bytes.empty()) throw Error(name + ": the file is empty");
    if (!is_png(bytes)) throw Error(name + ": not a PNG file");
    if (static_cast<std::int64_t>(bytes.size()) > kMostPictureBytes) throw Error(name + ": the file is too large");
    const std::string_view exif = check_chunks(bytes, name);
    Picture picture = read_pixels(bytes, name);
    if (bytes[25] == kPalette) picture = without_unused_colour(std::move(picture));
    return upright(std::move(picture), exif_orientation(exif));
}

Picture read_png(const std::filesystem::path& path) { return decode_png(read_file(path), path.string()); }

}  // namespace warpvae

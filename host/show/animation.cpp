#include "host/show/animation.h"

#if WARPVAE_HAVE_GIF
#include <gif_lib.h>

#include <algorithm>
#include <map>
#include <memory>

#include "data/files.h"
#endif

namespace warpvae {

#if WARPVAE_HAVE_GIF

namespace {

constexpr int kMostColours = 256;

/// Pictures as numbers of the colours in a palette of all.
struct Indexed {
    std::vector<GifColorType> palette;
    std::vector<GifByteType> pixels;  // of one picture after the other
};

std::uint32_t colour_at(const std::vector<std::uint8_t>& rgb, std::size_t i) {
    return std::uint32_t(rgb[i]) << 16 | std::uint32_t(rgb[i + 1]) << 8 | rgb[i + 2];
}

/// Each colour as it is; nothing where there are too many.
bool index_exactly(Indexed& out, const std::vector<RgbPicture>& pictures) {
    std::map<std::uint32_t, GifByteType> numbers;
    for (const RgbPicture& picture : pictures)
        for (std::size_t i = 0; i < picture.rgb.size(); i += 3) {
            const std::uint32_t colour = colour_at(picture.rgb, i);
            const auto [found, is_new] = numbers.try_emplace(colour, GifByteType(numbers.size()));
            if (is_new && numbers.size() > kMostColours) return false;
            if (is_new)
                out.palette.push_back(
                    {GifByteType(colour >> 16), GifByteType(colour >> 8 & 255), GifByteType(colour & 255)});
            out.pixels.push_back(found->second);
        }
    return true;
}

/// Colours that giflib chooses (median cut). It takes all pictures as one tall one.
void quantise(Indexed& out, const std::vector<RgbPicture>& pictures) {
    std::vector<GifByteType> channels[3];
    for (const RgbPicture& picture : pictures)
        for (std::size_t i = 0; i < picture.rgb.size(); ++i) channels[i % 3].push_back(picture.rgb[i]);
    out.palette.assign(kMostColours, {});
    out.pixels.resize(channels[0].size());
    int colours = kMostColours;
    if (GifQuantizeBuffer(unsigned(pictures[0].width), unsigned(pictures[0].height) * unsigned(pictures.size()),
                          &colours, channels[0].data(), channels[1].data(), channels[2].data(), out.pixels.data(),
                          out.palette.data()) == GIF_ERROR)
        throw Error("the animation's colours cannot be chosen: out of memory");
    const auto stretched = [](int channel) { return GifByteType(std::min(255, channel * 255 / 248)); };
    for (GifColorType& c : out.palette)  // giflib cuts channels to five bits: white would be 248
        c = {stretched(c.Red), stretched(c.Green), stretched(c.Blue)};
}

int append_bytes(GifFileType* gif, const GifByteType* bytes, int count) {
    static_cast<std::string*>(gif->UserData)->append(reinterpret_cast<const char*>(bytes), std::size_t(count));
    return count;
}

struct Closed {
    void operator()(GifFileType* gif) const {
        int ignored;
        EGifCloseFile(gif, &ignored);
    }
};

/// Whether everything was taken.
bool encode(GifFileType* gif, Indexed& indexed, const std::vector<RgbPicture>& pictures, int per_second) {
    const int width = pictures[0].width, height = pictures[0].height;
    int size = 2;  // a power of two, which a GIF asks for
    while (size < int(indexed.palette.size())) size *= 2;
    indexed.palette.resize(std::size_t(size));
    const std::unique_ptr<ColorMapObject, decltype(&GifFreeMapObject)> map(
        GifMakeMapObject(size, indexed.palette.data()), GifFreeMapObject);
    const GifByteType repeats[] = {1, 0, 0};  // for ever
    bool good = map && EGifPutScreenDesc(gif, width, height, 8, 0, map.get()) == GIF_OK &&
                EGifPutExtensionLeader(gif, APPLICATION_EXT_FUNC_CODE) == GIF_OK &&
                EGifPutExtensionBlock(gif, 11, "NETSCAPE2.0") == GIF_OK &&
                EGifPutExtensionBlock(gif, sizeof repeats, repeats) == GIF_OK && EGifPutExtensionTrailer(gif) == GIF_OK;
    const GraphicsControlBlock timing{DISPOSE_DO_NOT, false, std::max(2, 100 / std::max(1, per_second)),
                                      NO_TRANSPARENT_COLOR};
    GifByteType control[4];
    EGifGCBToExtension(&timing, control);
    GifByteType* line = indexed.pixels.data();
    for (std::size_t i = 0; good && i < pictures.size(); ++i) {
        good = EGifPutExtension(gif, GRAPHICS_EXT_FUNC_CODE, sizeof control, control) == GIF_OK &&
               EGifPutImageDesc(gif, 0, 0, width, height, false, nullptr) == GIF_OK;
        for (int y = 0; good && y < height; ++y, line += width) good = EGifPutLine(gif, line, width) == GIF_OK;
    }
    return good;
}

}  // namespace

bool can_animate() { return true; }

void write_animation(const std::filesystem::path& path, const std::vector<RgbPicture>& pictures, int per_second) {
    if (pictures.empty()) throw Error(path.string() + ": an animation without pictures");
    for (const RgbPicture& picture : pictures)
        if (picture.width != pictures[0].width || picture.height != pictures[0].height)
            throw Error(path.string() + ": the pictures of an animation are of one size");
    Indexed indexed;
    if (!index_exactly(indexed, pictures)) {
        indexed = {};
        quantise(indexed, pictures);
    }
    std::string bytes;
    int error = 0;
    std::unique_ptr<GifFileType, Closed> gif(EGifOpen(&bytes, append_bytes, &error));
    if (!gif) throw Error(path.string() + ": " + GifErrorString(error));
    EGifSetGifVersion(gif.get(), true);
    if (!encode(gif.get(), indexed, pictures, per_second))
        throw Error(path.string() + ": " + GifErrorString(gif->Error));
    gif.reset();  // writes its end
    write_file(path, bytes);
}

#else

bool can_animate() { return false; }
void write_animation(const std::filesystem::path&, const std::vector<RgbPicture>&, int) {}

#endif

}  // namespace warpvae

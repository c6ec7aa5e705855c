#include "data/user_images.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "data/error.h"
#include "data/files.h"
#include "data/gzip.h"
#include "data/idx.h"
#include "data/png.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

// --- reading ---------------------------------------------------------------------------------------------------------

constexpr std::size_t kIdxHeader = 16;  // of images: magic, count, height, width

/// All pictures together must not be too many, as they are and made `size` pixels each.
std::vector<GreyPicture> parse_idx_images(const std::string& bytes, const std::string& name, std::size_t size) {
    const std::string head = is_gzip(bytes) ? gunzip(bytes, name, kIdxHeader) : bytes.substr(0, kIdxHeader);
    const auto byte = [&](std::size_t i) { return std::size_t(static_cast<unsigned char>(head[i])); };
    if (head.size() < 4 || byte(0) || byte(1)) throw Error(name + ": neither a PNG nor an IDX file of images");
    std::size_t values = kIdxHeader;  // how much to unpack
    if (head.size() == kIdxHeader) {
        const auto extent = [&](std::size_t i) {
            return byte(i) << 24 | byte(i + 1) << 16 | byte(i + 2) << 8 | byte(i + 3);
        };
        const std::size_t count = extent(4), height = extent(8), width = extent(12), most = kMostPicturePixels;
        if (byte(2) == 8 && byte(3) == kImageRank) {
            if (!count || !height || !width) throw Error(name + ": holds no images");
            if (height > most / width || count > most / std::max(height * width, size))
                throw Error(name + ": " + std::to_string(count) + " images of " + std::to_string(height) + " x " +
                            std::to_string(width) + " pixels are too many: at most " + std::to_string(most >> 20) +
                            " megapixels are read, or made of what is read");
            values += count * height * width;
        }
    }
    const IdxArray array = parse_idx(is_gzip(bytes) ? gunzip(bytes, name, values + 1) : bytes, name, kImageRank);
    std::vector<GreyPicture> pictures(array.count());
    const std::size_t D = array.shape[1] * array.shape[2];
    for (std::size_t n = 0; n < pictures.size(); ++n) {
        const auto first = array.values.begin() + std::ptrdiff_t(n * D);
        pictures[n] = {int(array.shape[1]), int(array.shape[2]), {first, first + std::ptrdiff_t(D)}};
    }
    return pictures;
}

std::vector<GreyPicture> read_pictures(const fs::path& path, std::size_t idx_size) {
    std::error_code ignored;
    const std::uintmax_t size = fs::is_regular_file(path, ignored) ? fs::file_size(path, ignored) : 0;
    if (size != std::uintmax_t(-1) && size > std::uintmax_t(kMostPictureBytes))
        throw Error(path.string() + ": a file of " + std::to_string(size >> 20) + " MiB is too large for images");
    const std::string bytes = read_file(path);
    if (bytes.empty()) throw Error(path.string() + ": the file is empty");
    if (is_png(bytes)) return {decode_png(bytes, path.string())};
    return parse_idx_images(bytes, path.string(), idx_size);
}

// --- making them fit -------------------------------------------------------------------------------------------------

/// For each of `to` pixels of a line, which of `from` pixels it is made of: `count` of them from `first`, by `weights`.
struct LineFilter {
    struct Pixel {
        int first = 0;
        std::vector<float> weights;
    };
    std::vector<Pixel> pixels;

    LineFilter(int from, int to) : pixels(to) {
        const double step = double(from) / to;  // source pixels per pixel
        for (int i = 0; i < to; ++i) {
            Pixel& pixel = pixels[i];
            if (to >= from) {  // between the centres of two pixels, the edge repeated
                const double x = std::clamp((i + 0.5) * step - 0.5, 0.0, double(from - 1));
                pixel.first = std::min(int(x), std::max(from - 2, 0));
                const double second = x - pixel.first;
                pixel.weights = {float(1 - second)};
                if (from > 1) pixel.weights.push_back(float(second));
            } else {  // the mean over what the pixel covers
                const double begin = i * step, end = std::min((i + 1) * step, double(from));
                pixel.first = int(begin);
                for (int k = pixel.first; k < end && k < from; ++k)
                    pixel.weights.push_back(float((std::min(k + 1.0, end) - std::max(double(k), begin)) / step));
            }
        }
    }
    /// The pixel of a line that begins at `line` and has a pixel every `stride`.
    template <class T>
    static float apply(const Pixel& pixel, const T* line, std::size_t stride) {
        float sum = 0;
        for (std::size_t k = 0; k < pixel.weights.size(); ++k)
            sum += pixel.weights[k] * float(line[(std::size_t(pixel.first) + k) * stride]);
        return sum;
    }
};

/// [height, width] of grey levels 0 .. 255.
std::vector<float> resample(const GreyPicture& in, int height, int width) {
    const LineFilter across(in.width, width), down(in.height, height);
    std::vector<float> narrow(std::size_t(in.height) * width), out(std::size_t(height) * width);
    for (int y = 0; y < in.height; ++y)
        for (int x = 0; x < width; ++x)
            narrow[std::size_t(y) * width + x] =
                LineFilter::apply(across.pixels[x], in.pixels.data() + std::size_t(y) * in.width, 1);
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x)
            out[std::size_t(y) * width + x] = LineFilter::apply(down.pixels[y], narrow.data() + x, std::size_t(width));
    return out;
}

/// The outermost pixels, each once.
std::vector<std::uint8_t> border_of(const GreyPicture& picture) {
    const std::size_t H = picture.height, W = picture.width;
    std::vector<std::uint8_t> border;
    for (std::size_t y = 0; y < H; ++y)
        for (std::size_t x = 0; x < W; x += (y == 0 || y == H - 1 || W == 1) ? 1 : W - 1)
            border.push_back(picture.pixels[y * W + x]);
    return border;
}

UserImage fitted(const GreyPicture& picture, int height, int width) {
    UserImage image;
    std::vector<std::uint8_t> border = border_of(picture);
    double mean = 0;
    for (const std::uint8_t value : border) mean += value / (255.0 * double(border.size()));
    std::nth_element(border.begin(), border.begin() + std::ptrdiff_t(border.size() / 2), border.end());
    const std::uint8_t paper = border[border.size() / 2];

    if (picture.height == height && picture.width == width) {
        image.pixels = picture.pixels;
    } else {
        const double scale = std::min(double(height) / picture.height, double(width) / picture.width);
        const int h = std::clamp(int(std::lround(picture.height * scale)), 1, height);
        const int w = std::clamp(int(std::lround(picture.width * scale)), 1, width);
        const std::vector<float> small = resample(picture, h, w);
        image.pixels.assign(std::size_t(height) * width, paper);
        for (int y = 0; y < h; ++y)
            for (int x = 0; x < w; ++x)
                image.pixels[std::size_t(y + (height - h) / 2) * width + x + (width - w) / 2] =
                    std::uint8_t(std::clamp(std::lround(small[std::size_t(y) * w + x]), 0l, 255l));
        image.note = "resized from " + std::to_string(picture.width) + " x " + std::to_string(picture.height) + " to " +
                     std::to_string(width) + " x " + std::to_string(height) + " pixels";
        if (h < height || w < width) image.note += ", its shape kept";
    }
    if (mean > 0.5) {
        image.inverted = true;
        for (std::uint8_t& pixel : image.pixels) pixel = std::uint8_t(255 - pixel);
        image.note += std::string(image.note.empty() ? "" : "; ") + "its border is light: inverted, so that ink is 1";
    }
    return image;
}

/// "digits" of folder/digits.png, digits.idx.gz and digits.
std::string stem_of(const fs::path& path) {
    const fs::path name = path.extension() == ".gz" ? path.stem() : path.filename();
    return name.stem().empty() ? name.string() : name.stem().string();
}

}  // namespace

std::vector<UserImage> read_user_images(const std::vector<fs::path>& paths, int height, int width) {
    if (height < 1 || width < 1) throw Error("images of " + std::to_string(height) + " x " + std::to_string(width));
    std::vector<UserImage> images;
    std::set<std::string> taken;
    for (const fs::path& path : paths) {
        const std::vector<GreyPicture> pictures = read_pictures(path, std::size_t(height) * std::size_t(width));
        for (std::size_t n = 0; n < pictures.size(); ++n) {
            images.push_back(fitted(pictures[n], height, width));
            const std::string stem = stem_of(path) + (pictures.size() > 1 ? "-" + std::to_string(n) : "");
            std::string& name = images.back().name = stem;
            for (int again = 2; !taken.insert(name).second; ++again) name = stem + "-" + std::to_string(again);
        }
    }
    return images;
}

std::vector<std::uint8_t> bytes_of(const std::vector<UserImage>& images) {
    std::vector<std::uint8_t> bytes;
    for (const UserImage& image : images) bytes.insert(bytes.end(), image.pixels.begin(), image.pixels.end());
    return bytes;
}

}  // namespace warpvae

#include "data/image_preparation.h"

#include <algorithm>
#include <cmath>

#include "data/error.h"

namespace warpvae {
namespace {

// --- channels --------------------------------------------------------------------------------------------------------

std::uint8_t over(int value, int alpha, int background) {
    return std::uint8_t((value * alpha + background * (255 - alpha) + 127) / 255);
}

/// Grey or RGB without alpha.
Picture flattened(const Picture& in, int channels, std::optional<std::uint8_t> background, const std::string& name) {
    if (!channels) channels = in.is_grey() ? 1 : 3;
    if (channels == in.channels) return in;
    Picture out{in.height, in.width, channels, {}};
    const std::size_t count = std::size_t(in.height) * std::size_t(in.width), colours = in.is_grey() ? 1 : 3;
    out.pixels.resize(count * std::size_t(channels));
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint8_t* const p = in.pixels.data() + i * std::size_t(in.channels);
        const int alpha = in.has_alpha() ? p[colours] : 255;
        if (alpha != 255 && !background)
            throw Error(name + ": the picture is transparent: say what is behind it with --background white or black");
        const int behind = background.value_or(0);
        std::uint8_t* const q = out.pixels.data() + i * std::size_t(channels);
        if (channels == 1)  // BT.601 luma
            q[0] = over(in.is_grey() ? p[0] : (77 * p[0] + 150 * p[1] + 29 * p[2] + 128) >> 8, alpha, behind);
        else
            for (std::size_t c = 0; c < 3; ++c) q[c] = over(p[in.is_grey() ? 0 : c], alpha, behind);
    }
    return out;
}

void invert(std::vector<std::uint8_t>& pixels) {
    for (std::uint8_t& pixel : pixels) pixel = std::uint8_t(255 - pixel);
}

// --- size ------------------------------------------------------------------------------------------------------------

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

Picture resampled(const Picture& in, int height, int width) {
    const LineFilter across(in.width, width), down(in.height, height);
    const std::size_t C = std::size_t(in.channels), row = std::size_t(width) * C;
    std::vector<float> narrow(std::size_t(in.height) * row);
    for (int y = 0; y < in.height; ++y)
        for (std::size_t i = 0; i < row; ++i)
            narrow[std::size_t(y) * row + i] = LineFilter::apply(
                across.pixels[i / C], in.pixels.data() + std::size_t(y) * std::size_t(in.width) * C + i % C, C);
    Picture out{height, width, in.channels, std::vector<std::uint8_t>(std::size_t(height) * row)};
    for (int y = 0; y < height; ++y)
        for (std::size_t i = 0; i < row; ++i)
            out.pixels[std::size_t(y) * row + i] = std::uint8_t(
                std::clamp(std::lround(LineFilter::apply(down.pixels[y], narrow.data() + i, row)), 0l, 255l));
    return out;
}

/// Of channel c the outermost pixels, each once.
std::vector<std::uint8_t> border_of(const Picture& picture, int c) {
    const std::size_t H = picture.height, W = picture.width, C = picture.channels;
    std::vector<std::uint8_t> border;
    for (std::size_t y = 0; y < H; ++y)
        for (std::size_t x = 0; x < W; x += (y == 0 || y == H - 1 || W == 1) ? 1 : W - 1)
            border.push_back(picture.pixels[(y * W + x) * C + std::size_t(c)]);
    return border;
}

/// What is around the picture where it does not fill its place, for each channel.
std::vector<std::uint8_t> paper_of(const Picture& picture, Fitting fit) {
    std::vector<std::uint8_t> paper(std::size_t(picture.channels));
    for (int c = 0; fit == Fitting::kPadBorder && c < picture.channels; ++c) {
        std::vector<std::uint8_t> border = border_of(picture, c);
        const auto middle = border.begin() + std::ptrdiff_t(border.size() / 2);
        std::nth_element(border.begin(), middle, border.end());
        paper[std::size_t(c)] = *middle;
    }
    return paper;
}

bool has_light_border(const Picture& picture) {
    double sum = 0;
    std::size_t count = 0;
    for (int c = 0; c < picture.channels; ++c)
        for (const std::uint8_t value : border_of(picture, c)) sum += value, ++count;
    return sum > 127.5 * double(count);
}

/// `picture` in the middle of `height` x `width` pixels of `paper`; where it is larger, its middle.
Picture centred(const Picture& picture, int height, int width, const std::vector<std::uint8_t>& paper) {
    if (picture.height == height && picture.width == width) return picture;
    const std::size_t C = paper.size();
    Picture out{height, width, picture.channels, {}};
    out.pixels.resize(std::size_t(height) * std::size_t(width) * C);
    // Rounded towards the top left, on either side.
    const int down = (height - picture.height) / 2, right = (width - picture.width) / 2;
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x) {
            const int from_y = y - down, from_x = x - right;
            const bool inside = from_y >= 0 && from_y < picture.height && from_x >= 0 && from_x < picture.width;
            const std::uint8_t* const pixel =
                inside ? picture.pixels.data() + (std::size_t(from_y) * std::size_t(picture.width) + from_x) * C
                       : paper.data();
            std::copy_n(pixel, C, out.pixels.data() + (std::size_t(y) * std::size_t(width) + x) * C);
        }
    return out;
}

std::string size_text(int height, int width) { return std::to_string(width) + " x " + std::to_string(height); }

Picture fitted(const Picture& in, int height, int width, Fitting fit, std::string& note) {
    if (in.height == height && in.width == width) return in;
    note = "resized from " + size_text(in.height, in.width) + " to " + size_text(height, width) + " pixels";
    if (fit == Fitting::kStretch) return resampled(in, height, width);
    const double down = double(height) / in.height, across = double(width) / in.width;
    const bool crop = fit == Fitting::kCrop;
    const double scale = crop ? std::max(down, across) : std::min(down, across);
    const auto side = [&](int from, int to) {
        const int scaled = int(std::lround(from * scale));
        return crop ? std::max(scaled, to) : std::clamp(scaled, 1, to);
    };
    const int h = side(in.height, height), w = side(in.width, width);
    if (h != height || w != width) note += crop ? ", its shape kept and its sides cut off" : ", its shape kept";
    if (std::int64_t{h} * w > kMostPicturePixels) {  // a hair, cropped: only the middle of it would be looked at
        return fitted(centred(in, std::min(in.height, int(std::ceil(height / scale))),
                              std::min(in.width, int(std::ceil(width / scale))), paper_of(in, fit)),
                      height, width, Fitting::kStretch, note);
    }
    return centred(resampled(in, h, w), height, width, paper_of(in, fit));
}

}  // namespace

ImagePreparation digit_preparation(int height, int width, int channels) {
    return {height, width, channels, Fitting::kPadBorder, std::uint8_t{255}, false, true};
}

PreparedImage prepare(Picture picture, const ImagePreparation& how, const std::string& name) {
    const int height = how.height ? how.height : picture.height, width = how.width ? how.width : picture.width;
    if (how.fit == Fitting::kExact && (height != picture.height || width != picture.width))
        throw Error(name + ": it has " + size_text(picture.height, picture.width) + " pixels instead of " +
                    size_text(height, width) + ": say how it is made to fit with --fit pad, crop or stretch");
    picture = flattened(picture, how.channels, how.background, name);
    PreparedImage out;
    if (how.invert) invert(picture.pixels);
    const bool light = how.invert_light_border && has_light_border(picture);
    out.pixels = fitted(picture, height, width, how.fit, out.note).pixels;
    out.inverted = light != how.invert;
    if (light) {
        invert(out.pixels);
        out.note += std::string(out.note.empty() ? "" : "; ") + "its border is light: inverted, so that ink is 1";
    }
    return out;
}

}  // namespace warpvae

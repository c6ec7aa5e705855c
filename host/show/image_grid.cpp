#include "host/show/image_grid.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <sstream>
#include <string_view>

#include "data/files.h"
#include "data/png.h"
#include "host/show/caption_font.h"

namespace warpvae {
namespace {

constexpr std::int64_t kMostBytes = std::int64_t{1} << 29;
constexpr int kCaptionGap = 8;      // between a caption and its images
constexpr int kCellCaptionGap = 3;  // between an image and the caption below it
constexpr int kBreak = kCaptionHeight;
constexpr int kLetterGap = 6;  // between two captions; column captions that are wider are turned

struct Colour {
    int r, g, b;
};
constexpr Colour kRed{214, 39, 40};

/// The next code point of UTF-8 text; a broken byte reads as '?'.
char32_t next_code(std::string_view& text) {
    const auto lead = static_cast<unsigned char>(text.front());
    const std::size_t length = lead < 0x80 ? 1 : lead >> 5 == 6 ? 2 : lead >> 4 == 14 ? 3 : lead >> 3 == 30 ? 4 : 0;
    if (length == 0 || length > text.size()) {
        text.remove_prefix(1);
        return U'?';
    }
    char32_t code = length == 1 ? lead : lead & (0x7fu >> length);
    for (std::size_t i = 1; i < length; i++) code = code << 6 | (static_cast<unsigned char>(text[i]) & 0x3f);
    text.remove_prefix(length);
    return code;
}

struct Glyph {
    int width = 0;
    std::string coverage;
};

const Glyph& glyph(char32_t code) {
    static const std::map<char32_t, Glyph> font = [] {
        std::map<char32_t, Glyph> out;
        std::istringstream lines(kCaptionFont);
        for (std::string line; std::getline(lines, line);) {
            if (line.empty()) continue;
            std::string_view rest = line;
            Glyph& one = out[next_code(rest)];
            std::istringstream(std::string(rest)) >> one.width >> one.coverage;
        }
        return out;
    }();
    const auto found = font.find(code);
    return found == font.end() ? font.at(U'?') : found->second;
}

int text_width(std::string_view text) {
    int width = 0;
    while (!text.empty()) width += glyph(next_code(text)).width;
    return width;
}

/// A picture that text and images are drawn on.
struct Canvas : RgbPicture {
    Canvas(int w, int h, Colour paper) : RgbPicture{w, h, std::vector<std::uint8_t>(std::size_t(w) * h * 3)} {
        for (std::size_t i = 0; i < rgb.size(); i += 3) put(i, paper);
    }
    void put(std::size_t at, Colour c) {
        rgb[at] = std::uint8_t(c.r);
        rgb[at + 1] = std::uint8_t(c.g);
        rgb[at + 2] = std::uint8_t(c.b);
    }
    std::size_t at(int x, int y) const { return (std::size_t(y) * width + x) * 3; }

    void blend(int x, int y, Colour ink, int alpha) {  // alpha of 15
        if (x < 0 || y < 0 || x >= width || y >= height) return;
        const std::size_t i = at(x, y);
        const auto mix = [&](int under, int over) { return (under * (15 - alpha) + over * alpha + 7) / 15; };
        put(i, {mix(rgb[i], ink.r), mix(rgb[i + 1], ink.g), mix(rgb[i + 2], ink.b)});
    }

    /// Red around a box whose top left corner is (x, y); what lies beyond the picture is left out.
    void border(int x, int y, int box_width, int box_height, int thickness) {
        for (int down = -thickness; down < box_height + thickness; down++) {
            for (int across = -thickness; across < box_width + thickness; across++) {
                const bool inside = down >= 0 && down < box_height && across >= 0 && across < box_width;
                if (!inside) blend(x + across, y + down, kRed, 15);
            }
        }
    }

    /// Text whose top left corner is (x, y); with `upright` false it reads upwards from its bottom left corner (x, y).
    void text(int x, int y, std::string_view words, Colour ink, bool upright = true) {
        int pen = 0;
        while (!words.empty()) {
            const Glyph& g = glyph(next_code(words));
            int i = 0;
            for (const char c : g.coverage) {
                const int across = pen + i % g.width, down = i / g.width;
                i += c < 'g' ? 1 : c - 'g' + 1;
                if (c >= 'g') continue;
                blend(x + (upright ? across : down), y + (upright ? down : -across), ink,
                      c <= '9' ? c - '0' : c - 'a' + 10);
            }
            pen += g.width;
        }
    }
};

}  // namespace

/// Where everything goes, in output pixels.
struct ImageGrid::Layout {
    std::int64_t width, height;
    int left, top;       // of the first image
    int cell_w, cell_h;  // one image, enlarged
    int room_w, room_h;  // the same with its caption
    bool turned;         // the column captions read upwards: they are wider than their columns
    int gap, group_gap, rows_in_group;
    const int *row_breaks, *column_breaks;

    int x(int column) const {
        return left + column * (room_w + gap) + (room_w - cell_w) / 2 + kBreak * column_breaks[column];
    }
    int y(int row) const {
        return top + row * (room_h + gap) + row / rows_in_group * group_gap + kBreak * row_breaks[row];
    }
};

ImageGrid::ImageGrid(int rows, int columns, int height, int width, ImageGridStyle style)
    : rows_(rows), columns_(columns), height_(height), width_(width), style_(style) {
    const std::string sheet = "a sheet of " + std::to_string(rows) + " x " + std::to_string(columns) + " images of " +
                              std::to_string(height) + " x " + std::to_string(width) + " pixels";
    if (rows < 1 || columns < 1 || height < 1 || width < 1) throw Error(sheet + ": every size must be positive");
    if ((style.channels != 1 && style.channels != 3) || style.scale < 1 || style.gap < 0 || style.margin < 0 ||
        style.rows_in_group < 1) {
        throw Error(sheet +
                    ": the style needs 1 or 3 channels, scale and rows_in_group of at least 1, no negative gap");
    }
    const double pixels =
        (double(height) * style.scale + style.gap) * rows * (double(width) * style.scale + style.gap) * columns;
    if (pixels * 3 > double(kMostBytes) * 0.75) {
        throw Error(sheet + " at scale " + std::to_string(style.scale) + " is too large: choose fewer images");
    }
    const auto cells = std::size_t(rows) * std::size_t(columns);
    pixels_.resize(cells * image_size());
    filled_.resize(cells), cell_captions_.resize(cells);
    row_captions_.resize(rows), row_breaks_.resize(rows);
    column_captions_.resize(columns), column_breaks_.resize(columns);
}

std::size_t ImageGrid::cell(int row, int column) const {
    if (row < 0 || row >= rows_ || column < 0 || column >= columns_) {
        throw Error("no cell (" + std::to_string(row) + ", " + std::to_string(column) + ") in a sheet of " +
                    std::to_string(rows_) + " x " + std::to_string(columns_) + " images");
    }
    return std::size_t(row) * std::size_t(columns_) + column;
}

void ImageGrid::set(int row, int column, std::span<const std::uint8_t> image) {
    if (image.size() != image_size()) {
        throw Error("an image of " + std::to_string(image.size()) + " values for a cell of " +
                    std::to_string(image_size()));
    }
    const std::size_t index = cell(row, column);
    std::copy(image.begin(), image.end(), pixels_.begin() + std::ptrdiff_t(index * image_size()));
    filled_[index] = true;
}

void ImageGrid::set(int row, int column, std::span<const float> image) {
    std::vector<std::uint8_t> bytes(image.size());
    std::transform(image.begin(), image.end(), bytes.begin(), [](float v) {
        return std::uint8_t(std::isnan(v) ? 128 : std::lround(std::clamp(v, 0.0f, 1.0f) * 255.0f));
    });
    set(row, column, std::span<const std::uint8_t>(bytes));
}

void ImageGrid::row_caption(int row, std::string text) { row_captions_[cell(row, 0) / columns_] = std::move(text); }

void ImageGrid::column_caption(int column, std::string text) { column_captions_[cell(0, column)] = std::move(text); }

void ImageGrid::cell_caption(int row, int column, std::string text) {
    cell_captions_[cell(row, column)] = std::move(text);
}

void ImageGrid::break_after_row(int row) {
    for (std::size_t after = cell(row, 0) / columns_ + 1; after < row_breaks_.size(); after++) row_breaks_[after]++;
}

void ImageGrid::break_after_column(int column) {
    for (std::size_t after = cell(0, column) + 1; after < column_breaks_.size(); after++) column_breaks_[after]++;
}

void ImageGrid::frame(int row, int column) { frames_.push_back(cell(row, column)); }

ImageGrid::Layout ImageGrid::layout() const {
    const auto widest = [](const std::vector<std::string>& captions) {
        int width = 0;
        for (const std::string& caption : captions) width = std::max(width, text_width(caption));
        return width;
    };
    const int row_text = widest(row_captions_), column_text = widest(column_captions_),
              cell_text = widest(cell_captions_);
    Layout l{};
    l.row_breaks = row_breaks_.data(), l.column_breaks = column_breaks_.data();
    l.cell_w = width_ * style_.scale;
    l.cell_h = height_ * style_.scale;
    l.room_w = std::max(l.cell_w, cell_text ? cell_text + kLetterGap : 0);
    l.room_h = l.cell_h + (cell_text ? kCellCaptionGap + kCaptionHeight : 0);
    l.gap = style_.gap, l.rows_in_group = style_.rows_in_group;
    l.group_gap = style_.rows_in_group > 1 ? 3 * style_.gap : 0;
    l.turned = column_text + kLetterGap > l.room_w + style_.gap;
    l.left = style_.margin + (row_text ? row_text + kCaptionGap + 4 : 0);
    l.top = style_.margin + (title_.empty() ? 0 : kCaptionHeight + kCaptionGap) +
            (column_text ? (l.turned ? column_text : kCaptionHeight) + kCaptionGap / 2 : 0);
    const std::int64_t right =
        l.left + std::int64_t{columns_} * (l.room_w + style_.gap) - style_.gap + kBreak * column_breaks_.back();
    const std::int64_t bottom = l.top + std::int64_t{rows_} * (l.room_h + style_.gap) - style_.gap +
                                std::int64_t{(rows_ - 1) / style_.rows_in_group} * l.group_gap +
                                kBreak * row_breaks_.back();
    l.width = std::max<std::int64_t>(right, style_.margin + text_width(title_)) + style_.margin;
    l.height = bottom + style_.margin;
    if (l.width * l.height * 3 > kMostBytes) throw Error("the sheet is too large: shorten its captions");
    return l;
}

RgbPicture ImageGrid::draw() const {
    const Layout l = layout();
    const Colour paper = style_.dark ? Colour{17, 19, 24} : Colour{255, 255, 255};
    const Colour ink = style_.dark ? Colour{222, 226, 234} : Colour{38, 43, 54};
    Canvas canvas(int(l.width), int(l.height), paper);

    if (!title_.empty()) canvas.text(style_.margin, style_.margin, title_, ink);
    for (int row = 0; row < rows_; row++) {
        const std::string& caption = row_captions_[row];
        const int y = l.y(row) + (l.cell_h - kCaptionHeight) / 2;
        canvas.text(l.left - kCaptionGap - 4 - text_width(caption), y, caption, ink);
    }
    for (int column = 0; column < columns_; column++) {
        const std::string& caption = column_captions_[column];
        const int x = l.x(column);
        if (l.turned) {
            canvas.text(x + (l.cell_w - kCaptionHeight) / 2, l.top - kCaptionGap / 2, caption, ink, false);
        } else {
            canvas.text(x + (l.cell_w - text_width(caption)) / 2, l.top - kCaptionHeight - kCaptionGap / 2, caption,
                        ink);
        }
    }

    const int green = style_.channels / 2, blue = style_.channels - 1;  // grey: all three are one
    for (std::size_t index = 0; index < filled_.size(); index++) {
        if (!filled_[index]) continue;
        const std::uint8_t* image = pixels_.data() + index * image_size();
        const int left = l.x(int(index) % columns_), top = l.y(int(index) / columns_);
        const std::string& caption = cell_captions_[index];
        canvas.text(left + (l.cell_w - text_width(caption)) / 2, top + l.cell_h + kCellCaptionGap, caption, ink);
        for (int y = 0; y < l.cell_h; y++) {
            for (int x = 0; x < l.cell_w; x++) {
                const std::size_t pixel = std::size_t(y / style_.scale) * width_ + x / style_.scale;
                const std::uint8_t* p = image + pixel * style_.channels;
                Colour c{p[0], p[green], p[blue]};
                if (style_.invert && style_.channels == 1) c = {255 - c.r, 255 - c.g, 255 - c.b};
                canvas.put(canvas.at(left + x, top + y), c);
            }
        }
    }
    const int border = std::clamp(style_.gap / 2, 1, kCellCaptionGap);
    for (const std::size_t index : frames_)
        canvas.border(l.x(int(index) % columns_), l.y(int(index) / columns_), l.cell_w, l.cell_h, border);
    return canvas;
}

std::string ImageGrid::png() const {
    const RgbPicture picture = draw();
    return encode_png(picture.width, picture.height, 3, picture.rgb.data());
}

void ImageGrid::write(const std::filesystem::path& path) const { write_file(path, png()); }

}  // namespace warpvae

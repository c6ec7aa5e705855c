// Tables in text, a row an image: .csv, and .amat whose images are written column by column.
#include <algorithm>
#include <cmath>
#include <fstream>

#include "data/error.h"
#include "data/own_parts.h"
#include "data/set_text.h"
#include "data/table_row.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

/// Grey levels as they come, one after the other. Where no range is stated they are bytes or lie in [0, 1], which the
/// numbers themselves have to show: a fraction, or a number above 1.
class Levels {
  public:
    explicit Levels(std::optional<ValueRange> range) : range_(range) {}

    /// Throws Error naming `where` for a number outside of what the others have shown.
    template <class Where>
    void add(double value, const Where& where) {
        if (!range_) learn(value);
        const ValueRange scale = range_ ? *range_ : ValueRange{0, 1};
        if (!(value >= scale.low && value <= scale.high) || (is_bytes_ && value != std::floor(value)))
            throw Error(
                where() + ": " + short_number(value) + " is " +
                (is_bytes_ && value == value ? "no byte, as the numbers before it are" : "outside ") +
                (is_bytes_ && value == value ? "" : short_number(scale.low) + " to " + short_number(scale.high)) +
                ": say with --range LO,HI what is black and white");
        levels_.push_back(std::uint8_t(std::lround((value - scale.low) / (scale.high - scale.low) * 255)));
    }
    /// Throws Error where nothing has shown the range.
    std::vector<std::uint8_t> take(const std::string& where) {
        if (!range_)
            throw Error(where + ": every number is 0 or 1: say whether 1 is white with --range 0,1, or nearly black " +
                        "with --range 0,255");
        return std::move(levels_);
    }
    bool are_fractions() const { return !is_bytes_; }

  private:
    void learn(double value) {
        if (value > 1 && value == std::floor(value) && value <= 255) {
            is_bytes_ = true;
            range_ = {0, 255};
            for (std::uint8_t& level : levels_) level = level ? 1 : 0;  // so far 0 and 1
        } else if (value > 0 && value < 1) {
            range_ = {0, 1};
        }
    }
    std::optional<ValueRange> range_;
    bool is_bytes_ = false;
    std::vector<std::uint8_t> levels_;
};

/// Names that a table's writer makes up where it is given none: 0, 1, 2, ... or 1, 2, 3, ..., words aside.
bool are_counted(const std::vector<std::string>& cells) {
    constexpr int kFew = 9;  // of pixels: so many in a row may be an image
    int seen = 0;
    std::optional<double> before;
    for (const std::string& cell : cells) {
        const std::optional<double> number = cell_number(cell);
        if (!number) continue;
        if (before ? *number != *before + 1 : *number != 0 && *number != 1) return false;
        before = number, ++seen;
    }
    return seen >= kFew;
}

bool is_header(const std::vector<std::string>& cells) {
    if (are_counted(cells)) return true;
    const auto words = std::count_if(cells.begin(), cells.end(), [](const auto& cell) { return !cell_number(cell); });
    return 2 * words > std::ssize(cells);
}

struct Table {
    const fs::path& path;
    const OwnSetOptions& options;
    const bool is_amat = path.extension() == ".amat";
    std::size_t pixels = 0;                 ///< numbers of an image
    std::size_t label = std::string::npos;  ///< its column; npos: there is none

    bool has_label() const { return label != std::string::npos; }

    /// What the first row tells: which column is the label, and that the others are an image of the size asked for.
    void understand(const std::vector<std::string>& first, bool header) {
        const ImagePreparation& how = options.preparation;
        const std::size_t grey = std::size_t(how.height) * std::size_t(how.width);
        if (!grey)
            throw Error(path.string() + ": an image is a row of " + counted(first.size(), "number") +
                        ": say its height and width with --size, as --size 28 or --size 32x24");
        const std::string& wanted = options.label_column;
        std::optional<std::size_t> column;
        if (wanted.empty() && header)
            column = usual_label_column(first);
        else if (wanted.empty() && is_amat)
            column = first.size() - 1;
        else if (wanted.empty() && (first.size() == grey + 1 || first.size() == 3 * grey + 1))
            throw Error(path.string() + ": a row has one number more than an image: say whether it is the label " +
                        "with --label-column first or last");
        else if (!wanted.empty() && wanted != "none") {
            // Without a header the cells are no names.
            column = find_column(header ? first : std::vector<std::string>(first.size()), wanted);
            if (!column) throw Error(path.string() + ": no column " + wanted + " (--label-column)");
        }
        if (column) label = *column;
        pixels = first.size() - (has_label() ? 1 : 0);
        if (pixels != grey && pixels != 3 * grey)
            throw Error(path.string() + ": " + counted(pixels, "number") + " in a row and not " + std::to_string(grey) +
                        " for " + std::to_string(how.height) + " x " + std::to_string(how.width) +
                        ": see --size and --label-column");
    }
};

/// Images that were written column by column, row by row.
void transpose(std::vector<std::uint8_t>& pixels, std::size_t height, std::size_t width) {
    std::vector<std::uint8_t> image(height * width);
    for (std::size_t first = 0; first < pixels.size(); first += image.size()) {
        for (std::size_t y = 0; y < height; ++y)
            for (std::size_t x = 0; x < width; ++x) image[y * width + x] = pixels[first + x * height + y];
        std::copy(image.begin(), image.end(), pixels.begin() + std::ptrdiff_t(first));
    }
}

}  // namespace

ReadParts read_table(const fs::path& path, const OwnSetOptions& options) {
    std::ifstream in(path);
    if (!in) throw Error("cannot read " + path.string());
    Table table{path, options};
    const char separator = table.is_amat ? ' ' : ',';
    Levels levels(table.is_amat && !options.range ? ValueRange{0, 1} : options.range);
    ReadParts parts;
    std::vector<std::string> cells;
    std::string line;
    std::size_t count = 0;
    for (std::size_t number = 1; std::getline(in, line); ++number) {
        const auto where = [&] { return path.string() + ", line " + std::to_string(number); };
        if (number == 1 && !line.compare(0, 3, "\xef\xbb\xbf")) line.erase(0, 3);
        if (!split_row(line, separator, cells)) throw Error(where() + ": a quote has no end");
        if (cells.empty()) continue;
        if (!table.pixels) {
            const bool header = !table.is_amat && is_header(cells);
            table.understand(cells, header);
            if (header) continue;
        }
        const std::size_t wanted = table.pixels + (table.has_label() ? 1 : 0);
        if (cells.size() != wanted)
            throw Error(where() + ": " + counted(cells.size(), "cell") + " instead of " + std::to_string(wanted));
        for (std::size_t i = 0; i < cells.size(); ++i) {
            if (i == table.label) {
                const std::optional<double> label = cell_number(cells[i]);
                if (!is_utf8(cells[i]) || cells[i].empty())
                    throw Error(where() + ": it has no label, or none in UTF-8");
                // 3 and 3.0000000e+00 are one class.
                const bool whole = label && *label == std::floor(*label) && std::abs(*label) < 1e15;
                parts.train.labels.push_back(whole ? std::to_string(std::int64_t(*label)) : cells[i]);
                continue;
            }
            const std::optional<double> value = cell_number(cells[i]);
            if (!value) throw Error(where() + ": " + printable(cells[i].substr(0, 40)) + " is no number");
            levels.add(*value, where);
        }
        ++count;
    }
    if (in.bad()) throw Error("cannot read " + path.string());
    if (!count) throw Error(path.string() + ": holds no images");
    std::vector<std::uint8_t> pixels = levels.take(path.string());
    if (table.is_amat)
        transpose(pixels, std::size_t(options.preparation.height), std::size_t(options.preparation.width));
    if (levels.are_fractions()) parts.notes.push_back(path.string() + ": numbers rounded to bytes, 256 levels");
    parts.train.images = images_of(std::move(pixels), {count, table.pixels}, options, path.string());
    parts.train.where = path.string();
    return parts;
}

}  // namespace warpvae

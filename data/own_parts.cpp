#include "data/own_parts.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <set>

#include "cuda/device/cpu_resources.h"
#include "data/error.h"
#include "data/idx.h"
#include "data/set_text.h"
#include "data/table_row.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostClasses = 256;  // a label is a byte
constexpr std::size_t kLargestSide = 1 << 14;

bool is_whole_number(const std::string& text) {
    const std::optional<double> number = cell_number(text);
    return number && *number == std::floor(*number) && std::abs(*number) < 1e15;
}

/// What the extents of an array mean.
struct ArrayShape {
    std::size_t count, height, width, channels;
    bool channels_first;
    std::size_t pixels() const { return height * width; }
};

bool may_be_channels(std::size_t extent) { return extent == 1 || extent == 3; }

ArrayShape meaning_of_rows(const std::vector<std::size_t>& shape, const OwnSetOptions& options,
                           const Error& shapeless) {
    const std::size_t height = std::size_t(options.preparation.height), width = std::size_t(options.preparation.width);
    if (!height) throw shapeless;
    if (shape[1] == height * width) return {shape[0], height, width, 1, false};
    if (shape[1] != 3 * height * width) throw shapeless;
    if (options.layout != Layout::kChannelsFirst && options.layout != Layout::kChannelsLast)
        throw Error(std::string(shapeless.what()) + "; of colour, with --layout nhwc or nchw too");
    return {shape[0], height, width, 3, options.layout == Layout::kChannelsFirst};
}

ArrayShape meaning_of(const std::vector<std::size_t>& shape, const OwnSetOptions& options, const std::string& where) {
    const std::string has = where + ": an array of shape " + shape_text(shape);
    if (shape.size() == 2)
        return meaning_of_rows(shape, options,
                               Error(where + ": an image is a row of " + std::to_string(shape[1]) +
                                     " numbers: say its height and width with --size, as --size 28 or --size 32x24"));
    const bool last = shape.size() == 4 && may_be_channels(shape[3]);
    const bool first = shape.size() == 4 && may_be_channels(shape[1]);
    const Error no_images(has + " holds no images: [n,H,W], [n,H,W,C] or [n,C,H,W] are read, C 1 or 3, and [n,D] " +
                          "with --size");
    if (shape.size() < 3) throw no_images;
    const ArrayShape channels_last{shape[0], shape[1], shape[2], last ? shape[3] : 1, false};
    switch (options.layout) {
        case Layout::kAuto:
            if (shape.size() == 3) return channels_last;
            if (last && first)
                throw Error(has + " can be read in two ways: say which with --layout nhwc or --layout nchw");
            if (last) return channels_last;
            if (first) return {shape[0], shape[2], shape[3], shape[1], true};
            break;
        case Layout::kGrey:
            if (shape.size() == 3) return channels_last;
            break;
        case Layout::kChannelsLast:
            if (last) return channels_last;
            break;
        case Layout::kChannelsFirst:
            if (first) return {shape[0], shape[2], shape[3], shape[1], true};
            break;
    }
    throw no_images;
}

/// [channels, height, width] as [height, width, channels].
void put_channels_last(const std::uint8_t* in, const ArrayShape& shape, std::uint8_t* out) {
    for (std::size_t c = 0; c < shape.channels; ++c)
        for (std::size_t i = 0; i < shape.pixels(); ++i) out[i * shape.channels + c] = in[c * shape.pixels() + i];
}

}  // namespace

// --- labels ----------------------------------------------------------------------------------------------------------

NamedLabels name_labels(const std::vector<std::string>& texts, const std::string& where) {
    const std::set<std::string> distinct(texts.begin(), texts.end());
    if (distinct.size() > kMostClasses)
        throw Error(where + ": " + std::to_string(distinct.size()) +
                    " classes: at most 256 can be told apart; join some, or leave labels out with --label-column none");
    NamedLabels named{{distinct.begin(), distinct.end()}, {}};
    if (std::all_of(distinct.begin(), distinct.end(), is_whole_number))
        std::sort(named.names.begin(), named.names.end(), [](const std::string& a, const std::string& b) {
            return std::pair(*cell_number(a), a) < std::pair(*cell_number(b), b);
        });
    named.labels = labels_among(texts, named.names, where);
    return named;
}

std::vector<std::uint8_t> labels_among(const std::vector<std::string>& texts, const std::vector<std::string>& names,
                                       const std::string& where) {
    std::map<std::string, std::uint8_t> numbers;
    for (std::size_t k = 0; k < names.size(); ++k) numbers[names[k]] = std::uint8_t(k);
    std::vector<std::uint8_t> labels;
    labels.reserve(texts.size());
    for (const std::string& text : texts) {
        const auto at = numbers.find(text);
        if (at == numbers.end())
            throw Error(where + ": class " + printable(text) + " is in the test part and not in the training part");
        labels.push_back(at->second);
    }
    return labels;
}

// --- images ----------------------------------------------------------------------------------------------------------

void require_memory(std::size_t count, std::size_t size, const std::string& where) {
    const double bytes = double(count) * double(size), there = double(available_memory());
    if (bytes < there) return;
    throw Error(where + ": " + counted(count, "image") + " of " + std::to_string(size) + " bytes take " +
                short_number(bytes / (1 << 30)) + " GiB of memory, and " + short_number(there / (1 << 30)) +
                " GiB are free: take fewer (--train-images) or smaller ones (--size N --fit pad, crop or stretch)");
}

ImageSet images_of(std::vector<std::uint8_t> pixels, std::vector<std::size_t> shape, const OwnSetOptions& options,
                   const std::string& where) {
    const ArrayShape in = meaning_of(shape, options, where);
    if (!in.count) throw Error(where + ": holds no images");
    if (!in.height || !in.width || in.height > kLargestSide || in.width > kLargestSide)
        throw Error(where + ": images of " + std::to_string(in.height) + " x " + std::to_string(in.width) + " pixels");
    ImagePreparation how = options.preparation;
    if (!how.height) how.height = int(in.height), how.width = int(in.width);
    if (!how.channels) how.channels = int(in.channels);
    ImageSet set{how.height, how.width, {}, std::vector<std::uint8_t>(in.count), how.channels};
    const bool as_they_are = !in.channels_first && !how.invert && how.channels == int(in.channels) &&
                             how.height == int(in.height) && how.width == int(in.width);
    if (as_they_are) {
        set.images = std::move(pixels);
        return set;
    }
    require_memory(in.count, set.image_size(), where);
    set.images.resize(in.count * set.image_size());
    for_each_in_parallel(in.count, [&](std::size_t i) {
        const std::size_t size = in.pixels() * in.channels;
        Picture picture{int(in.height), int(in.width), int(in.channels), std::vector<std::uint8_t>(size)};
        if (in.channels_first)
            put_channels_last(pixels.data() + i * size, in, picture.pixels.data());
        else
            std::copy_n(pixels.data() + i * size, size, picture.pixels.data());
        const PreparedImage image = prepare(std::move(picture), how, where + ", image " + std::to_string(i));
        std::copy(image.pixels.begin(), image.pixels.end(), set.images.data() + i * set.image_size());
    });
    return set;
}

// --- IDX -------------------------------------------------------------------------------------------------------------

namespace {

fs::path idx_images(const fs::path& folder, Part part) {
    const fs::path grey = find_file(folder, images_file_name(file_prefix(part)));
    return grey.empty() ? find_file(folder, images_file_name(file_prefix(part), 3)) : grey;
}

ReadImages read_idx_images(const fs::path& images, const fs::path& labels, const OwnSetOptions& options) {
    IdxArray array = read_idx(images, kAnyImageRank);
    ReadImages read{images_of(std::move(array.values), array.shape, options, images.string()), {}, images.string()};
    if (labels.empty() || options.label_column == "none") return read;
    const IdxArray numbers = read_idx(labels, kLabelRank);
    if (numbers.count() != read.images.count())
        throw Error(labels.string() + ": " + counted(numbers.count(), "label") + " for the " +
                    counted(read.images.count(), "image") + " of " + images.string());
    for (const std::uint8_t label : numbers.values) read.labels.push_back(std::to_string(label));
    return read;
}

}  // namespace

bool is_idx_folder(const fs::path& folder) { return !idx_images(folder, Part::kTrain).empty(); }

ReadParts read_idx_folder(const fs::path& folder, const OwnSetOptions& options) {
    const auto read = [&](Part part) {
        return read_idx_images(idx_images(folder, part), find_file(folder, labels_file_name(file_prefix(part))),
                               options);
    };
    ReadParts parts{read(Part::kTrain), {}, {}};
    if (!idx_images(folder, Part::kTest).empty()) parts.test = read(Part::kTest);
    return parts;
}

}  // namespace warpvae

#include "data/idx.h"

#include <algorithm>
#include <limits>

#include "data/error.h"
#include "data/files.h"
#include "data/gzip.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLargestHeader = 4 + 4 * 255;

std::uint32_t big_endian(std::string_view bytes, std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = at; i < at + 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
    return value;
}
void append_big_endian(std::string& out, std::size_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

std::string hex32(std::uint32_t value) {
    std::string digits = "0x";
    for (int shift = 28; shift >= 0; shift -= 4) digits.push_back("0123456789abcdef"[(value >> shift) & 15]);
    return digits;
}

struct Header {
    std::vector<std::size_t> shape;
    std::size_t size = 0;   ///< of the header itself
    std::size_t total = 0;  ///< of header and values
};

/// Reads the header at the start of `bytes`, trusting nothing in it.
Header read_header(std::string_view bytes, const std::string& name) {
    if (bytes.size() < 4) throw Error(name + ": cut off in its header (" + std::to_string(bytes.size()) + " bytes)");
    const std::uint32_t magic = big_endian(bytes, 0);
    const std::uint32_t rank = magic & 255;
    if (magic >> 8 != 0x000008 || rank == 0)
        throw Error(name + ": not an IDX file of bytes (magic " + hex32(magic) + ")");
    Header header;
    header.size = 4 + 4 * std::size_t(rank);
    if (bytes.size() < header.size)
        throw Error(name + ": cut off in its header (" + std::to_string(bytes.size()) + " bytes)");
    std::size_t values = 1;
    for (std::uint32_t d = 0; d < rank; ++d) {
        const std::size_t extent = big_endian(bytes, 4 + 4 * d);
        if (extent && values > (std::size_t(1) << 62) / extent) throw Error(name + ": absurd sizes in its header");
        values *= extent;
        header.shape.push_back(extent);
    }
    header.total = header.size + values;
    return header;
}

std::string shape_text(const std::vector<std::size_t>& shape, std::size_t from = 0) {
    std::string text;
    for (std::size_t d = from; d < shape.size(); ++d) {
        if (d > from) text += 'x';
        text += std::to_string(shape[d]);
    }
    return text;
}

}  // namespace

std::string read_idx_bytes(const fs::path& path) {
    std::string bytes = read_file(path);
    if (!is_gzip(bytes)) return bytes;
    const std::string name = path.string();
    const Header header = read_header(gunzip(bytes, name, kLargestHeader), name);
    // One byte more than there should be, so that the stream's end and its checksum are reached, and a longer file
    // noticed.
    return gunzip(bytes, name, header.total + 1);
}

IdxArray parse_idx(std::string_view bytes, const std::string& name, int rank) {
    const Header header = read_header(bytes, name);
    const int found = int(header.shape.size());
    const bool fits = rank == kAnyImageRank ? found == kImageRank || found == kColourRank : !rank || found == rank;
    if (!fits) {
        const int expected = rank == kAnyImageRank ? kImageRank : rank;
        throw Error(name + ": wrong magic " + hex32(big_endian(bytes, 0)) + ", expected " +
                    hex32(0x800u + unsigned(expected)) +
                    (expected == kImageRank    ? " (images)"
                     : expected == kColourRank ? " (images in colour)"
                     : expected == kLabelRank  ? " (labels)"
                                               : ""));
    }
    if (bytes.size() < header.total) {
        throw Error(name + ": cut off: its header announces " + shape_text(header.shape) + " values, " +
                    std::to_string(bytes.size() - header.size) + " are there");
    }
    if (bytes.size() > header.total) {
        throw Error(name + ": too long: more bytes than the " + shape_text(header.shape) +
                    " values its header announces");
    }
    const auto* first = reinterpret_cast<const std::uint8_t*>(bytes.data());
    return {header.shape, std::vector<std::uint8_t>(first + header.size, first + header.total)};
}

IdxArray read_idx(const fs::path& path, int rank) { return parse_idx(read_idx_bytes(path), path.string(), rank); }

void write_idx(const fs::path& path, const std::vector<std::size_t>& shape, const std::vector<std::uint8_t>& values) {
    std::string bytes;
    append_big_endian(bytes, 0x800 + shape.size());
    std::size_t count = 1;
    for (const std::size_t extent : shape) {
        if (extent > std::numeric_limits<std::uint32_t>::max()) throw Error(path.string() + ": too large for IDX");
        append_big_endian(bytes, extent);
        count *= extent;
    }
    if (shape.empty() || shape.size() > 255 || count != values.size()) {
        throw Error(path.string() + ": " + shape_text(shape) + " is not the shape of " + std::to_string(values.size()) +
                    " values");
    }
    bytes.append(reinterpret_cast<const char*>(values.data()), values.size());
    write_file(path, path.extension() == ".gz" ? gzip(bytes) : bytes);
}

ImageSet join_image_set(IdxArray images, const std::string& images_name, IdxArray labels,
                        const std::string& labels_name, const ImageSetShape& expected) {
    const std::size_t height = images.shape[1], width = images.shape[2];
    const std::size_t channels = images.shape.size() == kColourRank ? images.shape[3] : 1;
    constexpr std::size_t kLargestSide = 1 << 14;
    if (!height || !width || height > kLargestSide || width > kLargestSide || (channels != 1 && channels != 3)) {
        throw Error(images_name + ": images of " + shape_text(images.shape, 1) + " pixels");
    }
    if ((expected.height && height != std::size_t(expected.height)) ||
        (expected.width && width != std::size_t(expected.width)) ||
        (expected.channels && channels != std::size_t(expected.channels))) {
        throw Error(images_name + ": images of " + shape_text(images.shape, 1) + " pixels, expected " +
                    std::to_string(expected.height) + "x" + std::to_string(expected.width) +
                    (expected.channels > 1 ? "x" + std::to_string(expected.channels) : ""));
    }
    if (images.count() != labels.count()) {
        throw Error(labels_name + ": " + std::to_string(labels.count()) + " labels for the " +
                    std::to_string(images.count()) + " images of " + images_name);
    }
    const auto wrong = std::find_if(labels.values.begin(), labels.values.end(),
                                    [&](std::uint8_t label) { return label >= expected.classes; });
    if (wrong != labels.values.end()) {
        throw Error(labels_name + ": label " + std::to_string(*wrong) + " at index " +
                    std::to_string(wrong - labels.values.begin()) + " is not in 0.." +
                    std::to_string(expected.classes - 1));
    }
    return {static_cast<int>(height), static_cast<int>(width), std::move(images.values), std::move(labels.values),
            static_cast<int>(channels)};
}

ImageSet read_image_set(const fs::path& images, const fs::path& labels, const ImageSetShape& expected) {
    const int rank = expected.channels == 1 ? kImageRank : expected.channels ? kColourRank : kAnyImageRank;
    return join_image_set(read_idx(images, rank), images.string(), read_idx(labels, kLabelRank), labels.string(),
                          expected);
}

std::string images_file_name(std::string_view prefix, int channels) {
    return std::string(prefix) + (channels == 1 ? "-images-idx3-ubyte" : "-images-idx4-ubyte");
}
std::string labels_file_name(std::string_view prefix) { return std::string(prefix) + "-labels-idx1-ubyte"; }
const char* file_prefix(Part part) { return part == Part::kTrain ? "train" : "t10k"; }

void write_image_set(const fs::path& folder, std::string_view prefix, const ImageSet& set, const char* ending) {
    std::vector<std::size_t> shape{set.count(), std::size_t(set.height), std::size_t(set.width)};
    if (set.channels != 1) shape.push_back(std::size_t(set.channels));
    write_idx(folder / (images_file_name(prefix, set.channels) + ending), shape, set.images);
    write_idx(folder / (labels_file_name(prefix) + ending), {set.count()}, set.labels);
}

}  // namespace warpvae

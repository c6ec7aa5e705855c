#include "data/npy_stream.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>

#include "data/error.h"
#include "data/set_text.h"

namespace warpvae {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kLongestHeader = 1 << 16;
constexpr std::size_t kBlock = 1 << 16;  // numbers that are read at once

Error fail(const ByteStream& stream, const std::string& why) { return Error(stream.name + ": " + why); }

void read_whole(ByteStream& stream, char* into, std::size_t count) {
    if (stream.read(into, count) != count) throw fail(stream, "cut off");
}

/// An archive compares its checksum only where its reader wants more than there is. Throws Error where it differs.
void come_to_the_end(ByteStream& stream) {
    char more = 0;
    stream.read(&more, 1);
}

/// What follows "'key':" in the header's dictionary, without spaces; empty if there is none.
std::string_view value_of(std::string_view text, std::string_view key) {
    for (const char quote : {'\'', '"'}) {
        const std::string quoted = quote + std::string(key) + quote;
        const std::size_t at = text.find(quoted);
        if (at == text.npos) continue;
        const std::size_t colon = text.find(':', at + quoted.size());
        const std::size_t value = text.find_first_not_of(' ', colon == text.npos ? colon : colon + 1);
        return value == text.npos ? std::string_view() : text.substr(value);
    }
    return {};
}

/// "<f4" in the text '<f4': byte order, kind, bytes. Throws where it is anything else.
void read_type(const ByteStream& stream, std::string_view value, NpyHeader& header) {
    if (value.empty() || (value[0] != '\'' && value[0] != '"'))
        throw fail(stream, "its elements are records, not numbers: save an array of numbers");
    const std::string_view type = value.substr(1, value.find(value[0], 1) - 1);
    if (type.find('O') != type.npos)
        throw fail(stream, "holds pickled objects, which could run anything: save it as numbers (array.astype(...))");
    const auto is = [&](std::string_view kinds) { return type.size() == 3 && kinds.find(type[1]) != kinds.npos; };
    const int bytes = type.size() == 3 ? type[2] - '0' : 0;
    const bool known = (is("b") && bytes == 1) ||
                       (is("ui") && (bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8)) ||
                       (is("f") && (bytes == 4 || bytes == 8));
    if (!known || std::string_view("<>|=").find(type[0]) == std::string_view::npos)
        throw fail(stream, "elements of type " + printable(type) + ": bool, integers, float32 and float64 are read");
    header.big_endian = type[0] == '>';
    header.kind = type[1];
    header.bytes = bytes;
}

std::vector<std::size_t> read_shape(const ByteStream& stream, std::string_view value) {
    std::vector<std::size_t> shape;
    if (value.empty() || value[0] != '(') throw fail(stream, "damaged: its header has no shape");
    value = value.substr(1, value.find(')') - 1);
    while (true) {
        value.remove_prefix(std::min(value.find_first_not_of(" ,L"), value.size()));
        if (value.empty()) return shape;
        std::size_t extent = 0;
        const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), extent);
        if (error != std::errc()) throw fail(stream, "damaged: its header has no shape");
        shape.push_back(extent);
        value.remove_prefix(std::size_t(end - value.data()));
    }
}

/// The number at `at`.
double number_at(const char* at, const NpyHeader& header) {
    unsigned char bytes[8] = {};
    for (int i = 0; i < header.bytes; ++i)
        bytes[i] = static_cast<unsigned char>(at[header.big_endian ? header.bytes - 1 - i : i]);
    std::uint64_t value = 0;
    for (int i = 0; i < header.bytes; ++i) value |= std::uint64_t(bytes[i]) << 8 * i;
    if (header.kind == 'f')
        return header.bytes == 4 ? double(std::bit_cast<float>(std::uint32_t(value))) : std::bit_cast<double>(value);
    if (header.kind != 'i') return double(value);
    const int spare = 64 - 8 * header.bytes;
    return double(std::int64_t(value << spare) >> spare);
}

/// take(number, place in the stream) for every number, in the stream's order.
template <class Take>
void for_each_number(ByteStream& stream, const NpyHeader& header, const Take& take) {
    std::vector<char> block(std::min(kBlock, header.count()) * std::size_t(header.bytes));
    for (std::size_t first = 0; first < header.count(); first += kBlock) {
        const std::size_t count = std::min(kBlock, header.count() - first);
        read_whole(stream, block.data(), count * std::size_t(header.bytes));
        for (std::size_t i = 0; i < count; ++i)
            take(number_at(block.data() + i * std::size_t(header.bytes), header), first + i);
    }
    come_to_the_end(stream);
}

/// Which image a number of the stream belongs to.
std::size_t image_of(const NpyHeader& header, std::size_t place) {
    const std::size_t images = std::max<std::size_t>(header.shape[0], 1);
    return header.fortran ? place % images : place / std::max<std::size_t>(header.count() / images, 1);
}

/// Fortran's order, the first index fastest, becomes C's.
template <class T>
std::vector<T> in_c_order(const std::vector<T>& in, const std::vector<std::size_t>& shape) {
    std::vector<T> out(in.size());
    std::vector<std::size_t> index(shape.size());
    for (T& value : out) {
        std::size_t place = 0;
        for (std::size_t d = shape.size(); d-- > 0;) place = place * shape[d] + index[d];
        value = in[place];
        for (std::size_t d = shape.size(); d-- > 0;) {
            if (++index[d] < shape[d]) break;
            index[d] = 0;
        }
    }
    return out;
}

/// What the numbers' own type says of their range; throws where it says nothing.
ValueRange range_of_type(const ByteStream& stream, const NpyHeader& header) {
    if (header.kind == 'b' || header.kind == 'f') return {0, 1};
    if (header.kind == 'u' && header.bytes == 1) return {0, 255};
    throw fail(stream, "numbers of type " + header.type() + " say nothing of black and white: say it with --range, " +
                           "as --range 0,65535");
}

}  // namespace

std::size_t NpyHeader::count() const {
    std::size_t product = 1;
    for (const std::size_t extent : shape) product *= extent;
    return product;
}

std::string NpyHeader::type() const { return kind + std::to_string(bytes); }

NpyHeader read_npy_header(ByteStream& stream) {
    char start[8];
    if (stream.read(start, sizeof(start)) != sizeof(start) || std::string_view(start, kMagic.size()) != kMagic)
        throw fail(stream, "not a .npy file");
    const int version = start[6];
    if (version < 1 || version > 3) throw fail(stream, "a .npy file of version " + std::to_string(version));
    const std::size_t length_bytes = version == 1 ? 2 : 4;
    unsigned char length[4] = {};
    read_whole(stream, reinterpret_cast<char*>(length), length_bytes);
    const std::size_t size =
        length[0] | std::size_t(length[1]) << 8 | std::size_t(length[2]) << 16 | std::size_t(length[3]) << 24;
    if (size > kLongestHeader) throw fail(stream, "damaged: a header of " + std::to_string(size) + " bytes");
    std::string text(size, '\0');
    read_whole(stream, text.data(), size);

    NpyHeader header;
    read_type(stream, value_of(text, "descr"), header);
    header.fortran = value_of(text, "fortran_order").substr(0, 4) == "True";
    header.shape = read_shape(stream, value_of(text, "shape"));
    if (header.shape.empty()) throw fail(stream, "a single number, no array");
    // Before anything is allocated: a damaged shape must not ask for terabytes.
    const std::uint64_t rest = stream.size - std::min<std::uint64_t>(stream.size, sizeof(start) + length_bytes + size);
    std::uint64_t expected = std::uint64_t(header.bytes);
    for (const std::size_t extent : header.shape) {
        if (extent && expected > rest / extent)
            throw fail(stream, "cut off: its shape holds more numbers than the file");
        expected *= extent;
    }
    if (expected != rest)
        throw fail(stream,
                   "holds " + std::to_string(rest) + " bytes of numbers, its shape " + std::to_string(expected));
    return header;
}

std::vector<std::uint8_t> read_npy_pixels(ByteStream& stream, const NpyHeader& header,
                                          const std::optional<ValueRange>& range) {
    const ValueRange scale = range ? *range : range_of_type(stream, header);
    std::vector<std::uint8_t> pixels(header.count());
    const bool are_bytes = header.kind == 'u' && header.bytes == 1 && scale.low == 0 && scale.high == 255;
    if (are_bytes) {
        read_whole(stream, reinterpret_cast<char*>(pixels.data()), pixels.size());
        come_to_the_end(stream);
        if (!range && !pixels.empty() && *std::max_element(pixels.begin(), pixels.end()) <= 1)
            throw fail(stream,
                       "bytes of which none is above 1: say whether 1 is white with --range 0,1, or nearly "
                       "black with --range 0,255");
    } else {
        for_each_number(stream, header, [&](double value, std::size_t place) {
            if (!(value >= scale.low && value <= scale.high))
                throw fail(stream, "image " + std::to_string(image_of(header, place)) + " holds " +
                                       (std::isnan(value) ? "NaN" : short_number(value)) + ", outside " +
                                       short_number(scale.low) + " to " + short_number(scale.high) +
                                       (std::isnan(value) ? "" : ": say with --range LO,HI what is black and white"));
            pixels[place] = std::uint8_t(std::lround((value - scale.low) / (scale.high - scale.low) * 255));
        });
    }
    return header.fortran ? in_c_order(pixels, header.shape) : pixels;
}

std::vector<float> read_npy_floats(ByteStream& stream, const NpyHeader& header) {
    std::vector<float> numbers(header.count());
    for_each_number(stream, header, [&](double value, std::size_t place) { numbers[place] = float(value); });
    return header.fortran ? in_c_order(numbers, header.shape) : numbers;
}

std::vector<std::int64_t> read_npy_labels(ByteStream& stream, const NpyHeader& header) {
    if (header.shape.size() > 2 || (header.shape.size() == 2 && header.shape[1] != 1))
        throw fail(stream, "labels of shape " + shape_text(header.shape) + ": a whole number for each image is needed");
    std::vector<std::int64_t> labels(header.count());
    for_each_number(stream, header, [&](double value, std::size_t place) {
        if (!(std::abs(value) < 1e15) || value != std::floor(value))
            throw fail(stream, "label " + std::to_string(place) + " is " + short_number(value) + ", no whole number");
        labels[place] = std::int64_t(value);
    });
    return labels;
}

}  // namespace warpvae

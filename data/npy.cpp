#include "data/npy.h"

#include <bit>
#include <cstring>

#include "data/error.h"
#include "data/files.h"

namespace warpvae {
namespace {

static_assert(std::endian::native == std::endian::little, "the type names below say little-endian");
constexpr std::string_view kMagic("\x93NUMPY\x01\x00", 8);

template <class T>
constexpr const char* type_name() {
    if (std::is_same_v<T, float>) return "<f4";
    if (std::is_same_v<T, double>) return "<f8";
    if (std::is_same_v<T, std::int64_t>) return "<i8";
    return "|u1";
}

std::size_t product(const std::vector<std::size_t>& shape) {
    std::size_t count = 1;
    for (const std::size_t extent : shape) count *= extent;
    return count;
}

/// The header's text up to the shape.
template <class T>
std::string start_of_header() {
    std::string text = "{'descr': '";
    text += type_name<T>();
    text += "', 'fortran_order': False, 'shape': (";
    return text;
}

}  // namespace

template <class T>
std::string npy_header(const std::vector<std::size_t>& shape) {
    std::string text = start_of_header<T>();
    for (std::size_t d = 0; d < shape.size(); ++d) {
        if (d) text += ", ";
        text += std::to_string(shape[d]);
    }
    if (shape.size() == 1) text += ',';  // Python's way to write a tuple of one
    text += "), }";
    // NumPy aligns the values to 64 bytes with spaces and one end of line.
    while ((kMagic.size() + 2 + text.size() + 1) % 64 != 0) text.push_back(' ');
    text.push_back('\n');
    std::string out(kMagic);
    out.push_back(static_cast<char>(text.size() & 255));
    out.push_back(static_cast<char>(text.size() >> 8));
    out += text;
    return out;
}

template <class T>
void write_npy(const std::filesystem::path& path, const std::vector<std::size_t>& shape, const T* values,
               std::size_t count) {
    if (product(shape) != count)
        throw Error(path.string() + ": the shape does not hold " + std::to_string(count) + " values");
    std::string bytes = npy_header<T>(shape);
    bytes.append(reinterpret_cast<const char*>(values), count * sizeof(T));
    write_file(path, bytes);
}

template <class T>
NpyArray<T> read_npy(const std::filesystem::path& path) {
    const std::string bytes = read_file(path);
    const auto fail = [&](const std::string& why) { throw Error(path.string() + ": " + why); };
    if (bytes.size() < 10 || std::string_view(bytes).substr(0, 8) != kMagic) fail("not a .npy file of version 1.0");
    const std::size_t header_size =
        10 + static_cast<unsigned char>(bytes[8]) + 256u * static_cast<unsigned char>(bytes[9]);
    if (bytes.size() < header_size) fail("cut off in its header");
    const std::string text = bytes.substr(10, header_size - 10);
    const std::string start = start_of_header<T>();
    if (text.compare(0, start.size(), start) != 0)
        fail("expected C-ordered values of type " + std::string(type_name<T>()));
    NpyArray<T> array;
    for (std::size_t at = start.size(); at < text.size() && text[at] >= '0' && text[at] <= '9';) {
        std::size_t extent = 0;
        for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
            if (extent > bytes.size())
                fail("its shape holds more values than the file");  // before the number overflows
            extent = 10 * extent + std::size_t(text[at] - '0');
        }
        array.shape.push_back(extent);
        while (at < text.size() && (text[at] == ',' || text[at] == ' ')) ++at;
    }
    // Checked before anything is allocated: a damaged shape must not ask for terabytes.
    std::size_t expected = sizeof(T);
    for (const std::size_t extent : array.shape) {
        if (extent && expected > bytes.size() / extent) fail("its shape holds more values than the file");
        expected *= extent;
    }
    if (expected != bytes.size() - header_size) {
        fail("holds " + std::to_string(bytes.size() - header_size) + " bytes of values, its shape " +
             std::to_string(expected));
    }
    array.values.resize(expected / sizeof(T));
    if (expected) std::memcpy(array.values.data(), bytes.data() + header_size, expected);
    return array;
}

template void write_npy(const std::filesystem::path&, const std::vector<std::size_t>&, const float*, std::size_t);
template void write_npy(const std::filesystem::path&, const std::vector<std::size_t>&, const double*, std::size_t);
template void write_npy(const std::filesystem::path&, const std::vector<std::size_t>&, const std::uint8_t*,
                        std::size_t);
template void write_npy(const std::filesystem::path&, const std::vector<std::size_t>&, const std::int64_t*,
                        std::size_t);
template std::string npy_header<float>(const std::vector<std::size_t>&);
template NpyArray<float> read_npy(const std::filesystem::path&);
template NpyArray<double> read_npy(const std::filesystem::path&);
template NpyArray<std::uint8_t> read_npy(const std::filesystem::path&);

}  // namespace warpvae

#include "data/matlab.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>

#include "data/error.h"
#include "data/gzip.h"

#ifdef WARPVAE_HAVE_MATIO
#include <matio.h>
#endif

namespace warpvae {

#ifndef WARPVAE_HAVE_MATIO

bool can_read_matlab() { return false; }

MatlabArray read_matlab_bytes(const std::filesystem::path& path, const std::string&) {
    throw Error("this build has no matio and cannot read " + path.string() +
                ": build again with matio's development files (libmatio-dev) installed");
}

#else

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kHeader = 128, kTag = 8;
constexpr std::size_t kStart = 512, kPackedStart = 4096;  // where a variable's tags are, and what unpacks to it
constexpr std::uint32_t kText = 1, kDimensions = 5, kFlags = 6, kMatrix = 14, kCompressed = 15;
constexpr std::uint32_t kMostDimensions = 32, kLongestName = 256;

std::uint32_t number_at(std::string_view bytes, std::size_t at, bool little) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i)
        value |= std::uint32_t(static_cast<unsigned char>(bytes[at + i])) << 8 * (little ? i : 3 - i);
    return value;
}

/// Whether a variable begins as an array of numbers or text does. `start` is what follows its tag: flags, dimensions,
/// name, and the tag of its values. This is checked because matio takes memory for any length that it finds there.
bool is_array(std::string_view start, std::uint64_t size, bool little) {
    std::size_t at = 0;
    std::uint64_t length = 0;
    // The tag at `at`. A short tag holds its bytes, four at most, itself.
    const auto tag = [&](std::uint32_t type, std::uint64_t most) {
        if (start.size() < at + kTag) return false;
        const std::uint32_t first = number_at(start, at, little);
        length = first >> 16 ? first >> 16 : number_at(start, at + 4, little);
        const bool good = (!type || (first & 0xffff) == type) && length <= (first >> 16 ? 4 : most);
        at += first >> 16 ? kTag : kTag + (length + 7) / 8 * 8;
        return good;
    };
    if (!tag(kFlags, 8) || length != 8 || start.size() < at) return false;
    const std::uint32_t kind = number_at(start, kTag, little) & 255;
    const bool numbers_or_text = kind == 4 || (kind >= 6 && kind <= 15);
    return numbers_or_text && tag(kDimensions, 4 * kMostDimensions) && length >= 8 && length % 4 == 0 &&
           tag(kText, kLongestName) && tag(0, size - std::min<std::uint64_t>(size, at + kTag));
}

/// Checks the file's elements (each a tag of type and length, then as many bytes): they must fill the file exactly, and
/// each must hold an array. This is checked because matio reads a file that is cut off without an error, and believes
/// every length in it.
void check_elements(const fs::path& path) {
    std::error_code error;
    if (fs::is_directory(path, error)) throw Error("cannot read " + path.string() + ": it is a directory");
    std::ifstream in(path, std::ios::binary);
    if (!in) throw Error("cannot read " + path.string() + ": " + std::strerror(errno ? errno : ENOENT));
    const std::uint64_t size = fs::file_size(path);
    char header[kHeader] = {};
    in.read(header, kHeader);
    const bool little = !std::memcmp(header + 126, "IM", 2), big = !std::memcmp(header + 126, "MI", 2);
    if (std::memcmp(header, "MATLAB 5.0", 10) != 0 || (size >= kHeader && !little && !big))
        throw Error(path.string() + ": not a MATLAB file of version 5");
    if (size < kHeader) throw Error(path.string() + ": cut off in its header (" + std::to_string(size) + " bytes)");
    for (std::uint64_t at = kHeader; at < size;) {
        char tag[kTag] = {};
        in.seekg(static_cast<std::streamoff>(at));
        in.read(tag, kTag);
        const std::uint32_t type = number_at({tag, kTag}, 0, little), length = number_at({tag, kTag}, 4, little);
        at += kTag + std::uint64_t(length);
        if (in && type != kMatrix && type != kCompressed)
            throw Error(path.string() + ": damaged (an element of type " + std::to_string(type) + ")");
        if (!in || at > size)
            throw Error(path.string() + ": cut off: it has " + std::to_string(size) + " bytes, and its last variable " +
                        "goes on");
        std::string start(std::min<std::size_t>(length, kPackedStart), '\0');
        in.read(start.data(), static_cast<std::streamsize>(start.size()));
        std::uint64_t whole = length;
        if (type == kCompressed) {
            start = gunzip(start, path.string(), kStart);
            if (start.size() < kTag || number_at(start, 0, little) != kMatrix) start.clear();
            whole = start.empty() ? 0 : number_at(start, 4, little);
            start.erase(0, kTag);
        }
        if (!is_array(start, whole, little))
            throw Error(path.string() + ": damaged, or it holds something else than arrays of numbers and text");
    }
}

std::string shape_text(const matvar_t& variable) {
    std::string text;
    for (int d = 0; d < variable.rank; ++d) text += (d ? "x" : "") + std::to_string(variable.dims[d]);
    return text;
}

}  // namespace

bool can_read_matlab() { return true; }

MatlabArray read_matlab_bytes(const fs::path& path, const std::string& name) {
    check_elements(path);
    const auto fail = [&](const std::string& why) { return Error(path.string() + ": " + why); };
    Mat_LogInitFunc("warpvae", [](int, char*) {});  // what is wrong is said here, not on standard error
    const std::unique_ptr<mat_t, decltype(&Mat_Close)> file(Mat_Open(path.c_str(), MAT_ACC_RDONLY), Mat_Close);
    if (!file) throw fail("not a MATLAB file of version 5");
    const std::unique_ptr<matvar_t, decltype(&Mat_VarFree)> variable(Mat_VarReadInfo(file.get(), name.c_str()),
                                                                     Mat_VarFree);
    if (!variable) throw fail("holds no variable " + name);
    const bool is_double = variable->class_type == MAT_C_DOUBLE;
    if ((!is_double && variable->class_type != MAT_C_UINT8) || variable->isComplex || variable->isLogical)
        throw fail(name + " is no array of class uint8 or double");

    // Deflate packs a thousandfold at the very most.
    const double most = 1100.0 * double(fs::file_size(path));
    double announced = is_double ? 8 : 1;
    MatlabArray array;
    for (int d = 0; d < variable->rank; ++d) {
        array.shape.push_back(variable->dims[d]);
        announced *= double(variable->dims[d]);
    }
    if (announced > most) throw fail("absurd sizes: " + name + " of " + shape_text(*variable));
    std::size_t count = 1;
    for (const std::size_t extent : array.shape) count *= extent;
    if (!count) return array;

    if (Mat_VarReadDataAll(file.get(), variable.get()) != 0 || !variable->data)
        throw fail("damaged: " + name + " cannot be unpacked");
    if (variable->nbytes != count * (is_double ? 8 : 1)) throw fail("damaged: " + name + " is not as long as it says");
    array.values.resize(count);
    if (!is_double) {
        std::memcpy(array.values.data(), variable->data, count);
        return array;
    }
    const double* values = static_cast<const double*>(variable->data);
    for (std::size_t i = 0; i < count; ++i) {
        if (!(values[i] >= 0 && values[i] <= 255) || values[i] != double(int(values[i])))
            throw fail(name + " holds " + std::to_string(values[i]) + " at index " + std::to_string(i) +
                       ", which is no whole number of 0..255");
        array.values[i] = static_cast<std::uint8_t>(values[i]);
    }
    return array;
}

#endif

}  // namespace warpvae

#include "data/matlab.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>

#include "data/error.h"

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
constexpr std::uint32_t kMatrix = 14, kCompressed = 15;

/// Walks over the file's elements (a tag of type and length, then so many bytes): they fill it exactly, or it is cut
/// off. matio itself reads a file cut short without a word.
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
        unsigned char tag[kTag] = {};
        in.seekg(static_cast<std::streamoff>(at));
        in.read(reinterpret_cast<char*>(tag), kTag);
        const auto number = [&](const unsigned char* b) {
            return little ? b[0] | b[1] << 8 | b[2] << 16 | std::uint32_t(b[3]) << 24
                          : b[3] | b[2] << 8 | b[1] << 16 | std::uint32_t(b[0]) << 24;
        };
        const std::uint32_t type = number(tag);
        at += kTag + std::uint64_t(number(tag + 4));
        if (in && type != kMatrix && type != kCompressed)
            throw Error(path.string() + ": damaged (an element of type " + std::to_string(type) + ")");
        if (!in || at > size)
            throw Error(path.string() + ": cut off: it has " + std::to_string(size) + " bytes, and its last variable " +
                        "goes on");
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

// MATLAB files of version 5 (what `save -v6` and `-v7` write): the project's one door to matio.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace warpvae {

/// Whether this build has matio.
bool can_read_matlab();

/// The first index runs fastest.
struct MatlabArray {
    std::vector<std::size_t> shape;
    std::vector<std::uint8_t> values;
};

/// Reads the variable `name`. Its class must be uint8, or double if all its numbers are whole and in 0..255. The sizes
/// in the file are checked against its length before memory is taken. Throws Error with one line that names the file if
/// it is missing, cut off, damaged or not a MATLAB file, or if it has no such variable.
MatlabArray read_matlab_bytes(const std::filesystem::path& path, const std::string& name);

}  // namespace warpvae

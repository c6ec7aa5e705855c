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

/// The variable `name`: of class uint8, or of class double with whole numbers of 0..255 only. Nothing that the file
/// announces is believed before memory is asked for. Throws Error with one line that names the file if it is missing,
/// cut off, damaged or no such file, or has no such variable.
MatlabArray read_matlab_bytes(const std::filesystem::path& path, const std::string& name);

}  // namespace warpvae

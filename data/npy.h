// NumPy's .npy files (format 1.0): arrays that `numpy.load` opens, for latents, poses and other numbers beside a run.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace warpvae {

/// Writes `values`, of `shape` (row-major), whole or not at all (files.h). T is float, double, std::uint8_t or
/// std::int64_t.
/// Throws Error naming the file, or if the shape does not hold `count` values.
template <class T>
void write_npy(const std::filesystem::path& path, const std::vector<std::size_t>& shape, const T* values,
               std::size_t count);

template <class T>
void write_npy(const std::filesystem::path& path, const std::vector<std::size_t>& shape, const std::vector<T>& values) {
    write_npy(path, shape, values.data(), values.size());
}

/// What stands before the values of such a file.
template <class T>
std::string npy_header(const std::vector<std::size_t>& shape);

/// What write_npy writes.
template <class T>
struct NpyArray {
    std::vector<std::size_t> shape;
    std::vector<T> values;
};
/// Reads what write_npy wrote. Throws Error naming the file if it is missing, damaged or of another element type.
template <class T>
NpyArray<T> read_npy(const std::filesystem::path& path);

}  // namespace warpvae

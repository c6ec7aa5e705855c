// A .npy file written row by row, for arrays that do not fit into memory.
#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include "data/files.h"
#include "data/npy.h"

namespace warpvae {

/// T and the file as write_npy has them. Throws Error naming the file.
template <class T>
class NpyWriter {
  public:
    NpyWriter(const std::filesystem::path& path, const std::vector<std::size_t>& shape) : file_(path), left_(1) {
        for (const std::size_t extent : shape) left_ *= extent;
        file_.append(npy_header<T>(shape));
    }
    void append(std::span<const T> values) {
        if (values.size() > left_) throw Error("more values than the array's shape holds");
        left_ -= values.size();
        file_.append({reinterpret_cast<const char*>(values.data()), values.size_bytes()});
    }
    /// All values are there: only now does the file have its name.
    void finish() {
        if (left_) throw Error(std::to_string(left_) + " values are missing in the array's shape");
        file_.finish();
    }

  private:
    FileWriter file_;
    std::size_t left_;
};

}  // namespace warpvae

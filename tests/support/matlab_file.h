// MATLAB files for tests, written by matio as MATLAB's `save` would: version 5, compressed.
#pragma once
#ifdef WARPVAE_HAVE_MATIO
#include <matio.h>

#include <filesystem>
#include <string>
#include <vector>

#include "data/error.h"

namespace warpvae::test {

class MatlabFile {
  public:
    explicit MatlabFile(const std::filesystem::path& path) : file_(Mat_CreateVer(path.c_str(), nullptr, MAT_FT_MAT5)) {
        if (!file_) throw Error("cannot write " + path.string());
    }
    ~MatlabFile() { Mat_Close(file_); }
    MatlabFile(const MatlabFile&) = delete;
    MatlabFile& operator=(const MatlabFile&) = delete;

    template <class T>
    void add(const std::string& name, std::vector<std::size_t> shape, std::vector<T> values, matio_classes kind,
             matio_types type, matio_compression compression = MAT_COMPRESSION_ZLIB, int flags = 0) {
        matvar_t* variable =
            Mat_VarCreate(name.c_str(), kind, type, int(shape.size()), shape.data(), values.data(), flags);
        const int failed = variable ? Mat_VarWrite(file_, variable, compression) : 1;
        Mat_VarFree(variable);
        if (failed) throw Error("cannot write variable " + name);
    }
    void bytes(const std::string& name, std::vector<std::size_t> shape, std::vector<std::uint8_t> values,
               matio_compression compression = MAT_COMPRESSION_ZLIB) {
        add(name, std::move(shape), std::move(values), MAT_C_UINT8, MAT_T_UINT8, compression);
    }
    void doubles(const std::string& name, std::vector<std::size_t> shape, std::vector<double> values,
                 matio_compression compression = MAT_COMPRESSION_ZLIB) {
        add(name, std::move(shape), std::move(values), MAT_C_DOUBLE, MAT_T_DOUBLE, compression);
    }

  private:
    mat_t* file_;
};

}  // namespace warpvae::test
#endif

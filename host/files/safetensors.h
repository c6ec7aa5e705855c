// The safetensors file format, written and read: what PyTorch, JAX and others load without running anybody's code.
//   8 bytes    length N of the header, little-endian
//   N bytes    JSON {"__metadata__": {..}, "name": {"dtype", "shape", "data_offsets": [begin, end]}, ..}, then spaces
//   the rest   the tensors, row-major, little-endian, without holes
// github.com/huggingface/safetensors has the definition.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/error.h"

namespace warpvae {

static_assert(std::endian::native == std::endian::little, "tensors are copied to the file as they lie in memory");

enum class DType { F32, F64, I64, U64, U8 };

std::size_t size_of(DType dtype);
const char* name_of(DType dtype);

// The type that a value of C++ has in the file.
constexpr DType dtype_of(float) { return DType::F32; }
constexpr DType dtype_of(double) { return DType::F64; }
constexpr DType dtype_of(std::int64_t) { return DType::I64; }
constexpr DType dtype_of(std::uint64_t) { return DType::U64; }
constexpr DType dtype_of(std::uint8_t) { return DType::U8; }

struct Tensor {
    std::string name;
    DType dtype = DType::F32;
    std::vector<std::int64_t> shape;  // empty: a single value
    std::vector<std::byte> bytes;     // row-major, product(shape) * size_of(dtype) of them

    template <class T>
    static Tensor of(std::string name, std::vector<std::int64_t> shape, std::span<const T> values) {
        const auto bytes = std::as_bytes(values);
        return {std::move(name), dtype_of(T{}), std::move(shape), {bytes.begin(), bytes.end()}};
    }

    /// The values; throws Error naming the tensor if it holds another type.
    template <class T>
    std::vector<T> values() const {
        if (dtype != dtype_of(T{}))
            throw Error("tensor " + name + " holds " + name_of(dtype) + ", not " + name_of(dtype_of(T{})));
        std::vector<T> out(bytes.size() / sizeof(T));
        if (!out.empty()) std::memcpy(out.data(), bytes.data(), out.size() * sizeof(T));
        return out;
    }
};

struct SafeTensors {
    std::vector<Tensor> tensors;
    std::vector<std::pair<std::string, std::string>> metadata;

    bool contains(std::string_view name) const;
    /// Throws Error if there is no such tensor.
    const Tensor& at(std::string_view name) const;
    /// Throws Error if there is no such entry.
    const std::string& metadata_at(std::string_view key) const;
};

/// The file's bytes. The header names tensors in the given order; the data lies widest type first, so that each tensor
/// is aligned to its type, as other readers map it. Throws Error on a repeated or reserved name, or a shape that does
/// not fit its bytes.
std::string encode_safetensors(const SafeTensors& file);

/// The inverse, bit for bit. `where` names the source in errors. Throws Error on anything that is not a whole, valid
/// file.
SafeTensors decode_safetensors(std::string_view bytes, const std::string& where);

void write_safetensors(const std::filesystem::path& path, const SafeTensors& file);
SafeTensors read_safetensors(const std::filesystem::path& path);

}  // namespace warpvae

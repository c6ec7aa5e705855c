// Any array of numbers that NumPy saves as .npy, read from front to back: versions 1 to 3, bool, integers and floats,
// both byte orders, C and Fortran order. Pickled objects are refused: to unpickle is to run what somebody wrote.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/byte_stream.h"

namespace warpvae {

struct NpyHeader {
    char kind = 'u';  ///< 'b' bool, 'u' and 'i' whole numbers, 'f' floats
    int bytes = 1;    ///< of a number: bool and u 1; u and i 1, 2, 4, 8; f 4, 8
    bool big_endian = false, fortran = false;
    std::vector<std::size_t> shape;
    std::size_t count() const;  ///< of all numbers
    std::string type() const;   ///< "u1", as NumPy has it
};

/// What stands before the numbers. Throws Error naming the stream if it is no .npy, of other elements, or of a shape
/// that the stream does not hold.
NpyHeader read_npy_header(ByteStream& stream);

/// A range of numbers that becomes 0..255.
struct ValueRange {
    double low = 0, high = 1;
};

/// The numbers as bytes, in C order. Without a range bytes stay bytes, bool becomes 0 and 255, and floats must lie in
/// [0, 1]; anything else, bytes of which none is above 1 among it, is an error that asks for one. A number outside the
/// range, or NaN, is an error that names its place: none is clipped.
std::vector<std::uint8_t> read_npy_pixels(ByteStream& stream, const NpyHeader& header,
                                          const std::optional<ValueRange>& range);
/// The numbers as floats, in C order.
std::vector<float> read_npy_floats(ByteStream& stream, const NpyHeader& header);
/// Whole numbers [n] or [n, 1]. Throws Error naming the stream and the place of what is none.
std::vector<std::int64_t> read_npy_labels(ByteStream& stream, const NpyHeader& header);

}  // namespace warpvae

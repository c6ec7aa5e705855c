// IDX: the file format of MNIST and its successors, plain or gzipped.
//
// An IDX file is a big-endian header (two zero bytes, a type byte, the number of dimensions, then each dimension as 32
// bits) and the values. Only bytes occur here: magic 0x00000803 for images [count, H, W], 0x00000804 for images in
// colour [count, H, W, C], 0x00000801 for labels [count].
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "data/image_set.h"

namespace warpvae {

struct IdxArray {
    std::vector<std::size_t> shape;
    std::vector<std::uint8_t> values;
    std::size_t count() const { return shape.empty() ? 0 : shape[0]; }
};
inline constexpr int kImageRank = 3, kColourRank = 4, kLabelRank = 1;
inline constexpr int kAnyImageRank = -1;  ///< grey or in colour

/// The bytes of an IDX file, unpacked if they are gzip (whatever the file is called). Throws Error naming the file if
/// it is missing or damaged, or longer than its header says.
std::string read_idx_bytes(const std::filesystem::path& path);
/// The array in `bytes`. It must have `rank` dimensions (0: any number). Throws Error naming `name` if type, rank or
/// length are wrong.
IdxArray parse_idx(std::string_view bytes, const std::string& name, int rank);
IdxArray read_idx(const std::filesystem::path& path, int rank);
/// Gzipped if the name ends in .gz. Throws Error naming the file.
void write_idx(const std::filesystem::path& path, const std::vector<std::size_t>& shape,
               const std::vector<std::uint8_t>& values);

/// What the images of a set must be. A height, width or number of channels of 0 allows any.
struct ImageSetShape {
    int height = 0, width = 0;
    int classes = 256;
    int channels = 1;
};
/// Joins the two arrays to a set. Throws Error unless their counts are equal, the images have the expected size and all
/// labels are below `classes`.
ImageSet join_image_set(IdxArray images, const std::string& images_name, IdxArray labels,
                        const std::string& labels_name, const ImageSetShape& expected);
ImageSet read_image_set(const std::filesystem::path& images, const std::filesystem::path& labels,
                        const ImageSetShape& expected = {});

/// `<prefix>-images-idx3-ubyte` (idx4 in colour) and `<prefix>-labels-idx1-ubyte`: the names MNIST gave its files.
std::string images_file_name(std::string_view prefix, int channels = 1);
std::string labels_file_name(std::string_view prefix);
/// "train" or "t10k", the prefixes that MNIST gave its files.
const char* file_prefix(Part part);
/// Writes both files of a set into `folder`, gzipped unless `ending` is empty.
void write_image_set(const std::filesystem::path& folder, std::string_view prefix, const ImageSet& set,
                     const char* ending = ".gz");

}  // namespace warpvae

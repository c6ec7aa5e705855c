// Which images a command on latents works on: a part of the run's set, or pictures of a user's own.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "data/data_set.h"

namespace warpvae {

struct LatentCall;

struct ImageSource {
    std::string name;                  ///< the folder below latents/MODEL/
    std::vector<std::uint8_t> bytes;   ///< [n, H, W, C] as the models see them
    std::vector<std::string> names;    ///< [n]
    std::vector<std::int64_t> labels;  ///< [n]; -1: not known
    const DataSet* set = nullptr;      ///< that names the labels' classes

    std::size_t count() const { return names.size(); }
};

/// Those of the call: IMAGES as one source, or each --part of the run's set. Throws Error naming a file.
std::vector<ImageSource> image_sources(const LatentCall& call);

/// One image: "17" is test image 17 of the run, anything else a picture in a file. Throws UsageError, Error.
struct NamedImage {
    std::string name;  ///< "17", or the file's stem
    std::vector<std::uint8_t> bytes;
};
NamedImage image_of(const LatentCall& call, const std::string& text);

/// Writes index.csv: row, name, label, class. What is not known is left empty.
void write_index(const std::filesystem::path& path, const ImageSource& source);
/// A CSV file's field: in quotes where it holds a comma, a quote or the end of a line (RFC 4180).
std::string csv_field(const std::string& text);

}  // namespace warpvae

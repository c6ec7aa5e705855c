#include "data/set_files.h"

#include "data/error.h"
#include "data/sha256.h"

namespace warpvae {

namespace fs = std::filesystem;

void require_digest(const std::string& bytes, const KnownFile& file, const fs::path& path) {
    const std::string found = sha256_hex(bytes);
    if (found != file.sha256) {
        throw Error(path.string() + ": not the published " + file.name + ", its SHA-256 is " + found.substr(0, 12) +
                    "... instead of " + file.sha256.substr(0, 12) + "...: remove it and fetch it again");
    }
}

fs::path find_file(const fs::path& folder, const std::string& name) {
    std::error_code ignored;
    for (const char* ending : {"", ".gz"}) {
        const fs::path path = folder / (name + ending);
        if (fs::exists(path, ignored)) return path;
    }
    return {};
}

ImageSet read_idx_part(const std::vector<FoundFile>& files, const ImageSetShape& shape, std::size_t) {
    const auto read = [](const FoundFile& file, int rank) {
        const std::string bytes = read_idx_bytes(file.path);
        IdxArray array = parse_idx(bytes, file.path.string(), rank);
        if (file.published) require_digest(bytes, *file.published, file.path);
        return array;
    };
    IdxArray images = read(files.at(0), shape.channels == 1 ? kImageRank : kColourRank);
    IdxArray labels = read(files.at(1), kLabelRank);
    return join_image_set(std::move(images), files[0].path.string(), std::move(labels), files[1].path.string(), shape);
}

}  // namespace warpvae

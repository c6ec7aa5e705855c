// The files of a data set: as their authors published them, and as they are found in a data folder.
#pragma once
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "data/idx.h"

namespace warpvae {

struct KnownFile {
    std::string name;         ///< uncompressed; a mirror serves it as <name>.gz
    std::string sha256 = {};  ///< of the uncompressed bytes; empty if no digest is known
    std::size_t bytes = 0;    ///< uncompressed; 0 if not known
    bool as_it_is = false;    ///< a mirror serves it as <name>, and so it is kept
};
/// Throws Error if the uncompressed `bytes` of `path` are not those of `file`.
void require_digest(const std::string& bytes, const KnownFile& file, const std::filesystem::path& path);

/// The file in `folder`, plain or with .gz; empty if neither is there.
std::filesystem::path find_file(const std::filesystem::path& folder, const std::string& name);

struct FoundFile {
    std::filesystem::path path;
    const KnownFile* published = nullptr;  ///< what it has to hold; nullptr for a file that this project wrote
};
/// Reads one part of a set from its files; checks digests and shape. May stop after `at_most` images (0: all) where
/// that saves time. Throws Error naming the file at fault.
using ReadPart = ImageSet (*)(const std::vector<FoundFile>& files, const ImageSetShape& shape, std::size_t at_most);

/// The reader of two IDX files, images and labels.
ImageSet read_idx_part(const std::vector<FoundFile>& files, const ImageSetShape& shape, std::size_t at_most);

}  // namespace warpvae

// NumPy's .npz, a zip archive of .npy files, read by libzip: its one door.
#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "data/byte_stream.h"

namespace warpvae {

/// False if this build has no libzip; NpzFile then says so.
bool can_read_npz();

class NpzFile {
  public:
    /// Throws Error naming the file if it is no zip archive.
    explicit NpzFile(const std::filesystem::path& path);
    ~NpzFile();

    /// Names of the arrays, without .npy, in the archive's order.
    std::vector<std::string> keys() const;
    /// An array's bytes. Throws Error naming file and array if it is not there, encrypted, or unpacks to more than can
    /// be packed into what is there.
    std::unique_ptr<ByteStream> open(const std::string& key) const;

  private:
    struct Archive;
    std::unique_ptr<Archive> archive_;
    std::filesystem::path path_;
};

}  // namespace warpvae

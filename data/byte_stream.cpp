#include "data/byte_stream.h"

#include <cerrno>
#include <cstring>
#include <fstream>

#include "data/error.h"

namespace warpvae {
namespace {

class FileStream : public ByteStream {
  public:
    FileStream(const std::filesystem::path& path, std::ifstream file, std::uint64_t bytes)
        : ByteStream(path.string(), bytes), file_(std::move(file)) {}
    std::size_t read(char* into, std::size_t most) override {
        file_.read(into, static_cast<std::streamsize>(most));
        if (file_.bad()) throw Error("cannot read " + name);
        return std::size_t(file_.gcount());
    }

  private:
    std::ifstream file_;
};

}  // namespace

std::unique_ptr<ByteStream> open_stream(const std::filesystem::path& path) {
    std::error_code error;
    if (std::filesystem::exists(path, error) && !std::filesystem::is_regular_file(path, error))
        throw Error("cannot read " + path.string() + ": not a regular file");
    std::ifstream file(path, std::ios::binary);
    if (!file) throw Error("cannot read " + path.string() + ": " + std::strerror(errno ? errno : ENOENT));
    return std::make_unique<FileStream>(path, std::move(file), std::filesystem::file_size(path));
}

}  // namespace warpvae

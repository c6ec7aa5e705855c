// Bytes that are read from front to back: of a file, or of a file in an archive.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace warpvae {

class ByteStream {
  public:
    ByteStream(std::string stream_name, std::uint64_t bytes) : name(std::move(stream_name)), size(bytes) {}
    virtual ~ByteStream() = default;
    ByteStream(const ByteStream&) = delete;
    ByteStream& operator=(const ByteStream&) = delete;

    /// The next bytes, fewer than `most` only at the end. Throws Error naming the stream where they cannot be read.
    virtual std::size_t read(char* into, std::size_t most) = 0;

    const std::string name;    ///< for messages
    const std::uint64_t size;  ///< of all bytes
};

/// Throws Error naming the file.
std::unique_ptr<ByteStream> open_stream(const std::filesystem::path& path);

}  // namespace warpvae

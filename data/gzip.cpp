#include "data/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <limits>

#include "data/error.h"

namespace warpvae {
namespace {

// zlib's way of saying: the largest window, in a gzip wrapper, or in either gzip's or zlib's own.
constexpr int kGzipWindow = 15 + 16, kEitherWindow = 15 + 32;
constexpr std::size_t kLargestChunk = std::numeric_limits<uInt>::max();

struct Inflater {
    z_stream stream{};
    Inflater() {
        if (inflateInit2(&stream, kEitherWindow) != Z_OK) throw Error("zlib has no memory to unpack with");
    }
    ~Inflater() { inflateEnd(&stream); }
};

struct Deflater {
    z_stream stream{};
    Deflater() {
        if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
            throw Error("zlib has no memory to pack with");
        }
    }
    ~Deflater() { deflateEnd(&stream); }
};

Bytef* zlib_bytes(std::string_view bytes) { return reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data())); }

}  // namespace

bool is_gzip(std::string_view bytes) { return bytes.substr(0, 2) == "\x1f\x8b"; }

std::string gunzip(std::string_view bytes, const std::string& name, std::size_t at_most) {
    Inflater inflater;
    z_stream& stream = inflater.stream;
    std::string out;
    std::size_t taken = 0, made = 0;
    while (made < at_most) {
        if (made == out.size()) out.resize(std::min(at_most, std::max<std::size_t>(1 << 16, 2 * out.size())));
        const std::size_t give = std::min(bytes.size() - taken, kLargestChunk);
        const std::size_t room = std::min(out.size() - made, kLargestChunk);
        stream.next_in = zlib_bytes(bytes.substr(taken));
        stream.avail_in = static_cast<uInt>(give);
        stream.next_out = reinterpret_cast<Bytef*>(out.data() + made);
        stream.avail_out = static_cast<uInt>(room);
        const int result = inflate(&stream, Z_NO_FLUSH);
        taken += give - stream.avail_in;
        made += room - stream.avail_out;
        if (result == Z_STREAM_END) {
            // Zeros may follow, as tapes are padded, and then nothing else. Another gzip file may follow, as `cat a.gz
            // b.gz` makes them; anything else is damage.
            if (bytes.find_first_not_of('\0', taken) == bytes.npos) break;
            if (!is_gzip(bytes.substr(taken)) || inflateReset(&stream) != Z_OK) {
                throw Error(name + ": bytes follow the end of the gzip data");
            }
        } else if (result == Z_BUF_ERROR && taken == bytes.size()) {
            throw Error(name + ": the gzip data is cut off after " + std::to_string(bytes.size()) + " bytes");
        } else if (result != Z_OK && result != Z_BUF_ERROR) {
            throw Error(name + ": the gzip data is damaged (" + (stream.msg ? stream.msg : "zlib error") + ")");
        }
    }
    out.resize(made);
    return out;
}

std::string gzip(std::string_view bytes) {
    Deflater deflater;
    z_stream& stream = deflater.stream;
    std::string out(1 << 16, '\0');
    std::size_t taken = 0, made = 0;
    for (int result = Z_OK; result != Z_STREAM_END;) {
        if (made == out.size()) out.resize(2 * out.size());
        const std::size_t give = std::min(bytes.size() - taken, kLargestChunk);
        const std::size_t room = std::min(out.size() - made, kLargestChunk);
        stream.next_in = zlib_bytes(bytes.substr(taken));
        stream.avail_in = static_cast<uInt>(give);
        stream.next_out = reinterpret_cast<Bytef*>(out.data() + made);
        stream.avail_out = static_cast<uInt>(room);
        result = deflate(&stream, taken + give == bytes.size() ? Z_FINISH : Z_NO_FLUSH);
        if (result == Z_STREAM_ERROR) throw Error("zlib could not pack the data");
        taken += give - stream.avail_in;
        made += room - stream.avail_out;
    }
    out.resize(made);
    return out;
}

}  // namespace warpvae

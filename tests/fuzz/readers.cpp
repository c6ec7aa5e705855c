// Every reader of files under libFuzzer: READER=png build/fuzz/bin/fuzz_readers tests/fuzz/corpus/png (tests/fuzz.sh).
//
// Whatever the bytes are, a reader returns or throws Error, one line that names the file. Anything else is a finding:
// another exception, what a sanitizer sees, a leak, time or memory out of proportion to the file.
#include <unistd.h>
#include <zlib.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "data/amat.h"
#include "data/error.h"
#include "data/gzip.h"
#include "data/idx.h"
#include "data/matlab.h"
#include "data/npy.h"
#include "data/own_parts.h"
#include "data/png.h"
#include "data/user_images.h"
#include "host/files/config_file.h"
#include "host/files/metrics_log.h"
#include "host/files/safetensors.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

const char kName[] = "input";  // of the file, in every message

void require(bool holds, const std::string& what) {
    if (holds) return;
    std::fprintf(stderr, "not so: %s\n", what.c_str());
    std::abort();
}

/// The bytes, and a file of them for readers that want a path.
struct Input {
    std::string_view bytes;
    const fs::path& file(const char* ending = "") const {
        static const struct Scratch {
            fs::path path;
            ~Scratch() { fs::remove(path); }
        } scratch{fs::temp_directory_path() / (kName + std::to_string(::getpid()) + ending)};
        std::ofstream(scratch.path, std::ios::binary) << bytes;
        return scratch.path;
    }
};

template <class Read>
void attempt(Read read) {
    try {
        read();
    } catch (const Error& error) {
        const std::string line = error.what();
        require(line.find(kName) != line.npos, "the message names the file: " + line);
        require(line.find('\n') == line.npos, "the message is one line: " + line);
    }
}

template <class T>
void read_npy_of(const Input& input) {
    attempt([&] {
        const NpyArray<T> array = read_npy<T>(input.file());
        std::size_t count = 1;
        for (const std::size_t extent : array.shape) count *= extent;
        require(count == array.values.size(), "the shape holds the values");
    });
}

std::size_t size_of(const Picture& picture) {
    return std::size_t(picture.height) * std::size_t(picture.width) * std::size_t(picture.channels);
}

/// Rows of numbers are images of 2 x 3.
OwnSetOptions small() {
    OwnSetOptions options;
    options.preparation.height = 2, options.preparation.width = 3;
    options.preparation.fit = Fitting::kStretch;
    return options;
}
void require_whole(const ReadParts& parts) {
    const ReadImages& train = parts.train;
    require(train.images.images.size() == train.images.count() * train.images.image_size(), "every pixel");
    require(train.labels.empty() || train.labels.size() == train.images.count(), "a label for each image, or none");
}

struct Reader {
    const char* name;
    void (*read)(const Input&);
};
constexpr Reader kReaders[] = {
    {"idx",
     [](const Input& input) {
         attempt([&] { parse_idx(input.bytes, kName, 0); });
         attempt([&] {
             IdxArray images = read_idx(input.file(), kAnyImageRank);
             const std::size_t count = images.count();
             join_image_set(std::move(images), kName, {{count}, {}}, kName, {});
         });
     }},
    {"gzip",
     [](const Input& input) {
         attempt([&] {
             const std::string all = gunzip(input.bytes, kName, 1 << 20);
             require(gunzip(input.bytes, kName, 100) == all.substr(0, 100), "the beginning is the beginning of it all");
         });
         require(gunzip(gzip(input.bytes), kName, 1 << 20) == input.bytes, "what is packed unpacks to the same bytes");
     }},
    {"config",
     [](const Input& input) {
         attempt([&] {
             for (const ConfigEntry& entry : read_config(input.bytes, kName))
                 for (const std::string& value : entry.values) {
                     const auto back = read_config("key = " + toml_string(value), kName);
                     require(back.size() == 1 && back[0].values == std::vector{value}, "what is written is read back");
                 }
         });
     }},
    {"amat", [](const Input& input) { attempt([&] { read_amat(input.file(), 2, 3); }); }},
    {"matlab",
     [](const Input& input) {
         for (const char* variable : {"X", "y"}) attempt([&] { read_matlab_bytes(input.file(), variable); });
     }},
    {"npy",
     [](const Input& input) {
         read_npy_of<float>(input);
         read_npy_of<double>(input);
         read_npy_of<std::uint8_t>(input);
         attempt([&] {
             const std::unique_ptr<ByteStream> stream = open_stream(input.file());
             const NpyHeader header = read_npy_header(*stream);
             require(read_npy_floats(*stream, header).size() == header.count(), "every number");
         });
     }},
    {"png",
     [](const Input& input) {
         attempt([&] {
             const Picture picture = decode_png(input.bytes, kName);
             require(picture.pixels.size() == size_of(picture), "every pixel");
         });
     }},
    {"picture",
     [](const Input& input) {
         attempt([&] {
             const Picture picture = decode_picture(input.bytes, kName);
             require(picture.pixels.size() == size_of(picture), "every pixel");
         });
     }},
    {"npy_images",
     [](const Input& input) { attempt([&] { require_whole(read_arrays(input.file(".npy"), small())); }); }},
    {"npz", [](const Input& input) { attempt([&] { require_whole(read_arrays(input.file(".npz"), small())); }); }},
    {"csv", [](const Input& input) { attempt([&] { require_whole(read_table(input.file(".csv"), small())); }); }},
    {"safetensors",
     [](const Input& input) {
         attempt([&] {
             const std::string bytes = encode_safetensors(decode_safetensors(input.bytes, kName));
             require(encode_safetensors(decode_safetensors(bytes, kName)) == bytes, "written again it is the same");
         });
     }},
    {"metrics",
     [](const Input& input) {
         for (const char* replica : {"", "a"})
             attempt([&] {
                 MetricsLog log(input.file());
                 const std::size_t records = log.read().size();
                 log.cut_to(3, replica);
                 require(log.read().size() <= records, "a log that was cut has no more records");
             });
     }},
    {"user_images",
     [](const Input& input) {
         attempt([&] {
             for (const UserImage& image : read_user_images({input.file()}, digit_preparation(28, 28)))
                 require(image.pixels.size() == 28 * 28, "every pixel");
         });
     }},
};

/// Gives each chunk of a PNG its checksum.
void mend_checksums(std::uint8_t* bytes, std::size_t size) {
    for (std::size_t at = 8; at + 12 <= size;) {
        const auto* b = bytes + at;
        const std::size_t length = std::size_t(b[0]) << 24 | b[1] << 16 | b[2] << 8 | b[3];
        if (length > size - at - 12) return;
        const auto sum = ::crc32(0, b + 4, static_cast<uInt>(4 + length));
        at += 8 + length;
        for (int shift = 24; shift >= 0; shift -= 8) bytes[at++] = static_cast<std::uint8_t>(sum >> shift);
    }
}

}  // namespace
}  // namespace warpvae

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace warpvae;
    static const Reader reader = [] {
        const char* name = std::getenv("READER");
        for (const Reader& r : kReaders)
            if (name && std::string_view(name) == r.name) return r;
        std::fputs("READER is none of:", stderr);
        for (const Reader& r : kReaders) std::fprintf(stderr, " %s", r.name);
        std::fputs("\n", stderr);
        std::exit(2);
    }();
    reader.read({{reinterpret_cast<const char*>(data), size}});
    return 0;
}

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

/// Behind a wrong checksum nothing of a PNG is read, so most changed PNG files get right ones.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
    size = LLVMFuzzerMutate(data, size, most);
    if (seed % 8 && warpvae::is_png({reinterpret_cast<const char*>(data), size})) warpvae::mend_checksums(data, size);
    return size;
}

#include "data/npz.h"

#include "data/error.h"
#include "data/set_text.h"

#ifdef WARPVAE_HAVE_ZIP
#include <zip.h>
#endif

namespace warpvae {

#ifndef WARPVAE_HAVE_ZIP

struct NpzFile::Archive {};
bool can_read_npz() { return false; }
NpzFile::NpzFile(const std::filesystem::path& path) {
    throw Error("this build has no libzip and cannot read " + path.string() +
                ": build again with its development files (libzip-dev) installed");
}
NpzFile::~NpzFile() = default;
std::vector<std::string> NpzFile::keys() const { return {}; }
std::unique_ptr<ByteStream> NpzFile::open(const std::string&) const { return nullptr; }

#else

namespace {

constexpr std::string_view kEnding = ".npy";
constexpr std::uint64_t kMostPacking = 1100;  // deflate packs a thousandfold at the very most
constexpr std::uint64_t kSlack = 1 << 12;

class MemberStream : public ByteStream {
  public:
    MemberStream(std::string stream_name, std::uint64_t bytes, zip_file_t* file)
        : ByteStream(std::move(stream_name), bytes), file_(file, zip_fclose) {}
    std::size_t read(char* into, std::size_t most) override {
        std::size_t done = 0;
        while (done < most) {
            const zip_int64_t n = zip_fread(file_.get(), into + done, most - done);
            if (n < 0) throw Error(name + ": damaged (" + zip_file_strerror(file_.get()) + ")");
            if (n == 0) break;
            done += std::size_t(n);
        }
        return done;
    }

  private:
    std::unique_ptr<zip_file_t, int (*)(zip_file_t*)> file_;
};

}  // namespace

struct NpzFile::Archive {
    zip_t* zip = nullptr;
    ~Archive() {
        if (zip) zip_discard(zip);
    }
};

bool can_read_npz() { return true; }

NpzFile::NpzFile(const std::filesystem::path& path) : archive_(std::make_unique<Archive>()), path_(path) {
    int code = 0;
    archive_->zip = zip_open(path.c_str(), ZIP_RDONLY, &code);
    if (archive_->zip) return;
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    const std::string why = zip_error_strerror(&error);
    zip_error_fini(&error);
    throw Error(path.string() + ": cannot be read as .npz (" + why + ")");
}
NpzFile::~NpzFile() = default;

std::vector<std::string> NpzFile::keys() const {
    std::vector<std::string> keys;
    for (zip_int64_t i = 0; i < zip_get_num_entries(archive_->zip, 0); ++i) {
        const char* const name = zip_get_name(archive_->zip, zip_uint64_t(i), ZIP_FL_ENC_RAW);
        const std::string_view text = name ? name : "";
        if (text.size() > kEnding.size() && text.substr(text.size() - kEnding.size()) == kEnding)
            keys.emplace_back(text.substr(0, text.size() - kEnding.size()));
    }
    return keys;
}

std::unique_ptr<ByteStream> NpzFile::open(const std::string& key) const {
    const std::string name = path_.string() + ", " + printable(key), member = key + std::string(kEnding);
    zip_stat_t stat;
    if (zip_stat(archive_->zip, member.c_str(), ZIP_FL_ENC_RAW, &stat) != 0)
        throw Error(path_.string() + ": holds no array " + printable(key) + "; it holds " + some_of(keys(), 8));
    if ((stat.valid & ZIP_STAT_ENCRYPTION_METHOD) && stat.encryption_method != ZIP_EM_NONE)
        throw Error(name + ": encrypted");
    if (!(stat.valid & ZIP_STAT_SIZE) || !(stat.valid & ZIP_STAT_COMP_SIZE) ||
        stat.size > kMostPacking * stat.comp_size + kSlack)
        throw Error(name + ": damaged, or made to fill a memory: more bytes than can be packed into what is there");
    zip_file_t* const file = zip_fopen(archive_->zip, member.c_str(), ZIP_FL_ENC_RAW);
    if (!file) throw Error(name + ": cannot be unpacked (" + zip_strerror(archive_->zip) + ")");
    return std::make_unique<MemberStream>(name, stat.size, file);
}

#endif

}  // namespace warpvae

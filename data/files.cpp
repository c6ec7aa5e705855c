#include "data/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>
#include <vector>

namespace warpvae {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTemporary = ".tmp";  ///< then the process's number

[[noreturn]] void fail(const char* what, const fs::path& path, int error) {
    throw Error(std::string("cannot ") + what + " " + path.string() + ": " + std::strerror(error));
}

void make_folder_of(const fs::path& path) {
    if (!path.has_parent_path()) return;
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    if (error) fail("make folder", path.parent_path(), error.value());
}

/// 0, or the errno of the write that failed.
int write_all(int file, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t n = ::write(file, bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno;
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return 0;
}

}  // namespace

std::string read_file(const fs::path& path) {
    std::error_code error;
    if (fs::is_directory(path, error)) fail("read", path, EISDIR);
    if (fs::exists(path, error) && !fs::is_regular_file(path, error))
        throw Error("cannot read " + path.string() + ": not a regular file");
    std::ifstream in(path, std::ios::binary);
    if (!in) fail("read", path, errno ? errno : ENOENT);
    std::ostringstream bytes;
    bytes << in.rdbuf();
    if (in.bad()) fail("read", path, EIO);
    return std::move(bytes).str();
}

FileWriter::FileWriter(fs::path path) : path_(std::move(path)), temporary_(path_) {
    make_folder_of(path_);
    std::error_code ignored;
    const fs::file_status status = fs::status(path_, ignored);
    // A device or a pipe (/dev/stdout, /dev/null) is written to: a rename would put a file in its place.
    const bool special = fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status);
    if (!special) temporary_ += kTemporary + std::to_string(::getpid());
    file_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (file_ < 0) fail("write", path_, errno);
}
FileWriter::~FileWriter() {
    if (file_ < 0) return;
    ::close(file_);
    if (temporary_ != path_) ::unlink(temporary_.c_str());
}
void FileWriter::give_up(int error) {
    if (temporary_ != path_) ::unlink(temporary_.c_str());
    fail("write", path_, error);
}
void FileWriter::append(std::string_view bytes) {
    if (const int error = write_all(file_, bytes)) fail("write", path_, error);
}
void FileWriter::finish() {
    const bool renames = temporary_ != path_;
    int error = 0;
    if (renames && ::fsync(file_) != 0 && errno != EINVAL) error = errno;
    if (::close(std::exchange(file_, -1)) != 0 && !error) error = errno;
    if (!error && renames && ::rename(temporary_.c_str(), path_.c_str()) != 0) error = errno;
    if (error) give_up(error);
}

void write_file(const fs::path& path, std::string_view bytes) {
    FileWriter file(path);
    file.append(bytes);
    file.finish();
}

FolderWriter::FolderWriter(fs::path path) : path_(std::move(path)), temporary_(path_) {
    temporary_ += kTemporary + std::to_string(::getpid());
    std::error_code error;
    fs::create_directories(temporary_, error);
    if (error) fail("make folder", path_, error.value());
}
FolderWriter::~FolderWriter() {
    std::error_code ignored;
    if (!temporary_.empty()) fs::remove_all(temporary_, ignored);
}
void FolderWriter::write(const fs::path& name, std::string_view bytes) const {
    const fs::path path = temporary_ / name;
    make_folder_of(path);
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    int error = file < 0 ? errno : write_all(file, bytes);
    if (file >= 0 && ::close(file) != 0 && !error) error = errno;
    if (error) fail("write", path_ / name, error);
}
void FolderWriter::finish() {
    const int folder = ::open(temporary_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = folder < 0 || ::syncfs(folder) != 0 ? errno : 0;
    if (folder >= 0) ::close(folder);
    if (!error && ::rename(temporary_.c_str(), path_.c_str()) != 0) error = errno;
    if (error) fail("write", path_, error);
    temporary_.clear();
}

fs::path scratch_folder() {
    std::error_code none;
    const fs::path folder = fs::temp_directory_path(none);
    return none ? "/tmp" : folder;
}

void remove_leftovers(const fs::path& folder) {
    const auto is_leftover = [](const std::string& name) {
        const std::size_t at = name.rfind(kTemporary), digits = at + std::strlen(kTemporary);
        return at != name.npos && digits < name.size() && name.find_first_not_of("0123456789", digits) == name.npos;
    };
    std::error_code ignored;
    std::vector<fs::path> found;
    for (fs::recursive_directory_iterator i(folder, ignored), end; !ignored && i != end; i.increment(ignored))
        if (is_leftover(i->path().filename().string()) && i->is_regular_file(ignored)) found.push_back(i->path());
    for (const fs::path& path : found) fs::remove(path, ignored);
}

void append_line(const fs::path& path, std::string_view line) {
    make_folder_of(path);
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (file < 0) fail("write", path, errno);
    const std::string whole = std::string(line) + "\n";
    int error = write_all(file, whole);
    if (::close(file) != 0 && !error) error = errno;
    if (error) fail("write", path, error);
}

}  // namespace warpvae

#include "host/core/run_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "data/error.h"

namespace warpvae {

RunLock::RunLock(const std::filesystem::path& folder, bool shared) {
    const auto fail = [&](int error) {
        throw Error("cannot write to " + folder.string() + ": " + std::strerror(error));
    };
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) fail(error.value());
    RunLock lock;
    lock.file_ = ::open((folder / ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (lock.file_ < 0) fail(errno);
    // flock: the system gives it back with the process. A file system without locks is worked in without one.
    if (::flock(lock.file_, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        char holder[32] = "";
        const ssize_t length = ::pread(lock.file_, holder, sizeof holder - 1, 0);
        throw Error(folder.string() + " is in use by another process" +
                    (length > 0 ? " (" + std::string(holder, std::size_t(length)) + ")" : "") +
                    ": wait until it is done, or choose another --out");
    }
    const std::string holder = std::to_string(::getpid());
    if (::ftruncate(lock.file_, 0) == 0) {  // for the message alone, so a full disk may spoil it
        [[maybe_unused]] const ssize_t length = ::pwrite(lock.file_, holder.data(), holder.size(), 0);
    }
    *this = std::move(lock);
}
RunLock::~RunLock() {
    if (file_ >= 0) ::close(file_);
}
RunLock::RunLock(RunLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
RunLock& RunLock::operator=(RunLock&& other) noexcept {
    std::swap(file_, other.file_);
    return *this;
}

}  // namespace warpvae

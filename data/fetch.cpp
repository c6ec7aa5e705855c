#include "data/fetch.h"

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <exception>

#include "cuda/device/device.h"
#include "data/error.h"
#include "data/files.h"
#include "data/gzip.h"
#include "data/sha256.h"

#ifdef WARPVAE_HAVE_CURL
#include <curl/curl.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#endif

namespace warpvae {

#ifndef WARPVAE_HAVE_CURL

bool can_fetch() { return false; }

int fetch_set(const KnownSet& set, const std::filesystem::path& data_folder, const FetchOptions&) {
    throw Error("this build has no libcurl and cannot fetch " + set.name + ": put its files into " +
                (data_folder / set.name).string() + ", or build again with libcurl's development files installed");
}

#else

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

/// Bytes arriving in the .part file.
struct PartFile {
    fs::path path;
    int file = -1;
    std::uint64_t size = 0;   ///< in the file now
    std::uint64_t limit = 0;  ///< more than this is not the file that was asked for
    int write_error = 0;
    bool too_long = false;

    PartFile(const fs::path& path_, std::uint64_t limit_) : path(path_), limit(limit_) {
        file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        if (file < 0) throw Error("cannot write " + path.string() + ": " + std::strerror(errno));
        if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
            ::close(file);
            throw Error(path.string() + ": another program is fetching it");
        }
        const off_t end = ::lseek(file, 0, SEEK_END);
        size = end > 0 ? static_cast<std::uint64_t>(end) : 0;
    }
    ~PartFile() { close(); }
    PartFile(const PartFile&) = delete;
    PartFile& operator=(const PartFile&) = delete;

    void close() {
        if (file >= 0) ::close(file);
        file = -1;
    }
    void restart() {
        if (::ftruncate(file, 0) != 0) write_error = errno;
        size = 0;
    }
    bool append(const char* bytes, std::size_t count) {
        too_long = size + count > limit;
        while (count && !too_long && !write_error) {
            const ssize_t written = ::write(file, bytes, count);
            if (written < 0 && errno != EINTR) write_error = errno;
            if (written <= 0) continue;
            bytes += written;
            count -= static_cast<std::size_t>(written);
            size += static_cast<std::uint64_t>(written);
        }
        return !too_long && !write_error;
    }
};

/// One transfer from one mirror into a PartFile.
struct Transfer {
    CURL* curl;
    PartFile& part;
    const FetchOptions& options;
    std::string file;
    bool started = false;
    std::uint64_t resumed_from = 0;
    Clock::time_point last_progress{};
    std::exception_ptr interruption = nullptr;

    static std::size_t on_bytes(char* bytes, std::size_t size, std::size_t count, void* self_) {
        auto& self = *static_cast<Transfer*>(self_);
        if (!self.started) {
            // 206: the mirror sends the rest. Otherwise it sends the whole file from its start.
            long code = 0;
            curl_easy_getinfo(self.curl, CURLINFO_RESPONSE_CODE, &code);
            if (code != 206 && self.part.size) self.part.restart();
            self.resumed_from = self.part.size;
            self.started = true;
        }
        return self.part.append(bytes, size * count) ? size * count : 0;
    }
    static int on_progress(void* self_, curl_off_t total, curl_off_t, curl_off_t, curl_off_t) {
        auto& self = *static_cast<Transfer*>(self_);
        try {
            interruption_point();
        } catch (...) {  // no exception may pass through libcurl: it is thrown again after the transfer
            self.interruption = std::current_exception();
            return 1;
        }
        const auto now = Clock::now();
        if (!self.options.progress || !self.started || now - self.last_progress < std::chrono::milliseconds(100))
            return 0;
        self.last_progress = now;
        self.options.progress({self.file, self.part.size, total > 0 ? self.resumed_from + std::uint64_t(total) : 0});
        return 0;
    }
};

struct CurlHandle {
    CURL* curl = curl_easy_init();
    ~CurlHandle() { curl_easy_cleanup(curl); }
};

struct Answer {
    CURLcode result;
    long code = 0;
    std::string text;  ///< what went wrong, in words
    std::uint64_t received = 0;
};

Answer transfer(const std::string& url, PartFile& part, const std::string& file, const FetchOptions& options) {
    CurlHandle handle;
    CURL* const curl = handle.curl;
    if (!curl) throw Error("libcurl has no memory");
    Transfer transfer{curl, part, options, file};
    const std::uint64_t before = part.size;
    char text[CURL_ERROR_SIZE] = "";
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 5L);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, options.connect_seconds);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, options.slowest_bytes_per_second);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, options.slow_seconds);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "warpvae");
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, text);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &Transfer::on_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &Transfer::on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
    const std::string range = std::to_string(before) + "-";
    if (before) curl_easy_setopt(curl, CURLOPT_RANGE, range.c_str());

    Answer answer{curl_easy_perform(curl), 0, "", 0};
    if (transfer.interruption) std::rethrow_exception(transfer.interruption);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.code);
    if (answer.result != CURLE_OK) answer.text = *text ? text : curl_easy_strerror(answer.result);
    answer.received = transfer.started ? part.size - transfer.resumed_from : 0;
    if (part.too_long) answer.text = "sends more bytes than the file has";
    if (part.write_error) throw Error("cannot write " + part.path.string() + ": " + std::strerror(part.write_error));
    if (options.progress && transfer.started)
        options.progress({file, part.size, answer.result == CURLE_OK ? part.size : 0});
    return answer;
}

/// Empty if the file at `path`, gzipped unless `plain`, holds the published bytes; else what is wrong.
std::string problem_with(const fs::path& path, const KnownFile& file, bool plain) {
    try {
        std::string bytes = read_file(path);
        if (!plain && !is_gzip(bytes)) return "not a gzip file";
        if (!plain) bytes = gunzip(bytes, path.filename().string(), file.bytes + 1);
        if (sha256_hex(bytes) != file.sha256) return "its SHA-256 is not the published one";
        return "";
    } catch (const Error& error) {
        return error.what();
    }
}

void sync_and_rename(const fs::path& from, const fs::path& to) {
    const int file = ::open(from.c_str(), O_RDONLY | O_CLOEXEC);
    int error = file < 0 ? errno : 0;
    if (!error && ::fsync(file) != 0 && errno != EINVAL) error = errno;
    if (file >= 0) ::close(file);
    if (!error && ::rename(from.c_str(), to.c_str()) != 0) error = errno;
    if (error) throw Error("cannot write " + to.string() + ": " + std::strerror(error));
}

/// Tries one mirror until the file is there (true) or the mirror has failed (false, `problem` says how).
bool fetch_from(const std::string& url, const KnownFile& file, const fs::path& part_path, const fs::path& final_path,
                const FetchOptions& options, std::string& problem) {
    constexpr int kAttempts = 8;  // another one is made only if the one before brought some bytes
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        PartFile part(part_path, file.bytes + (1 << 16));
        const bool resuming = part.size > 0;
        const Answer answer = transfer(url, part, final_path.filename().string(), options);
        part.close();
        // 416: nothing is left to send. Either the file is complete, or its start came from another mirror's file.
        const bool complete = answer.result == CURLE_OK || (resuming && answer.code == 416);
        if (complete) {
            problem = problem_with(part_path, file, file.as_it_is);
            if (problem.empty()) {
                sync_and_rename(part_path, final_path);
                return true;
            }
            fs::remove(part_path);
            if (!resuming) return false;
            continue;  // the start may have come from another mirror's file: try once more, from the start
        }
        problem = answer.text;
        if (part.too_long) fs::remove(part_path);
        const bool cut_off = answer.result == CURLE_PARTIAL_FILE || answer.result == CURLE_RECV_ERROR;
        if (!cut_off || !answer.received) return false;
    }
    return false;
}

void remove_if_empty(const fs::path& path) {
    std::error_code ignored;
    if (fs::exists(path, ignored) && fs::file_size(path, ignored) == 0) fs::remove(path, ignored);
}

std::vector<std::string> mirrors_of(const KnownSet& set, const FetchOptions& options) {
    std::vector<std::string> mirrors = options.mirrors;
    const char* environment = std::getenv("WARPVAE_MIRROR");
    if (mirrors.empty() && environment && *environment) mirrors.push_back(environment);
    if (mirrors.empty()) mirrors = set.mirrors;
    for (std::string& mirror : mirrors) {
        if (!mirror.ends_with('/')) mirror.push_back('/');
    }
    return mirrors;
}

}  // namespace

bool can_fetch() { return true; }

int fetch_set(const KnownSet& set, const fs::path& data_folder, const FetchOptions& options) {
    static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (initialised != CURLE_OK) throw Error("libcurl does not start");
    if (!set.is_published()) throw UsageError(set.name + " is made, not fetched: use `dataset make " + set.name + "`");
    const fs::path folder = data_folder / set.name;
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) throw Error("cannot make folder " + folder.string() + ": " + error.message());

    int fetched = 0;
    for (const KnownFile& file : set.files) {
        const std::string served = file.name + (file.as_it_is ? "" : ".gz");
        const fs::path final_path = folder / served;
        fs::path present = find_file(folder, file.name);
        if (file.as_it_is && present != final_path) present.clear();
        if (!present.empty()) {
            // A damaged file stays until the new one is complete.
            const bool plain = present.extension() != ".gz";
            const std::string problem = problem_with(present, file, plain);
            if (problem.empty()) continue;
            if (present != final_path)
                throw Error(present.string() + ": " + problem + ": remove it and fetch it again");
        }
        fs::path part_path = final_path;
        part_path += ".part";
        bool done = false;
        std::string problems;
        for (const std::string& mirror : mirrors_of(set, options)) {
            std::string problem;
            done = fetch_from(mirror + served, file, part_path, final_path, options, problem);
            if (done) break;
            const std::string line = mirror + ": " + problem;
            if (options.notice) options.notice(line);
            problems += (problems.empty() ? "" : "; ") + line;
        }
        remove_if_empty(part_path);
        if (!done) throw Error("cannot fetch " + served + " (" + problems + ")");
        ++fetched;
    }
    return fetched;
}

#endif

}  // namespace warpvae

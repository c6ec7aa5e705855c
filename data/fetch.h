// Downloading a published data set: mirrors in turn, resumed where it was cut off, verified before it gets its name.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "data/registry.h"

namespace warpvae {

struct FetchProgress {
    std::string file;         ///< as the mirror names it
    std::uint64_t bytes = 0;  ///< here so far, those of an earlier run included
    std::uint64_t total = 0;  ///< 0 where the mirror does not say
};
struct FetchOptions {
    std::vector<std::string> mirrors;  ///< instead of the set's own; else $WARPVAE_MIRROR if that is set
    long connect_seconds = 5;
    /// A transfer slower than this for so long is given up.
    long slowest_bytes_per_second = 1024;
    long slow_seconds = 10;
    /// Called a few times a second at most.
    std::function<void(const FetchProgress&)> progress;
    /// One line about each mirror that failed, as it happens.
    std::function<void(const std::string&)> notice;
};

/// Whether this build has libcurl.
bool can_fetch();

/// Brings every file of `set` to data_folder/<set>/<file>.gz (<file> if it is served so), those already there and right
/// excepted; returns how many were downloaded. Bytes arrive in <file>[.gz].part, which stays after an interruption and
/// is resumed by the next run; only when the SHA-256 of what it holds, uncompressed, is the published one does it get
/// its final name. Throws Error with one line that names the file and what each mirror answered.
int fetch_set(const KnownSet& set, const std::filesystem::path& data_folder, const FetchOptions& options = {});

}  // namespace warpvae

// Downloading a published data set. Its mirrors are tried in turn, an interrupted download goes on where it stopped,
// and no file gets its name before its digest has been verified.
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
    std::uint64_t bytes = 0;  ///< downloaded so far, by this run and an interrupted one before it
    std::uint64_t total = 0;  ///< of the whole file; 0 if the mirror does not say
};
struct FetchOptions {
    /// Used instead of the set's own. If none is given, $WARPVAE_MIRROR is used instead of them, if it is set.
    std::vector<std::string> mirrors;
    long connect_seconds = 5;
    /// A transfer that is slower than this for slow_seconds is given up.
    long slowest_bytes_per_second = 1024;
    long slow_seconds = 10;
    /// Called a few times a second at most.
    std::function<void(const FetchProgress&)> progress;
    /// One line about each mirror that failed, as it happens.
    std::function<void(const std::string&)> notice;
};

/// Whether this build has libcurl.
bool can_fetch();

/// Downloads the files of `set` to data_folder/<set>/<file>.gz (or <file>, if it is served uncompressed). Files that
/// are there and have the right digest are left alone. Returns how many were downloaded. While a file arrives it is
/// called <file>[.gz].part; after an interruption the next run continues it. Throws Error with one line that names the
/// file and what each mirror answered.
int fetch_set(const KnownSet& set, const std::filesystem::path& data_folder, const FetchOptions& options = {});

}  // namespace warpvae

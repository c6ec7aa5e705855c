// metrics.jsonl: one JSON object a line, one line per epoch and replica, appended while training runs.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

#include "host/files/json.h"

namespace warpvae {

/// A process may die in the middle of a line, so a last line without its end is never taken for a record.
class MetricsLog {
  public:
    explicit MetricsLog(std::filesystem::path path) : path_(std::move(path)) {}

    /// One more record; numbers that are not finite become null. Throws Error naming the file.
    void append(const Json& record);

    /// All whole records, none if there is no file. Throws Error naming file and line where one is not a JSON object.
    std::vector<Json> read() const;

    /// Keeps the records whose "epoch" is at most `last`, and drops a torn last line: what a resumed run does first, as
    /// its checkpoint may be older than the log. With `replica`, records of others stay. Written whole. Throws Error
    /// where a record has no such number.
    void cut_to(std::int64_t last, std::string_view replica = {});

    /// Puts the records of `others`, which processes that shared the work wrote, into this file, and removes them. Of
    /// one replica and epoch the last record stays.
    void take_in(const std::vector<std::filesystem::path>& others);

  private:
    std::filesystem::path path_;
    bool ends_whole_ = false;  // the file is known to end with a line's end
};

}  // namespace warpvae

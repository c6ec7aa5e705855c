#include "host/metrics_log.h"

#include "data/files.h"

namespace warpvae {
namespace {

/// Calls `each(line, number)` for every line that has its end; returns the bytes those lines take.
template <class Each>
std::size_t for_lines(const std::string& text, Each each) {
    std::size_t at = 0;
    for (int number = 1;; number++) {
        const std::size_t end = text.find('\n', at);
        if (end == text.npos) return at;
        each(text.substr(at, end - at), number);
        at = end + 1;
    }
}

Json parse(const std::filesystem::path& path, const std::string& line, int number) {
    Json record = Json::parse(line, nullptr, false);
    if (!record.is_object()) {
        throw Error(path.string() + ", line " + std::to_string(number) +
                    " is not a JSON object: mend or delete the file");
    }
    return record;
}

std::string read_if_there(const std::filesystem::path& path) {
    return std::filesystem::exists(path) ? read_file(path) : std::string();
}

}  // namespace

void MetricsLog::append(const Json& record) {
    if (!ends_whole_) {
        const std::string text = read_if_there(path_);
        const std::size_t whole = for_lines(text, [](const std::string&, int) {});
        if (whole != text.size()) write_file(path_, std::string_view(text).substr(0, whole));
        ends_whole_ = true;
    }
    try {
        append_line(path_, record.dump(-1, ' ', false, Json::error_handler_t::replace));
    } catch (...) {
        ends_whole_ = false;  // a full disk may have taken half of it
        throw;
    }
}

std::vector<Json> MetricsLog::read() const {
    std::vector<Json> records;
    for_lines(read_if_there(path_),
              [&](const std::string& line, int number) { records.push_back(parse(path_, line, number)); });
    return records;
}

void MetricsLog::cut_to(std::int64_t last, const char* key, std::string_view replica) {
    const std::string text = read_if_there(path_);
    std::string kept;
    for_lines(text, [&](const std::string& line, int number) {
        const Json record = parse(path_, line, number);
        if (!record.contains(key) || !record[key].is_number_integer()) {
            throw Error(path_.string() + ", line " + std::to_string(number) + " has no whole number " + key +
                        ": mend or delete the file");
        }
        const bool other = !replica.empty() && record.value("replica", "") != replica;
        if (other || record[key].get<std::int64_t>() <= last) kept += line + "\n";
    });
    if (kept != text) write_file(path_, kept);
    ends_whole_ = true;
}

}  // namespace warpvae

#include "host/files/metrics_log.h"

#include <fstream>
#include <map>
#include <utility>

#include "data/files.h"

namespace warpvae {
namespace {

/// Calls `each(line, number)` for every line that has its end.
template <class Each>
void for_lines(const std::string& text, Each each) {
    std::size_t at = 0;
    for (int number = 1;; number++) {
        const std::size_t end = text.find('\n', at);
        if (end == text.npos) return;
        each(text.substr(at, end - at), number);
        at = end + 1;
    }
}

constexpr int kDeepest = 100;  // of brackets in brackets: each level takes its share of the stack

Json parse(const std::filesystem::path& path, const std::string& line, int number) {
    bool deep = false;
    const auto watch = [&](int depth, Json::parse_event_t, const Json&) { return !(deep |= depth > kDeepest); };
    Json record = Json::parse(line, watch, false);
    if (deep || !record.is_object())
        throw Error(path.string() + ", line " + std::to_string(number) +
                    " is not a JSON object: mend or delete the file");
    return record;
}

/// Whether the last line lacks its end.
bool ends_torn(const std::filesystem::path& path) {
    if (!std::filesystem::is_regular_file(path) || std::filesystem::file_size(path) == 0) return false;
    std::ifstream in(path, std::ios::binary);
    in.seekg(-1, std::ios::end);
    return in.get() != '\n';
}

std::string read_if_there(const std::filesystem::path& path) {
    return std::filesystem::exists(path) ? read_file(path) : std::string();
}

}  // namespace

void MetricsLog::append(const Json& record) {
    if (!ends_whole_) {
        if (ends_torn(path_)) {
            const std::string text = read_file(path_);
            write_file(path_, std::string_view(text).substr(0, text.rfind('\n') + 1));  // npos + 1: nothing is kept
        }
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

void MetricsLog::cut_to(std::int64_t last, std::string_view replica) {
    const std::string text = read_if_there(path_);
    std::string kept;
    for_lines(text, [&](const std::string& line, int number) {
        const Json record = parse(path_, line, number);
        const auto epoch = record.find("epoch"), of = record.find("replica");
        if (epoch == record.end() || !epoch->is_number_integer())
            throw Error(path_.string() + ", line " + std::to_string(number) +
                        " has no whole number epoch: mend or delete the file");
        const bool is_other = !replica.empty() && (of == record.end() || *of != replica);
        if (is_other || *epoch <= last) kept += line + "\n";
    });
    if (kept != text) write_file(path_, kept);
    ends_whole_ = true;
}

void MetricsLog::take_in(const std::vector<std::filesystem::path>& others) {
    if (others.empty()) return;
    std::vector<Json> records = read();
    for (const std::filesystem::path& other : others)
        for (Json& record : MetricsLog(other).read()) records.push_back(std::move(record));
    std::map<std::pair<std::string, std::int64_t>, std::size_t> last;
    const auto key_of = [](const Json& record) {
        return std::pair(record.value("replica", std::string()), record.value("epoch", std::int64_t(-1)));
    };
    for (std::size_t i = 0; i < records.size(); ++i) last[key_of(records[i])] = i;
    std::string text;
    for (std::size_t i = 0; i < records.size(); ++i)
        if (last.at(key_of(records[i])) == i)
            text += records[i].dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    write_file(path_, text);
    ends_whole_ = true;
    for (const std::filesystem::path& other : others) std::filesystem::remove(other);
}

}  // namespace warpvae

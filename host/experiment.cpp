#include "host/experiment.h"

#include <sstream>

#include "data/error.h"
#include "data/files.h"
#include "host/show/format.h"

namespace warpvae {

bool read_result(const std::filesystem::path& path, const std::function<bool(const Json&)>& read) {
    if (!std::filesystem::exists(path)) return false;
    try {
        return read(Json::parse(read_file(path)));
    } catch (const Json::exception& e) {
        throw Error(path.string() + " is damaged (" + e.what() + "); delete it to evaluate that model again");
    }
}

void write_result(const std::filesystem::path& path, const Json& result) { write_file(path, result.dump(2) + "\n"); }

double training_seconds(const std::filesystem::path& metrics, const std::string& replica) {
    double total = 0;
    if (!std::filesystem::exists(metrics)) return total;
    std::istringstream lines(read_file(metrics));
    for (std::string line; std::getline(lines, line);) {
        const Json json = parse_json(line);
        if (json.is_object() && json.value("replica", "") == replica) total += json.value("seconds", 0.0);
    }
    return total;
}

std::string setting(double x) { return formatted("%.9g", x); }
std::string setting(const std::vector<int>& list) {
    std::string out;
    for (const int x : list) out += (out.empty() ? "" : ",") + std::to_string(x);
    return out;
}
std::string setting(Math math) { return math == Math::kFp32 ? "fp32" : math == Math::kTf32 ? "tf32" : "bf16"; }

}  // namespace warpvae

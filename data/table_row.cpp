#include "data/table_row.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace warpvae {
namespace {

std::string_view trimmed(std::string_view text) {
    const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return text;
}

}  // namespace

bool split_row(std::string_view row, char separator, std::vector<std::string>& cells) {
    std::size_t count = 0;
    const auto next_cell = [&]() -> std::string& {
        if (count == cells.size()) cells.emplace_back();
        std::string& cell = cells[count++];
        cell.clear();
        return cell;
    };
    row = trimmed(row);
    std::size_t at = 0;
    bool more = !row.empty();
    while (more) {
        std::string& cell = next_cell();
        const std::size_t start = row.find_first_not_of(" \t", at);
        if (start != row.npos && row[start] == '"') {
            for (at = start + 1;; ++at) {
                if (at >= row.size()) return false;
                if (row[at] == '"' && (at + 1 >= row.size() || row[at + 1] != '"')) break;
                cell += row[at];
                if (row[at] == '"') ++at;
            }
            at = row.find(separator, at);
        } else {
            const std::size_t end = separator == ' ' ? row.find_first_of(" \t", at) : row.find(separator, at);
            cell = trimmed(row.substr(at, end == row.npos ? end : end - at));
            at = end;
        }
        more = at != row.npos;
        if (more && separator == ' ')
            at = row.find_first_not_of(" \t", at);
        else if (more)
            ++at;
    }
    cells.resize(count);
    return true;
}

std::optional<double> cell_number(std::string_view cell) {
    cell = trimmed(cell);
    if (!cell.empty() && cell[0] == '+') cell.remove_prefix(1);
    double value = 0;
    const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
    if (error != std::errc() || end != cell.data() + cell.size()) return {};
    return value;
}

std::optional<std::size_t> find_column(const std::vector<std::string>& columns, const std::string& wanted) {
    const auto at = std::find(columns.begin(), columns.end(), wanted);
    if (at != columns.end()) return std::size_t(at - columns.begin());
    if (columns.empty()) return {};
    if (wanted == "first") return 0;
    if (wanted == "last") return columns.size() - 1;
    const std::optional<double> number = cell_number(wanted);
    if (number && *number >= 1 && *number <= double(columns.size()) && *number == double(std::size_t(*number)))
        return std::size_t(*number) - 1;
    return {};
}

std::optional<std::size_t> usual_label_column(const std::vector<std::string>& columns) {
    for (const char* name : {"label", "class", "target", "y"})
        for (std::size_t i = 0; i < columns.size(); ++i) {
            std::string column = columns[i];
            for (char& c : column) c = char(std::tolower(static_cast<unsigned char>(c)));
            if (column == name) return i;
        }
    return {};
}

}  // namespace warpvae

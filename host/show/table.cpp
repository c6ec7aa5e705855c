#include "host/show/table.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "data/files.h"
#include "host/mean.h"
#include "host/show/format.h"

namespace warpvae {
namespace {

std::string fixed(double value, int decimals) { return formatted("%.*f", decimals, value); }

std::string plain(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

std::string escape_markdown(const std::string& text) {
    std::string out;
    for (const char c : text) {
        if (c == '|' || c == '\\' || c == '*' || c == '_' || c == '`' || c == '<') out += '\\';
        out += c == '\n' ? ' ' : c;
    }
    return out;
}

std::string caption(const Table& table) {
    std::string out = table.paper + ", " + table.table + " on " + table.dataset;
    return table.device.empty() ? out : out + " (" + table.device + ")";
}

}  // namespace

std::optional<Agreement> Cell::verdict() const {
    if (!paper || !tolerance || n == 0) return {};
    return agreement(comparison());
}

Comparison Cell::comparison() const { return {*paper, paper_error, mean, std, n, *tolerance}; }

Cell measured_cell(std::string test, const std::vector<double>& values, std::optional<double> paper,
                   std::optional<double> tolerance) {
    Cell cell;
    cell.test = std::move(test);
    cell.n = int(values.size());
    cell.paper = paper;
    cell.tolerance = tolerance;
    cell.values = values;
    cell.mean = mean_of(values), cell.std = std_of(values);
    return cell;
}

Table::Score Table::score() const {
    Score score;
    for (const Row& row : rows) {
        for (const Cell& cell : row.cells) {
            const std::optional<Agreement> verdict = cell.verdict();
            score.judged += verdict.has_value();
            score.agreeing += verdict == Agreement::kAgrees;
            score.spreading += verdict == Agreement::kSpreads;
        }
    }
    return score;
}

const char* mark_of(const std::optional<Agreement>& verdict) {
    return verdict == Agreement::kDiffers ? " ✗" : verdict == Agreement::kSpreads ? " ≈" : "";
}

TableText table_text(const Table& table) {
    TableText text;
    const auto position = [](std::vector<std::string>& names, const std::string& name) {
        const auto found = std::find(names.begin(), names.end(), name);
        const auto index = std::size_t(found - names.begin());
        if (found == names.end()) names.push_back(name);
        return index;
    };
    for (const Row& row : table.rows) {
        for (const auto& [key, value] : row.keys.items()) position(text.keys, key);
        for (const Cell& cell : row.cells) position(text.tests, cell.test);
    }
    text.fewest_seeds = std::numeric_limits<int>::max();
    const double unit = table.percent ? 100 : 1;
    for (const Row& row : table.rows) {
        auto& values = text.key_values.emplace_back(text.keys.size());
        auto& entries = text.entries.emplace_back(text.tests.size());
        for (const auto& [key, value] : row.keys.items()) values[position(text.keys, key)] = plain(value);
        for (const Cell& cell : row.cells) {
            TableText::Entry& entry = entries[position(text.tests, cell.test)];
            entry.present = true;
            entry.mean = std::isfinite(cell.mean) ? fixed(cell.mean * unit, table.decimals) : "-";
            if (cell.n > 1 && std::isfinite(cell.std)) entry.std = fixed(cell.std * unit, table.decimals);
            if (cell.paper) entry.paper = fixed(*cell.paper * unit, table.decimals);
            entry.verdict = cell.verdict();
            text.any_paper |= cell.paper.has_value();
            if (cell.n > 0) text.fewest_seeds = std::min(text.fewest_seeds, cell.n);  // else it was not run
            text.most_seeds = std::max(text.most_seeds, cell.n);
        }
    }
    if (text.most_seeds == 0) text.fewest_seeds = 0;
    return text;
}

std::string table_legend(const Table& table, const std::string& place) {
    const TableText text = table_text(table);
    std::string out = text.most_seeds > 1 ? "Mean ± standard deviation over " : "One value from ";
    out += std::to_string(text.fewest_seeds);
    if (text.most_seeds != text.fewest_seeds) out += " to " + std::to_string(text.most_seeds);
    out += text.most_seeds == 1 ? " seed" : " seeds";
    if (table.percent) out += ", in percent";
    if (text.any_paper) out += "; the paper's value " + place;
    const Table::Score score = table.score();
    if (!score.judged) return out + ".";
    out += "; ✗ differs from it: " + std::to_string(score.agreeing) + " of " + std::to_string(score.judged) + " agree";
    if (score.spreading) out += ", " + std::to_string(score.spreading) + (score.spreading > 1 ? " spread" : " spreads");
    return out + ". " + agreement_rule();
}

Json to_json(const Table& table) {
    Json json = {{"paper", table.paper}, {"table", table.table}, {"dataset", table.dataset}, {"device", table.device}};
    json["rows"] = Json::array();
    for (const Row& row : table.rows) {
        Json out = row.keys;
        out["cells"] = Json::array();
        for (const Cell& cell : row.cells) {
            Json c = {{"test", cell.test}, {"paper", nullptr}, {"mean", cell.mean}, {"std", cell.std}, {"n", cell.n}};
            if (cell.paper) c["paper"] = *cell.paper;
            if (cell.tolerance) c["tolerance"] = *cell.tolerance;
            if (cell.paper_error > 0) c["paper_error"] = cell.paper_error;
            if (const auto verdict = cell.verdict()) {
                c["allowed"] = allowed_difference(cell.comparison());
                c["verdict"] = name_of(*verdict);
            }
            if (!cell.values.empty()) c["values"] = cell.values;
            out["cells"].push_back(std::move(c));
        }
        json["rows"].push_back(std::move(out));
    }
    return json;
}

std::string to_markdown(const Table& table) {
    const TableText text = table_text(table);
    std::string head = "|", rule = "|";
    for (const std::string& key : text.keys) head += " " + escape_markdown(key) + " |", rule += " --- |";
    for (const std::string& test : text.tests) head += " " + escape_markdown(test) + " |", rule += " ---: |";
    std::string out = "**" + escape_markdown(caption(table)) + "**\n\n" + head + "\n" + rule + "\n";
    for (std::size_t row = 0; row < text.entries.size(); row++) {
        out += "|";
        for (const std::string& value : text.key_values[row]) out += " " + escape_markdown(value) + " |";
        for (const TableText::Entry& entry : text.entries[row]) {
            if (entry.present) out += " " + entry.mean;
            if (!entry.std.empty()) out += " ± " + entry.std;
            if (!entry.paper.empty()) out += " (" + entry.paper + ")";
            out += std::string(mark_of(entry.verdict)) + " |";
        }
        out += "\n";
    }
    return out + "\n" + table_legend(table) + "\n";
}

std::string to_terminal(const Table& table, bool colour) {
    const TableText text = table_text(table);
    const auto paint = [&](const std::string& s, const char* code) {
        return colour && !s.empty() ? std::string("\033[") + code + "m" + s + "\033[0m" : s;
    };
    const bool judged = table.score().judged > 0;
    const auto cell = [&](const TableText::Entry& entry, bool painted) {
        if (!entry.present) return std::string();
        const char* code = entry.verdict == Agreement::kAgrees    ? "32"
                           : entry.verdict == Agreement::kDiffers ? "31"
                                                                  : "33";
        std::string out = painted && entry.verdict ? paint(entry.mean, code) : entry.mean;
        if (!entry.std.empty()) out += " ± " + entry.std;
        if (!entry.paper.empty()) out += painted ? paint(" (" + entry.paper + ")", "2") : " (" + entry.paper + ")";
        if (!judged) return out;
        const std::string mark = mark_of(entry.verdict);
        out += mark.empty() ? "  " : painted ? paint(mark, code) : mark;
        return out;
    };

    std::vector<std::string> lines(2 + text.entries.size());  // the head, a rule, the rows
    /// `entry(row, painted)`: colours take no room on the screen, so widths are those of the text without them.
    const auto add_column = [&](const std::string& head, auto entry) {
        std::size_t width = display_width(head);
        for (std::size_t row = 0; row < text.entries.size(); row++)
            width = std::max(width, display_width(entry(row, false)));
        lines[0] += head + std::string(width - display_width(head) + 2, ' ');
        for (std::size_t i = 0; i < width; i++) lines[1] += "─";
        lines[1] += "  ";
        for (std::size_t row = 0; row < text.entries.size(); row++)
            lines[2 + row] += entry(row, true) + std::string(width - display_width(entry(row, false)) + 2, ' ');
    };
    for (std::size_t k = 0; k < text.keys.size(); k++)
        add_column(text.keys[k], [&](std::size_t row, bool) { return text.key_values[row][k]; });
    for (std::size_t t = 0; t < text.tests.size(); t++)
        add_column(text.tests[t], [&](std::size_t row, bool painted) { return cell(text.entries[row][t], painted); });
    std::string out = paint(caption(table), "1") + "\n\n";
    for (std::string& line : lines) out += line.erase(line.find_last_not_of(' ') + 1) + "\n";
    return out + "\n" + table_legend(table) + "\n";
}

void write_table(const std::filesystem::path& folder, const Table& table, const std::string& name) {
    write_file(folder / (name + ".json"), to_json(table).dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
    write_file(folder / (name + ".md"), to_markdown(table));
}

}  // namespace warpvae

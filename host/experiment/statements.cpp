#include "host/experiment/statements.h"

#include <algorithm>
#include <cmath>

#include "data/files.h"
#include "data/sha256.h"
#include "host/show/format.h"

namespace warpvae {
namespace {

/// "features sample, train MNIST-s, latents 10: MNIST-fr"
std::string name_of_cell(const Row& row, const Cell& cell) {
    std::string name;
    for (const auto& [key, value] : row.keys.items())
        name += (name.empty() ? "" : ", ") + key + " " + (value.is_string() ? value.get<std::string>() : value.dump());
    return name + ": " + cell.test;
}

/// What a cell's verdict rests on, in the table's own unit.
std::string reason_of(const Table& table, const Cell& cell, Agreement verdict) {
    const double unit = table.percent ? 100 : 1;
    const int decimals = table.decimals;
    const char* const per = table.percent ? " %" : "";
    std::string reason = formatted("%.*f%s, %.*f %s the paper's %.*f; ", decimals, unit * cell.mean, per, decimals,
                                   unit * std::abs(cell.mean - *cell.paper),
                                   cell.mean < *cell.paper ? "below" : "above", decimals, unit * *cell.paper);
    reason += formatted("%.*f is allowed", decimals, unit * allowed_difference(cell.comparison()));
    if (cell.n == 1) reason += ", the stated difference (one value, so no standard error of ours)";
    if (verdict == Agreement::kSpreads)
        reason += formatted("; but seeds spread by %.*f, more than the stated difference of %.*f", decimals,
                            unit * cell.std, decimals, unit * *cell.tolerance);
    return reason + ".";
}

Statement statement_of(const Table& table, const Row& row, const Cell& cell) {
    Statement statement{.id = table.table, .text = name_of_cell(row, cell), .reason = ""};
    statement.paper = table.paper;
    statement.rule = formatted(
        "two-sided, within the larger of %.*f and two standard errors of the difference; "
        "the deviation over seeds no larger than that",
        table.decimals, (table.percent ? 100 : 1) * *cell.tolerance);
    statement.measured = {cell.test, cell.values, cell.paper};
    const std::optional<Agreement> verdict = cell.verdict();
    statement.tested = verdict.has_value();
    statement.holds = verdict == Agreement::kAgrees;
    statement.reason = verdict ? reason_of(table, cell, *verdict) : "This run has no such row.";
    return statement;
}

/// Beside numbers of the paper: on other images a row of the same name is another one.
bool has_row(const Table& table, const Row& row) {
    return std::any_of(table.rows.begin(), table.rows.end(), [&](const Row& other) {
        return other.keys == row.keys && !other.cells.empty() && other.cells[0].paper;
    });
}

}  // namespace

Verdict verdict_of(const Statement& statement) {
    return !statement.tested ? Verdict::untested : statement.holds ? Verdict::holds : Verdict::fails;
}

const char* verdict_text(Verdict verdict) {
    const char* const texts[] = {"HOLDS", "DOES NOT HOLD", "NOT RUN"};
    return texts[int(verdict)];
}

bool is_cell(const Statement& statement) { return statement.id.starts_with("Table"); }

std::vector<Statement> statements_of(const Table& table) {
    std::vector<Statement> statements;
    for (const Row& row : table.rows)
        for (const Cell& cell : row.cells)
            if (cell.paper && cell.tolerance) statements.push_back(statement_of(table, row, cell));
    return statements;
}

Table with_missing_rows(Table measured, const Table& of_paper) {
    for (const Row& row : of_paper.rows)
        if (!has_row(measured, row)) measured.rows.push_back(row);
    return measured;
}

Json to_json(const Statement& s) {
    const Measured& m = s.measured;
    Json measured = {{"quantity", m.quantity}, {"paper", nullptr}, {"mean", nullptr}, {"std", nullptr}};
    if (m.paper) measured["paper"] = *m.paper;
    if (!m.values.empty()) measured["mean"] = m.mean();
    if (m.values.size() > 1) measured["std"] = m.std();
    measured["n"] = m.values.size();
    measured["values"] = m.values;
    Json json = {{"paper", s.paper},
                 {"id", s.id},
                 {"text", s.text},
                 {"rule", s.rule},
                 {"verdict", verdict_text(verdict_of(s))},
                 {"reason", s.reason},
                 {"p", s.p},
                 {"measured", std::move(measured)}};
    if (!s.dataset.empty()) json["dataset"] = s.dataset;
    if (!s.origin.empty()) json["origin"] = s.origin;
    if (!s.settings.empty()) json["settings"] = s.settings;
    if (!s.picture.empty()) json["picture"] = s.picture;
    return json;
}

Statement statement_from(const Json& json) {
    Statement s{.id = json.at("id"), .text = json.at("text"), .reason = json.at("reason")};
    s.paper = json.at("paper"), s.rule = json.at("rule");
    const std::string verdict = json.at("verdict");
    s.tested = verdict != verdict_text(Verdict::untested);
    s.holds = verdict == verdict_text(Verdict::holds);
    s.p = json.at("p");
    s.dataset = json.value("dataset", "");
    s.origin = json.value("origin", "");
    s.settings = json.value("settings", "");
    s.picture = json.value("picture", "");
    const Json& measured = json.at("measured");
    s.measured.quantity = measured.at("quantity");
    for (const Json& value : measured.at("values")) s.measured.values.push_back(value.is_null() ? NAN : double(value));
    if (!measured.at("paper").is_null()) s.measured.paper = double(measured.at("paper"));
    return s;
}

void write_statements(const std::filesystem::path& folder, const std::string& paper, std::vector<Statement> statements,
                      const std::string& name) {
    Json json = Json::array();
    for (Statement& statement : statements) {
        if (statement.paper.empty()) statement.paper = paper;
        json.push_back(to_json(statement));
    }
    write_file(folder / (name + ".json"), json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

std::string digest_of(const Origin& origin) {
    std::string decided_by;
    for (const Values* values : {&origin.training, &origin.evaluation})
        for (const auto& [name, value] : *values) decided_by += name + "=" + value + "\n";
    return sha256_hex(decided_by);
}

std::vector<Statement> with_earlier(std::vector<Statement> statements, const std::filesystem::path& folder) {
    if (!std::filesystem::exists(folder / "statements.json")) return statements;
    const auto is_the_same = [](const Statement& a, const Statement& b) {
        return a.id == b.id && a.text == b.text && a.rule == b.rule && a.origin == b.origin && a.settings == b.settings;
    };
    for (const Statement& earlier : read_statements(folder / "statements.json"))
        for (Statement& now : statements)
            if (!now.tested && is_the_same(now, earlier)) now = earlier;
    return statements;
}

std::vector<Statement> read_statements(const std::filesystem::path& file) {
    try {
        std::vector<Statement> statements;
        for (const Json& json : Json::parse(read_file(file))) statements.push_back(statement_from(json));
        return statements;
    } catch (const Json::exception& e) {
        throw Error(file.string() + " is damaged (" + e.what() + "); delete it and run the command again");
    }
}

}  // namespace warpvae

// The statements of a run on disk, statements.json: what a paper says, what was measured, and the verdict, with the
// numbers of each seed. Every cell of a paper's table is a statement too.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "host/evaluate/statement.h"
#include "host/experiment/result.h"
#include "host/files/json.h"
#include "host/show/report.h"
#include "host/show/table.h"

namespace warpvae {

Verdict verdict_of(const Statement& statement);
/// "HOLDS", "DOES NOT HOLD", "NOT RUN"
const char* verdict_text(Verdict verdict);

/// Whether it is about a number of a paper's table; the others are sentences.
bool is_cell(const Statement& statement);
/// One statement for each cell with a number of the paper that is held to it; "NOT RUN" for those without one of ours.
std::vector<Statement> statements_of(const Table& table);
/// Cells of `of_paper` (numbers of the paper alone) whose row `measured` has not, as rows that were not run.
Table with_missing_rows(Table measured, const Table& of_paper);

/// {"paper", "id", "text", "rule", "verdict", "reason", "p", "measured": {"quantity", "paper", "mean", "std", "n",
/// "values"}}, and "dataset", "origin", "settings" and "picture" where there is one.
Json to_json(const Statement& statement);
/// Throws Json::exception where something is missing or of another type.
Statement statement_from(const Json& json);

/// OUT/statements.json, or another name.json, in this order. `paper` is put where a statement names none.
void write_statements(const std::filesystem::path& folder, const std::string& paper, std::vector<Statement> statements,
                      const std::string& name = "statements");
/// Of all that it lists, for Statement::origin.
std::string digest_of(const Origin& origin);
/// `statements`, but those that were not tested as an earlier command of the run left them in OUT/statements.json,
/// where they say the same by the same rule, and are of the same origin and settings.
std::vector<Statement> with_earlier(std::vector<Statement> statements, const std::filesystem::path& folder);
/// Throws Error naming a damaged file.
std::vector<Statement> read_statements(const std::filesystem::path& file);

}  // namespace warpvae

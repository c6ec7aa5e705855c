// Statements on disk: claims and cells with their verdicts, written and read again.
#include "host/experiment/statements.h"

#include <gtest/gtest.h>

#include <cmath>

#include "data/files.h"
#include "host/experiments/equivae/results.h"
#include "host/experiments/geometry/results.h"
#include "host/experiments/invariance/results.h"
#include "host/experiments/spatial/results.h"
#include "tests/support/temporary_folder.h"

namespace warpvae {
namespace {

Table table() {
    Table table{.paper = "Vivé", .table = "Table 1", .dataset = "mnist", .device = "cpu", .rows = {}};
    table.percent = true, table.decimals = 2;
    table.rows.push_back({{{"input", "VAE"}, {"latents", 8}},
                          {measured_cell("test", {0.87, 0.88, 0.89}, 0.8799, 0.02),
                           measured_cell("cv_mean", {0.80, 0.80, 0.81}, 0.877, 0.02),
                           measured_cell("cv_std", {0.01, 0.01, 0.01}, 0.0093)}});
    table.rows.push_back(
        {{{"input", "TPS-TVAE"}, {"latents", 8}}, {measured_cell("test", {0.86, 0.91, 0.88}, 0.8865, 0.02)}});
    return table;
}

TEST(Statements, EveryCellHeldToThePaperIsOne) {
    const std::vector<Statement> cells = statements_of(table());
    ASSERT_EQ(cells.size(), 3u) << "a cell without a stated difference is shown only";
    EXPECT_EQ(cells[0].text, "input VAE, latents 8: test");
    EXPECT_EQ(verdict_of(cells[0]), Verdict::holds) << cells[0].reason;
    EXPECT_EQ(verdict_of(cells[1]), Verdict::fails);
    EXPECT_EQ(cells[1].reason, "80.33 %, 7.37 below the paper's 87.70; 2.00 is allowed.");
    EXPECT_EQ(verdict_of(cells[2]), Verdict::fails) << "it spreads";
    EXPECT_NE(cells[2].reason.find("seeds spread by 2.52"), std::string::npos) << cells[2].reason;
    EXPECT_EQ(cells[0].measured.values.size(), 3u);
    EXPECT_NEAR(cells[0].measured.mean(), 0.88, 1e-12);
    EXPECT_NEAR(cells[0].measured.std(), 0.01, 1e-12);
}

TEST(Statements, OneValueIsSaidToHaveNoStandardError) {
    Table one = table();
    one.rows = {{{{"input", "VAE"}}, {measured_cell("test", {0.87}, 0.8799, 0.02)}}};
    EXPECT_NE(statements_of(one)[0].reason.find("no standard error of ours"), std::string::npos);
}

TEST(Statements, RowsThatWereNotRunAreNamed) {
    Table of_paper = table();
    of_paper.rows.push_back({{{"input", "PCA"}, {"latents", 8}}, {measured_cell("test", {}, 0.7551, 0.0002)}});
    const std::vector<Statement> cells = statements_of(with_missing_rows(table(), of_paper));
    ASSERT_EQ(cells.size(), 4u);
    EXPECT_EQ(verdict_of(cells[3]), Verdict::untested);
    EXPECT_FALSE(cells[3].reason.empty());
    Table other = table();  // of other images: the paper's rows are not theirs
    for (Row& row : other.rows)
        for (Cell& cell : row.cells) cell.paper.reset();
    for (const Statement& cell : statements_of(with_missing_rows(other, of_paper)))
        EXPECT_TRUE(cell.tested || cell.text == "input PCA, latents 8: test") << cell.text;
}

TEST(Statements, AreReadAsTheyWereWritten) {
    const test::TemporaryFolder folder;
    Statement claim = judged("C1", "it holds", "Numbers.", 3, 3, {"gain", {0.1, NAN, 0.3}, 0.2});
    std::vector<Statement> written = statements_of(table());
    written.push_back(claim);
    written.push_back(judged("C2", "it was not tried", "", 0, 0));
    write_statements(folder.path(), "Mills (2024)", written);
    const std::vector<Statement> read = read_statements(folder / "statements.json");
    ASSERT_EQ(read.size(), written.size());
    for (std::size_t i = 0; i < read.size(); ++i) {
        EXPECT_EQ(read[i].id, written[i].id);
        EXPECT_EQ(read[i].text, written[i].text);
        EXPECT_EQ(read[i].reason, written[i].reason);
        EXPECT_EQ(read[i].rule, written[i].rule);
        EXPECT_EQ(verdict_of(read[i]), verdict_of(written[i]));
        EXPECT_EQ(read[i].measured.paper, written[i].measured.paper);
        EXPECT_EQ(read[i].measured.values.size(), written[i].measured.values.size());
    }
    EXPECT_EQ(read[0].paper, "Vivé");
    EXPECT_EQ(read[3].paper, "Mills (2024)");
    EXPECT_TRUE(std::isnan(read[3].measured.values[1]));
    EXPECT_EQ(verdict_of(read[4]), Verdict::untested);
    write_file(folder / "statements.json", "[{\"id\": 3}]");
    EXPECT_THROW(read_statements(folder / "statements.json"), Error);
}

TEST(Statements, WithoutModelsAllThatAPaperSaysIsListedAndNotRun) {
    const Table none = invariance_table({}, {}, "mnist");
    const std::vector<std::pair<std::vector<Statement>, std::size_t>> papers = {
        {invariance_statements({}, none), 5 * 2 + 1 + 2 * 32},
        {spatial_statements({}, "mnist"), 2 * 4 + 2 + 4 + 3 + 3 * 3 + 8 * 2 * 2},
        {equivae_statements({}, "mnist"), 9 + 6 + 6 * 2},
        {geometry_claims({}, {}), 8}};
    for (const auto& [statements, count] : papers) {
        EXPECT_EQ(statements.size(), count) << statements[0].text;
        for (const Statement& s : statements) {
            EXPECT_EQ(verdict_of(s), Verdict::untested) << s.id << " " << s.text;
            EXPECT_FALSE(s.reason.empty()) << s.id << " " << s.text;
            EXPECT_FALSE(s.rule.empty()) << s.id << " " << s.text;
        }
    }
}

}  // namespace
}  // namespace warpvae

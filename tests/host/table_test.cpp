// table.json, table.md and the terminal's table: the numbers, the verdicts and the alignment.
#include "host/show/table.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "data/files.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

Table sample() {
    Table table;
    table.paper = "Mills 2024";
    table.table = "Table 2";
    table.dataset = "mnist";
    table.device = "cpu";
    table.rows.resize(2);
    table.rows[0].keys = {{"train", "MNIST-s"}, {"latents", 10}};
    table.rows[0].cells = {{"MNIST-s", 0.8799, 0.88125, 0.0021, 3, 0.01},
                           {"MNIST-fr", 0.6846, 0.7246, 0.0101, 3, 0.02}};
    table.rows[1].keys = {{"train", "MNIST-rt"}, {"latents", 100}};
    table.rows[1].cells = {{"MNIST-fr", {}, 0.5, 0, 1, {}}};
    return table;
}

TEST(Table, Verdicts) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    EXPECT_EQ((Cell{"t", 0.5, 0.53125, 0, 1, 0.03125}).verdict(), Agreement::kAgrees);
    EXPECT_EQ((Cell{"t", 0.5, nan, 0, 1, 0.03125}).verdict(), Agreement::kDiffers);
    EXPECT_EQ((Cell{"t", 0.5, 0.51, 0.04, 9, 0.03125}).verdict(), Agreement::kSpreads);
    EXPECT_EQ((Cell{"t", 0.5, 0.56, 0, 1, 0.03125, 0.05}).verdict(), Agreement::kAgrees) << "the paper's own error";
    EXPECT_EQ((Cell{"t", 0.5, nan, 0, 0, 0.03125}).verdict(), std::nullopt) << "not measured";
    EXPECT_EQ((Cell{"t", {}, 0.5, 0, 1, 0.03125}).verdict(), std::nullopt) << "the paper has no number";
    EXPECT_EQ((Cell{"t", 0.5, 0.5, 0, 1, {}}).verdict(), std::nullopt) << "shown only";
    const Table::Score score = sample().score();
    EXPECT_EQ(score.agreeing, 1);
    EXPECT_EQ(score.spreading, 0);
    EXPECT_EQ(score.judged, 2);
}

TEST(Table, MeanAndDeviationOverSeeds) {
    const Cell cell = measured_cell("t", {1, 2, 6}, 2.5, 3.0);
    EXPECT_DOUBLE_EQ(cell.mean, 3);
    EXPECT_DOUBLE_EQ(cell.std, std::sqrt((4 + 1 + 9) / 2.0));
    EXPECT_EQ(cell.n, 3);
    EXPECT_EQ(cell.values, (std::vector<double>{1, 2, 6}));
    EXPECT_EQ(cell.verdict(), Agreement::kAgrees);
    EXPECT_EQ(measured_cell("t", {5}).std, 0);
    const Cell none = measured_cell("t", {});
    EXPECT_TRUE(std::isnan(none.mean));
    EXPECT_EQ(none.n, 0);
}

TEST(Table, JsonHasTheDocumentedShape) {
    const Json json = to_json(sample());
    EXPECT_EQ(
        json.dump(),
        R"({"paper":"Mills 2024","table":"Table 2","dataset":"mnist","device":"cpu","rows":[)"
        R"({"train":"MNIST-s","latents":10,"cells":[)"
        R"({"test":"MNIST-s","paper":0.8799,"mean":0.88125,"std":0.0021,"n":3,"tolerance":0.01,"allowed":0.01,"verdict":"agrees"},)"
        R"({"test":"MNIST-fr","paper":0.6846,"mean":0.7246,"std":0.0101,"n":3,"tolerance":0.02,"allowed":0.02,"verdict":"differs"}]},)"
        R"({"train":"MNIST-rt","latents":100,"cells":[)"
        R"({"test":"MNIST-fr","paper":null,"mean":0.5,"std":0.0,"n":1}]}]})");
}

TEST(Table, Markdown) {
    EXPECT_EQ(to_markdown(sample()),
              "**Mills 2024, Table 2 on mnist (cpu)**\n\n"
              "| train | latents | MNIST-s | MNIST-fr |\n"
              "| --- | --- | ---: | ---: |\n"
              "| MNIST-s | 10 | 0.8812 ± 0.0021 (0.8799) | 0.7246 ± 0.0101 (0.6846) ✗ |\n"
              "| MNIST-rt | 100 | | 0.5000 |\n"
              "\n"
              "Mean ± standard deviation over 1 to 3 seeds; the paper's value in brackets; ✗ differs from it: 1 of 2 "
              "agree. " +
                  std::string(agreement_rule()) + "\n");
    Table percent = sample();
    percent.percent = true;
    percent.decimals = 1;
    const std::string text = to_markdown(percent);
    EXPECT_NE(text.find("| 88.1 ± 0.2 (88.0) |"), std::string::npos) << text;
    EXPECT_NE(text.find("in percent"), std::string::npos);
    percent.rows[0].keys["train"] = "a|b_c";
    EXPECT_NE(to_markdown(percent).find(R"(a\|b\_c)"), std::string::npos);
}

TEST(Table, UnmeasuredIsADash) {
    Table table = sample();
    table.rows[1].cells[0] = measured_cell("MNIST-fr", {}, 0.7, 0.1);
    EXPECT_NE(to_markdown(table).find("| - (0.7000) |"), std::string::npos) << to_markdown(table);
}

std::size_t columns(const std::string& line) {
    std::size_t n = 0;
    for (const char c : line) n += (c & 0xc0) != 0x80;
    return n;
}

TEST(Table, TerminalColumnsAlign) {
    const std::string plain = to_terminal(sample(), false), coloured = to_terminal(sample(), true);
    EXPECT_EQ(plain.find('\033'), std::string::npos);
    EXPECT_NE(coloured.find("\033[31m0.7246\033[0m"), std::string::npos);
    EXPECT_NE(coloured.find("\033[32m0.8812\033[0m"), std::string::npos);

    std::string uncoloured;
    for (std::size_t i = 0; i < coloured.size(); i++) {
        if (coloured[i] == '\033') {
            i = coloured.find('m', i);
        } else {
            uncoloured += coloured[i];
        }
    }
    EXPECT_EQ(uncoloured, plain);

    std::vector<std::string> lines;
    for (std::size_t at = 0, end; (end = plain.find('\n', at)) != std::string::npos; at = end + 1) {
        lines.push_back(plain.substr(at, end - at));
    }
    const std::size_t column = columns(lines[2].substr(0, lines[2].find("MNIST-fr")));
    EXPECT_EQ(columns(lines[4].substr(0, lines[4].find("0.7246"))), column) << plain;
    EXPECT_EQ(columns(lines[5].substr(0, lines[5].find("0.5000"))), column) << plain;
    for (const std::string& line : lines) EXPECT_FALSE(line.ends_with(' ')) << line;
}

TEST(Table, EmptyTable) {
    EXPECT_EQ(to_json(Table{}).dump(), R"({"paper":"","table":"","dataset":"","device":"","rows":[]})");
    EXPECT_FALSE(to_markdown(Table{}).empty());
    EXPECT_FALSE(to_terminal(Table{}, true).empty());
}

TEST(Table, FilesAreWrittenWhole) {
    const fs::path folder = fs::path(testing::TempDir()) / ("table_test." + std::to_string(::getpid()));
    write_table(folder, sample());
    EXPECT_EQ(Json::parse(read_file(folder / "table.json")), to_json(sample()));
    EXPECT_EQ(read_file(folder / "table.md"), to_markdown(sample()));
    EXPECT_THROW(write_table(folder / "table.md", sample()), Error);  // a folder under a file
    fs::remove_all(folder);
}

}  // namespace
}  // namespace warpvae

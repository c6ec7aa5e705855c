// A paper's table beside the measured one: table.json for programs, table.md for people, aligned columns for a
// terminal.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "host/files/json.h"
#include "host/show/agreement.h"

namespace warpvae {

/// One measured number, over seeds.
struct Cell {
    std::string test;                 // the column: "MNIST-fr", "cv_mean", ...
    std::optional<double> paper;      // the paper's value, where it has one
    double mean = 0;                  // NaN: not measured
    double std = 0;                   // over seeds, n - 1 in the denominator; not shown for n < 2
    int n = 0;                        // seeds
    std::optional<double> tolerance;  // stated difference from the paper's value that counts as none
    double paper_error = 0;           // standard error that the paper states
    std::vector<double> values = {};  // one for each seed

    /// Nothing where there is no number of the paper, none of ours, or no tolerance: such a cell is shown only.
    std::optional<Agreement> verdict() const;
    /// What the verdict is of: only where there is one.
    Comparison comparison() const;
};

/// Mean, standard deviation and count of `values`, as a cell.
Cell measured_cell(std::string test, const std::vector<double>& values, std::optional<double> paper = {},
                   std::optional<double> tolerance = {});

struct Row {
    Json keys = Json::object();  // the paper's columns in snake_case: {"train": "MNIST-rt", "latents": 10}
    std::vector<Cell> cells;
};

struct Table {
    std::string paper, table, dataset, device;
    std::vector<Row> rows;
    bool percent = false;  // shown times 100; JSON keeps fractions
    int decimals = 4;      // as shown: of the fraction, or of the percentage

    /// Cells with a verdict, and how many of them agree or spread.
    struct Score {
        int agreeing = 0, spreading = 0, judged = 0;
    };
    Score score() const;
};

/// The mark behind a cell: " ✗" where it differs, " ≈" where it spreads, else nothing.
const char* mark_of(const std::optional<Agreement>& verdict);

/// What every rendering shows: row keys, then one column per test in order of first appearance.
struct TableText {
    struct Entry {
        std::string mean, std, paper;  // as printed; "" where there is none, "-" for a mean that was not measured
        std::optional<Agreement> verdict;
        bool present = false;  // false: this row has no such test
    };
    std::vector<std::string> keys, tests;
    std::vector<std::vector<std::string>> key_values;  // [row, key]
    std::vector<std::vector<Entry>> entries;           // [row, test]
    int fewest_seeds = 0, most_seeds = 0;
    bool any_paper = false;
};
TableText table_text(const Table& table);

/// Under a rendering: what the numbers are, where the paper's stands, how many agree with it, and what that means.
std::string table_legend(const Table& table, const std::string& place = "in brackets");

Json to_json(const Table& table);
std::string to_markdown(const Table& table);
/// Aligned columns; `colour` adds ANSI colours to verdicts.
std::string to_terminal(const Table& table, bool colour);

/// Writes table.json and table.md into `folder`, each whole; `name` replaces "table" where a run has several.
void write_table(const std::filesystem::path& folder, const Table& table, const std::string& name = "table");

}  // namespace warpvae

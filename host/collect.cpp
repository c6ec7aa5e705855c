// collect: the statements of all four papers on one page, from the runs that `make reproduce` has made. What no run
// says anything of is NOT RUN, with the reason.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>

#include "data/files.h"
#include "host/core/program_end.h"
#include "host/experiment/findings.h"
#include "host/experiment/statements.h"
#include "host/experiments/equivae/results.h"
#include "host/experiments/geometry/results.h"
#include "host/experiments/invariance/results.h"
#include "host/experiments/spatial/results.h"
#include "host/programs.h"
#include "host/show/format.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

struct Paper {
    const char *program, *name;
    std::vector<Statement> all;  ///< that it makes, none of them run
};
std::vector<Paper> papers() {
    return {{"invariance", "Mills (2024)", invariance_statements({}, invariance_table({}, {}, "mnist"))},
            {"spatial", "Vivé", spatial_statements({}, "mnist")},
            {"equivae", "Feige (2019)", equivae_statements({}, "mnist")},
            {"geometry", "Pește, Malagò and Sârbu (2017)", geometry_claims({}, {})}};
}

/// Of the run in OUT/PROGRAM; where it has none yet, all of the paper's with what OUT/PROGRAM.reason says.
std::vector<Statement> statements_of(const fs::path& out, const Paper& paper) {
    const fs::path file = out / paper.program / "statements.json",
                   reason = out / (paper.program + std::string(".reason"));
    const std::string why = fs::exists(reason) ? read_file(reason) : "";
    std::vector<Statement> statements = fs::exists(file) ? read_statements(file) : paper.all;
    for (Statement& statement : statements) {
        statement.paper = paper.name;
        if (!statement.tested && !why.empty()) statement.reason += " " + why.substr(0, why.find('\n'));
    }
    return statements;
}

std::vector<std::string> row_of_cell(const Statement& s) {
    const Measured& m = s.measured;
    const std::size_t n = m.values.size();
    const std::string ours = n == 0 ? "" : formatted("%.4f", m.mean()) + (n > 1 ? formatted(" ± %.4f", m.std()) : "");
    return {s.id.substr(0, s.id.find(':')) + ", " + s.text, m.paper ? formatted("%.4f", *m.paper) : "", ours,
            n ? std::to_string(n) : "", verdict_text(verdict_of(s))};
}

void add_section(Report& report, const fs::path& out, const Paper& paper, const std::vector<Statement>& statements) {
    report.section(paper.name);
    const fs::path page = fs::path(paper.program) / "report.html";
    if (fs::exists(out / page)) report.paragraph("All tables and figures: `" + page.string() + "`.");
    const auto on_others =
        std::ranges::find_if(statements, [](const Statement& s) { return s.tested && s.dataset != "mnist"; });
    if (on_others != statements.end() && !on_others->dataset.empty())
        report.paragraph("Measured on " + on_others->dataset +
                         ", not on the paper's MNIST: verdicts say whether a "
                         "sentence is true of these images too, and no number of the paper is beside them.");
    std::vector<std::vector<std::string>> cells;
    for (const Statement& s : statements) {
        if (is_cell(s)) {
            cells.push_back(row_of_cell(s));
            continue;
        }
        std::string evidence = numbers_of(s.measured) + s.reason;
        if (!s.rule.empty()) evidence += " Rule: " + s.rule + ".";
        report.claim(s.id + ": " + s.text, verdict_of(s), evidence);
    }
    if (!cells.empty()) report.table({"cell of a table", "paper", "ours", "seeds", "verdict"}, cells);
}

/// What the runs' findings.json hold, each with its picture. A report writes them, and another command may since have
/// measured the run's statements with other settings or images.
void add_all_findings(Report& report, const fs::path& out, const std::vector<Paper>& papers,
                      const std::vector<std::vector<Statement>>& statements) {
    report.section("What none of the papers could say");
    report.paragraph("Statements of our own, each from the same models as the tables, with the numbers of each seed.");
    for (std::size_t i = 0; i < papers.size(); ++i) {
        const fs::path file = out / papers[i].program / "findings.json";
        if (!fs::exists(file)) continue;
        const std::vector<Statement> findings = read_statements(file);
        const auto is_of = [&](const Statement& s) { return s.origin == findings[0].origin; };
        if (findings.empty() || std::ranges::any_of(statements[i], is_of))
            add_findings(report, out / papers[i].program, findings);
        else
            report.paragraph(std::string(papers[i].program) +
                             "'s were found with other settings, images or an earlier version than its statements: run "
                             "its report again.");
    }
}

std::string counted(const std::vector<Statement>& all, Verdict verdict) {
    return std::to_string(
        std::count_if(all.begin(), all.end(), [&](const auto& s) { return verdict_of(s) == verdict; }));
}

void collect(const fs::path& out) {
    if (!fs::is_directory(out))
        throw UsageError(out.string() + " is no folder: name the one that make reproduce wrote");
    const std::vector<Paper> all_papers = papers();
    std::vector<std::vector<Statement>> of_paper;
    std::vector<Statement> all;
    for (const Paper& paper : all_papers) {
        of_paper.push_back(statements_of(out, paper));
        all.insert(all.end(), of_paper.back().begin(), of_paper.back().end());
    }
    write_statements(out, "", all);
    Report report("Four papers, statement by statement", "What each says, what was measured, and whether it holds");
    report.highlights({{"hold", counted(all, Verdict::holds)},
                       {"do not hold", counted(all, Verdict::fails)},
                       {"not run", counted(all, Verdict::untested)}});
    report.paragraph(agreement_rule());
    for (std::size_t i = 0; i < all_papers.size(); ++i) add_section(report, out, all_papers[i], of_paper[i]);
    add_all_findings(report, out, all_papers, of_paper);
    report.write(out / "index.html");
    std::printf("%s hold, %s do not hold, %s were not run: %s\n", counted(all, Verdict::holds).c_str(),
                counted(all, Verdict::fails).c_str(), counted(all, Verdict::untested).c_str(),
                (out / "index.html").c_str());
}

}  // namespace

int CollectProgram::main(int argc, char** argv) {
    return run_program("collect", [&] {
        if (argc != 2 || argv[1][0] == '-') throw UsageError("usage: collect DIR, the folder of make reproduce");
        collect(argv[1]);
    });
}

std::unique_ptr<CollectProgram> collect_program() { return std::make_unique<CollectProgram>(); }

}  // namespace warpvae

#include "host/experiments/equivae/results.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "host/experiment/presentation.h"
#include "host/experiment/statements.h"
#include "host/mean.h"
#include "host/show/format.h"

namespace warpvae {
namespace {

constexpr const char* kPaper = "Feige (2019)";
constexpr const char* kAbsent = "NOT RUN (data absent)";

using Score = std::optional<double> EquivaeReplica::*;

// Verbatim, in percent: mean and standard error of five trials.
struct PaperScore {
    double mean, error;
};
struct SupervisedRow {
    const char* dataset;
    const char* technique;
    Score score;
    PaperScore paper;
};
const SupervisedRow kTable1[] = {
    {"mnist", "benchmark CNN", &EquivaeReplica::benchmark, {0.84, 0.03}},
    {"mnist", "EQUIVAE, net on f_inv(x)", &EquivaeReplica::neural, {0.82, 0.03}},
    {"mnist", "EQUIVAE, distance of f_inv(x)", &EquivaeReplica::distance, {0.82, 0.05}},
    {"svhn", "benchmark CNN", &EquivaeReplica::benchmark, {10.04, 0.14}},
    {"svhn", "EQUIVAE, net on f_inv(x)", &EquivaeReplica::neural, {11.97, 0.34}},
    {"svhn", "EQUIVAE, distance of f_inv(x)", &EquivaeReplica::distance, {12.30, 0.28}},
};
struct SemiRow {
    const char* dataset;
    int labels;
    PaperScore equivae, benchmark;
};
constexpr SemiRow kTable2[] = {
    {"mnist", 100, {8.90, 0.70}, {21.91, 0.66}},  {"mnist", 600, {3.99, 0.17}, {6.64, 0.35}},
    {"mnist", 1000, {3.34, 0.17}, {5.43, 0.31}},  {"mnist", 3000, {2.23, 0.14}, {2.96, 0.11}},
    {"svhn", 1000, {37.95, 0.66}, {39.64, 1.47}}, {"svhn", 3000, {24.95, 0.57}, {25.50, 0.91}},
};
// Differences that count as none: three of the paper's standard errors, which are 1.5 of its deviations over trials; of
// the supervised MNIST scores, about 0.8 %, 0.18 points at least.
constexpr double kStatedErrors = 3, kSupervisedSlack = 0.0018;

Table errors_table(const std::string& title, const std::string& dataset) {
    Table table = empty_table(kPaper, title, dataset, 2);
    table.percent = true;
    return table;
}

/// Of one row: they share all but the seed.
using Members = std::vector<const EquivaeReplica*>;

std::vector<double> values_of(const Members& members, Score score) {
    std::vector<double> values;
    for (const EquivaeReplica* r : members)
        if (r->*score) values.push_back(*(r->*score));
    return values;
}

std::vector<Members> rows_of(const std::vector<EquivaeReplica>& replicas, EquivaeKind kind) {
    std::vector<Members> rows = by_group(replicas);
    std::erase_if(rows, [kind](const Members& members) { return members[0]->kind != kind; });
    return rows;
}

Cell scored(const char* test, const Members& members, Score score, const PaperScore* paper, double slack = 0) {
    const std::vector<double> values = values_of(members, score);
    Cell cell = measured_cell(test, values, paper ? std::optional(paper->mean / 100) : std::nullopt);
    if (!paper) return cell;
    cell.paper_error = paper->error / 100;
    cell.tolerance = std::max(slack, kStatedErrors * cell.paper_error);
    return cell;
}

std::string shown_name(const std::string& dataset) {
    return dataset == "mnist" ? "MNIST" : dataset == "svhn" ? "SVHN" : dataset;
}
std::string run_of(const Members& members) {
    return members.empty() ? kAbsent : formatted("%d-d, %d epochs", members[0]->latents, members[0]->epochs);
}

}  // namespace

Table equivae_supervised_table(const std::vector<EquivaeReplica>& replicas, const std::string& dataset) {
    Table table = errors_table("Table 1: supervised error rates", dataset);
    const auto add = [&](const std::string& set, const SupervisedRow& row, const PaperScore* paper) {
        const std::vector<Members> absent(1);
        const auto rows = set == dataset ? rows_of(replicas, EquivaeKind::kSupervised) : absent;
        for (const Members& members : rows)
            table.rows.push_back({{{"data", shown_name(set)}, {"technique", row.technique}, {"run", run_of(members)}},
                                  {scored("error", members, row.score, paper, kSupervisedSlack)}});
    };
    if (dataset != "mnist" && dataset != "svhn")
        for (std::size_t i = 0; i < 3; ++i) add(dataset, kTable1[i], nullptr);
    for (const SupervisedRow& row : kTable1) add(row.dataset, row, &row.paper);
    return table;
}

Table equivae_semi_table(const std::vector<EquivaeReplica>& replicas, const std::string& dataset) {
    Table table = errors_table("Table 2: semi-supervised error rates", dataset);
    std::set<int> judged;  // numbers of labels: one benchmark stands beside models of several weights, and counts once
    for (const Members& members : rows_of(replicas, EquivaeKind::kSemiSupervised)) {
        const EquivaeReplica& first = *members[0];
        const SemiRow* paper = nullptr;
        for (const SemiRow& row : kTable2)
            if (row.dataset == dataset && row.labels == first.labels) paper = &row;
        table.rows.push_back(
            {{{"data", shown_name(dataset)},
              {"labels", first.labels},
              {"mixing", first.mixing_text()},
              {"run", run_of(members)}},
             {scored("EQUIVAE", members, &EquivaeReplica::classifier, paper ? &paper->equivae : nullptr),
              scored("benchmark, converged", members, &EquivaeReplica::benchmark, paper ? &paper->benchmark : nullptr),
              scored("benchmark, as many passes", members, &EquivaeReplica::short_benchmark, nullptr)}});
        if (!judged.insert(first.labels).second) table.rows.back().cells[1].tolerance.reset();
    }
    for (const SemiRow& row : kTable2) {
        if (row.dataset == dataset) continue;
        if (row.dataset == std::string("mnist") && dataset != "svhn") continue;  // another set stands in for it
        table.rows.push_back(
            {{{"data", shown_name(row.dataset)}, {"labels", row.labels}, {"mixing", "-"}, {"run", kAbsent}},
             {scored("EQUIVAE", {}, {}, &row.equivae), scored("benchmark, converged", {}, {}, &row.benchmark)}});
    }
    return table;
}

Table equivae_latents_table(const std::vector<EquivaeReplica>& replicas, const std::string& dataset) {
    Table table = empty_table(kPaper, "What the latents carry, beyond the paper", dataset);
    const std::pair<const char*, Score> scores[] = {{"active of v", &EquivaeReplica::active_units},
                                                    {"error by distance", &EquivaeReplica::distance},
                                                    {"error by bound", &EquivaeReplica::likelihood},
                                                    {"they agree", &EquivaeReplica::agreement},
                                                    {"class from f_inv(x)", &EquivaeReplica::probe_r},
                                                    {"class from v", &EquivaeReplica::probe_v},
                                                    {"class from draws of v", &EquivaeReplica::probe_v_sample}};
    for (const Members& members : by_group(replicas)) {
        Row row{{{"model", members[0]->group()}, {"epochs", members[0]->epochs}},
                {cell_over("validation nll", members, &EquivaeReplica::validation_nll),
                 cell_over("validation KL", members, &EquivaeReplica::validation_kl)}};
        for (Cell& cell : counted_nats_cells(members, &EquivaeReplica::latent_kl)) {
            cell.test = "v " + cell.test;
            row.cells.push_back(std::move(cell));
        }
        for (const auto& [name, score] : scores)
            if (const auto values = values_of(members, score); !values.empty())
                row.cells.push_back(measured_cell(name, values));
        table.rows.push_back(row);
    }
    return table;
}

std::vector<Statement> equivae_claims(const std::vector<EquivaeReplica>& replicas) {
    std::vector<Statement> claims;
    // Of the supervised replicas that have both scores: whether most pass `test`, and the means of both, in percent.
    const auto supervised = [&](const char* name, const char* statement, auto test, const char* format, Score a,
                                Score b) {
        int good = 0;
        std::vector<double> of_a, of_b;  // in percent
        for (const EquivaeReplica& r : replicas) {
            if (r.kind != EquivaeKind::kSupervised || !(r.*a) || !(r.*b)) continue;
            good += test(*(r.*a), *(r.*b));
            of_a.push_back(100 * *(r.*a)), of_b.push_back(100 * *(r.*b));
        }
        const std::string evidence = formatted(format, mean_of(of_a), mean_of(of_b));
        std::vector<double> both = of_a;
        for (std::size_t i = 0; i < both.size(); ++i) both[i] -= of_b[i];
        claims.push_back(
            judged(name, statement, evidence, good, int(of_a.size()), {"the first minus the second, points", both}));
    };
    supervised(
        "F1", "The nearest r_y classifies as well as a net on f_inv(x): error rates within 0.2 points.",
        [](double a, double b) { return std::abs(a - b) < 0.002; }, "Error %.2f %% by distance, %.2f %% by a net.",
        &EquivaeReplica::distance, &EquivaeReplica::neural);
    supervised(
        "F2", "f_inv, never trained to classify, does as well as the benchmark CNN: within 0.3 points.",
        [](double a, double b) { return std::abs(a - b) < 0.003; },
        "Error %.2f %% by distance, %.2f %% by the benchmark.", &EquivaeReplica::distance, &EquivaeReplica::benchmark);
    supervised(
        "F3",
        "p(y|x) from the bound of log p(x, y) is roughly the distance classifier: error rates within 0.5 "
        "points.",
        [](double a, double b) { return std::abs(a - b) < 0.005; }, "Error %.2f %% by distance, %.2f %% by the bound.",
        &EquivaeReplica::distance, &EquivaeReplica::likelihood);
    supervised(
        "F4",
        "The class is in r and not in v: a linear probe reads 95 % or more from f_inv(x), and less than a third from "
        "draws of v (the means also show what the posterior's noise buries).",
        [](double a, double b) { return a > 0.95 && b < 1. / 3; },
        "Accuracy %.1f %% from f_inv(x), %.1f %% from draws of v (chance is 10 %%).", &EquivaeReplica::probe_r,
        &EquivaeReplica::probe_v_sample);
    supervised(
        "F4b", "Nor is the class in the means of v: a linear probe reads less than a third from them.",
        [](double, double b) { return b < 1. / 3; },
        "Accuracy %.1f %% from f_inv(x), %.1f %% from means of v (chance is 10 %%).", &EquivaeReplica::probe_r,
        &EquivaeReplica::probe_v);
    const auto divergence = [&](const char* name, const char* statement, EquivaeKind kind, bool used) {
        int good = 0, seen = 0;
        std::vector<double> kl;
        for (const EquivaeReplica& r : replicas)
            if (r.kind == kind) {
                ++seen, good += used ? r.validation_kl > 1 : r.validation_kl < 1;
                kl.push_back(r.validation_kl);
            }
        const char* format = used ? "KL %.1f nats on validation images." : "KL %.2f nats on validation images.";
        claims.push_back(
            judged(name, statement, formatted(format, mean_of(kl)), good, seen, {"divergence of v, nats", kl}));
        claims.back().rule = (used ? "above 1 nat" : "below 1 nat") + std::string(" in more than half of the seeds");
    };
    divergence("F5", "v is used: its divergence from the prior does not vanish.", EquivaeKind::kSupervised, true);
    const auto against = [&](const char* name, const char* statement, Score benchmark) {
        int good = 0, seen = 0;
        std::vector<double> leads;
        std::string evidence;
        for (const EquivaeReplica& r : replicas)
            if (r.kind == EquivaeKind::kSemiSupervised && r.classifier && r.*benchmark) {
                ++seen, good += *r.classifier < *(r.*benchmark);
                leads.push_back(100 * (*(r.*benchmark) - *r.classifier));
                if (evidence.size() < 250)
                    evidence +=
                        formatted("%s%d labels %s: %.2f against %.2f %%", evidence.empty() ? "" : "; ", r.labels,
                                  r.mixing_text().c_str(), 100 * *r.classifier, 100 * *(r.*benchmark));
            }
        claims.push_back(
            judged(name, statement, evidence + ".", good, seen, {"lead over the benchmark, points", leads}, "models"));
    };
    against(
        "F6",
        "With few labels EQUIVAE beats the benchmark trained on the labelled images alone, until that has converged "
        "(the paper does not say for how long).",
        &EquivaeReplica::benchmark);
    against("F6b",
            "It beats the same benchmark trained for as many passes over the labelled images as EQUIVAE makes over the "
            "unlabelled ones.",
            &EquivaeReplica::short_benchmark);
    divergence("F7", "Unsupervised, with r from the image itself, v is left unused.", EquivaeKind::kUnsupervised,
               false);
    return claims;
}

namespace {

bool has_row(const Table& table, const std::string& data, const char* key, const Json& value) {
    return std::any_of(table.rows.begin(), table.rows.end(), [&](const Row& row) {
        return row.keys.at("data") == data && row.keys.at(key) == value && row.cells[0].paper;
    });
}

Row absent_row(const std::string& data, const char* key, const Json& value, std::vector<Cell> cells) {
    return {{{"data", data}, {key, value}, {"run", "NOT RUN"}}, std::move(cells)};
}

/// And the rows of the paper that the run has no models for.
Table with_absent_supervised(Table table) {
    for (const SupervisedRow& row : kTable1)
        if (const std::string data = shown_name(row.dataset); !has_row(table, data, "technique", row.technique))
            table.rows.push_back(absent_row(data, "technique", row.technique,
                                            {scored("error", {}, row.score, &row.paper, kSupervisedSlack)}));
    return table;
}
Table with_absent_semi(Table table) {
    for (const SemiRow& row : kTable2)
        if (const std::string data = shown_name(row.dataset); !has_row(table, data, "labels", row.labels))
            table.rows.push_back(absent_row(
                data, "labels", row.labels,
                {scored("EQUIVAE", {}, {}, &row.equivae), scored("benchmark, converged", {}, {}, &row.benchmark)}));
    return table;
}

}  // namespace

std::vector<Statement> equivae_statements(const std::vector<EquivaeReplica>& replicas, const std::string& dataset) {
    std::vector<Statement> statements = equivae_claims(replicas);
    for (const Table& table : {with_absent_supervised(equivae_supervised_table(replicas, dataset)),
                               with_absent_semi(equivae_semi_table(replicas, dataset))})
        for (Statement& cell : statements_of(table)) statements.push_back(std::move(cell));
    return statements;
}

}  // namespace warpvae

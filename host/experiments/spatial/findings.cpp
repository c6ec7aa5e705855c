// What Vivé could not say: S3 to S5.
#include <algorithm>
#include <cmath>

#include "host/experiment/findings.h"
#include "host/experiment/presentation.h"
#include "host/experiments/spatial/results.h"
#include "host/show/format.h"

namespace warpvae {
namespace {

constexpr std::size_t kSampled = 0;  // of kFeatureKinds
constexpr double kFew = 0.2;         // of the draws that count in importance sampling

std::string input_name(const char* title, int latents) {
    return std::string(title) + " (" + std::to_string(latents) + ")";
}

/// Holds where it is so in most of the rows that `measured` has a number of; there are no seeds to test it over.
Statement of_most(const char* id, const char* text, std::string reason, std::ptrdiff_t good, Measured measured,
                  std::string rule) {
    Statement s{.id = id, .text = text, .reason = std::move(reason)};
    s.tested = !measured.values.empty();
    s.holds = 2 * std::size_t(good) > measured.values.size();
    s.rule = std::move(rule);
    if (s.tested)
        s.measured = std::move(measured);
    else
        s.reason = "This run has no such row.";
    return s;
}

/// Test accuracy of a published row of principal components, with both centres.
struct CentredRow {
    int components = 0;
    double paper = 0, own = 0, fitted = 0;
};
std::vector<CentredRow> centred_rows(const FixedScores& fixed, PcaCentre centre) {
    std::vector<CentredRow> rows;
    for (const auto& [key, score] : fixed) {
        const auto paper = spatial_table1(key.first, key.second);
        if (key.first != SpatialRow::kPca || !paper || std::isnan(score.test_other_centre)) continue;
        const bool is_own = centre == PcaCentre::kOwn;
        rows.push_back({key.second, paper->test, is_own ? score.test : score.test_other_centre,
                        is_own ? score.test_other_centre : score.test});
    }
    return rows;
}

Statement published_centre(const std::vector<CentredRow>& rows) {
    std::string reason;
    std::vector<double> nearer;
    for (const CentredRow& row : rows) {
        nearer.push_back(100 * (std::abs(row.fitted - row.paper) - std::abs(row.own - row.paper)));
        reason +=
            formatted("PCA(%d): published %.2f, %.2f with the test set's own mean, %.2f with the training set's. ",
                      row.components, 100 * row.paper, 100 * row.own, 100 * row.fitted);
    }
    const auto good = std::count_if(nearer.begin(), nearer.end(), [](double gain) { return gain > 0; });
    return of_most("S3", "The published rows of PCA centre the test images with their own mean, not the training set's",
                   reason, good,
                   {"how much nearer the test set's own mean comes to the paper, points, of each row", nearer},
                   "nearer in most of the published rows; nothing is trained or drawn");
}

/// Of a row of likelihood_table(); NaN where it has no such cell.
double cell_of(const Row& row, const std::string& name) {
    for (const Cell& cell : row.cells)
        if (cell.test == name) return cell.mean;
    return NAN;
}
std::string model_of(const Row& row) {
    return input_name(row.keys.at("model").get<std::string>().c_str(), row.keys.at("latents").get<int>());
}

Statement draws_of_the_prior(const Table& likelihood) {
    std::vector<double> shares;
    std::string reason;
    for (const Row& row : likelihood.rows) {
        const double ours = cell_of(row, "ESS, q"), naive = cell_of(row, "ESS, prior");
        if (std::isnan(ours) || std::isnan(naive)) continue;
        shares.push_back(naive / ours);
        reason +=
            formatted("%s: %.1f of the prior's draws count, %.0f of as many of q; the gap is %.1f and %.1f nats. ",
                      model_of(row).c_str(), naive, ours, cell_of(row, "gap, prior"), cell_of(row, "gap, q"));
    }
    const auto good = std::count_if(shares.begin(), shares.end(), [](double share) { return share < kFew; });
    return of_most("S4", "A gap of the bound found by sampling the prior hangs on few draws, and may come out below 0",
                   reason, good, {"effective sample size of the prior's draws over that of q's, of each model", shares},
                   formatted("below %.1f in most of the models", kFew));
}

/// Deviation over seeds of one model's cross-validated accuracy on samples, and the mean deviation over its folds.
struct Spread {
    std::string model;
    double seeds = 0, folds = 0;
    std::optional<double> paper = {};  ///< its deviation over folds
};
std::vector<Spread> spreads_of(const std::vector<SpatialReplica>& replicas) {
    std::vector<Spread> spreads;
    const std::vector<SpatialReplica> best = best_restarts(replicas);
    for (const auto& members : by_group(best)) {
        const SpatialReplica& first = *members[0];
        const auto score = [](auto* r) { return r->svm[kSampled].cv_mean; };
        const Cell of_seeds = cell_over("", members, score);
        if (of_seeds.n < 2 || std::isnan(of_seeds.mean)) continue;
        Spread& spread = spreads.emplace_back(Spread{input_name(title_of(first).c_str(), first.config.latents)});
        spread.seeds = of_seeds.std;
        spread.folds = cell_over("", members, [](auto* r) { return r->svm[kSampled].cv_std; }).mean;
        if (const auto paper = spatial_table1(first.model, first.config.latents); paper && first.is_of_tables())
            spread.paper = paper->cv_std;
    }
    return spreads;
}

Statement what_plus_minus_is(const std::vector<Spread>& spreads) {
    double seeds = 0, folds = 0;
    std::vector<double> ratios;
    std::string largest;
    double most = 0;
    for (const Spread& s : spreads) {
        seeds += s.seeds * s.seeds, folds += s.folds * s.folds;
        ratios.push_back(s.seeds / s.folds);
        if (ratios.back() > most) most = ratios.back(), largest = s.model;
    }
    Statement s{.id = "S5",
                .text =
                    "The published ± is over folds of one training and says little of another one: models of other "
                    "seeds lie further apart",
                .reason = "It takes two seeds at least."};
    s.rule = "over all models the root mean square deviation over seeds is larger than that over folds";
    if (spreads.empty()) return s;
    s.tested = true;
    s.holds = seeds > folds;
    s.measured = {"deviation over seeds over that of the folds, of each model", ratios};
    const double n = double(spreads.size());
    s.reason = formatted("%.2f points over seeds, %.2f over folds; the most for %s, %.1f times.",
                         100 * std::sqrt(seeds / n), 100 * std::sqrt(folds / n), largest.c_str(), most);
    return s;
}

// --- pictures --------------------------------------------------------------------------------------------------------

void draw_centres(const std::filesystem::path& path, const std::vector<CentredRow>& rows) {
    ComparisonSeries own{"the test set's own mean", {}}, fitted{"the training set's mean", {}};
    for (const CentredRow& row : rows) {
        const std::string label = input_name("PCA", row.components);
        own.points.push_back({label, 100 * row.own, 0, 100 * row.paper});
        fitted.points.push_back({label, 100 * row.fitted, 0, 100 * row.paper});
    }
    comparison_plot(path,
                    {.title = "Test accuracy of a linear SVM on principal components; diamonds: published",
                     .x = "input",
                     .y = "percent"},
                    {own, fitted});
}

void draw_gaps(const std::filesystem::path& path, const Table& likelihood) {
    std::vector<ComparisonSeries> series;
    for (const auto& [column, name] : {std::pair<const char*, const char*>{"KL to prior", "KL(q || prior)"},
                                       {"gap, q", "gap by importance sampling"},
                                       {"gap, prior", "gap by sampling the prior"}}) {
        ComparisonSeries& bars = series.emplace_back(ComparisonSeries{name, {}});
        for (const Row& row : likelihood.rows) bars.points.push_back({model_of(row), cell_of(row, column), 0, {}});
    }
    comparison_plot(path, {.title = "How far the bound lies below log p(x)", .x = "model", .y = "nats per image"},
                    series);
}

void draw_spreads(const std::filesystem::path& path, const std::vector<Spread>& spreads) {
    ComparisonSeries folds{"over nine folds of one training (diamonds: published)", {}}, seeds{"over seeds", {}};
    for (const Spread& s : spreads) {
        const auto paper = s.paper ? std::optional<double>(100 * *s.paper) : std::nullopt;
        folds.points.push_back({s.model, 100 * s.folds, 0, paper});
        seeds.points.push_back({s.model, 100 * s.seeds, 0, {}});
    }
    comparison_plot(path, {.title = "Deviation of the cross-validated accuracy", .x = "model", .y = "points"},
                    {folds, seeds});
}

}  // namespace

std::vector<Finding> spatial_findings(const SpatialResults& run, PcaCentre centre, const std::string& dataset) {
    std::vector<Finding> findings;
    if (const auto rows = centred_rows(run.fixed, centre); dataset == "mnist") {
        findings.push_back({published_centre(rows)});
        if (!rows.empty()) findings.back().draw = [rows](const auto& picture) { draw_centres(picture, rows); };
    }
    const Table& likelihood = run.likelihood;
    findings.push_back({draws_of_the_prior(likelihood)});
    if (!likelihood.rows.empty())
        findings.back().draw = [likelihood](const auto& picture) { draw_gaps(picture, likelihood); };
    const auto spreads = spreads_of(run.replicas);
    findings.push_back({what_plus_minus_is(spreads)});
    if (!spreads.empty()) findings.back().draw = [spreads](const auto& picture) { draw_spreads(picture, spreads); };
    return findings;
}

}  // namespace warpvae

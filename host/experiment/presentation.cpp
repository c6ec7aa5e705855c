#include "host/experiment/presentation.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>

#include "cuda/device/device.h"
#include "data/files.h"
#include "host/core/phase.h"
#include "host/experiment/own_images.h"
#include "host/experiment/statements.h"
#include "host/files/metrics_log.h"
#include "host/show/format.h"

namespace warpvae {
namespace {

bool is_of(const FigureFile& figure, const std::string& prefix) {
    return figure.path.filename().string().starts_with(prefix);
}

}  // namespace

Table empty_table(const std::string& paper, const std::string& title, const std::string& dataset, int decimals) {
    Table table{paper, title, dataset, device_name(), {}};
    table.decimals = decimals;
    return table;
}

Table measured_part(Table table) {
    for (Row& row : table.rows)
        std::erase_if(row.cells, [](const Cell& cell) { return !cell.paper && !std::isfinite(cell.mean); });
    std::erase_if(table.rows, [](const Row& row) { return row.cells.empty(); });
    return table;
}

void show_table(const std::filesystem::path& folder, const Table& table, const std::string& name) {
    if (table.rows.empty()) return;
    write_table(folder, table, name);
    std::cout << to_terminal(table, isatty(1)) << '\n' << std::flush;
}

void print_claims(const std::string& heading, const std::vector<Statement>& claims) {
    std::printf("%s\n", heading.c_str());
    for (const Statement& claim : claims)
        std::printf("  %s %-9s %s\n               %s\n", claim.id.c_str(),
                    !claim.tested ? "untested:"
                    : claim.holds ? "holds:"
                                  : "fails:",
                    claim.text.c_str(), claim.reason.c_str());
}

void print_figures(const std::vector<FigureFile>& figures) {
    for (const FigureFile& figure : figures) std::printf("%s\n", figure.path.c_str());
}

void append(std::vector<FigureFile>& all, const std::vector<FigureFile>& more) {
    all.insert(all.end(), more.begin(), more.end());
}

std::string measured(const std::string& authors, const Experiment& experiment) {
    const int seeds = experiment.options().seeds;
    const DataSet& data = experiment.data();
    return authors + ", measured on " + data.name + (data.is_own ? " (" + set_line(data) + ")" : "") + ", " +
           std::to_string(seeds) + (seeds == 1 ? " seed, " : " seeds, ") + device_name();
}

void finish(Report& report, const Experiment& experiment) {
    report.section("Settings");
    report.key_values(experiment.run().settings.resolved());
    const std::filesystem::path path = experiment.out() / "report.html";
    const InPhase phase(Phase::kFiles);
    report.write(path);
    std::printf("report: %s\n", path.c_str());
}

void Drawings::add_sheet(const std::string& name, const ImageGrid& sheet, std::string caption) {
    sheet.write(path(name));
    add(name, std::move(caption));
}

void Drawings::add_lines(const std::string& name, const Axes& axes, const std::vector<Series>& lines,
                         std::string caption) {
    if (!lines.empty() && line_plot(path(name), axes, lines)) add(name, std::move(caption));
}

void Drawings::add_curves(const std::string& name, const std::string& title, const std::string& y,
                          const std::vector<Series>& lines, std::string caption) {
    Axes axes = half_width(title, "epoch", y);
    axes.integer_x = true;
    add_lines(name, axes, lines, std::move(caption));
}

void add_claims(Report& report, const std::vector<Statement>& claims) {
    for (const Statement& claim : claims) report.claim(claim.id + ". " + claim.text, verdict_of(claim), claim.reason);
}

void add_section(Report& report, const std::string& heading, const std::string& text, const Table& table,
                 const std::vector<FigureFile>& figures, const std::vector<std::string>& prefixes,
                 Report::Width width) {
    const bool any_figure = std::any_of(figures.begin(), figures.end(), [&](const FigureFile& figure) {
        return std::any_of(prefixes.begin(), prefixes.end(), [&](const auto& prefix) { return is_of(figure, prefix); });
    });
    if (table.rows.empty() && !any_figure) return;
    report.section(heading);
    if (!text.empty()) report.paragraph(text);
    if (!table.rows.empty()) report.table(table);
    for (const std::string& prefix : prefixes) add_figures(report, figures, prefix, width);
}

void add_figures(Report& report, const std::vector<FigureFile>& figures, const std::string& prefix,
                 Report::Width width) {
    for (const FigureFile& figure : figures)
        if (is_of(figure, prefix)) report.figure(read_file(figure.path), figure.caption, width);
}

std::string holding(const std::vector<Statement>& claims) {
    const auto count = [&](bool Statement::*is) {
        return std::count_if(claims.begin(), claims.end(),
                             [&](const Statement& claim) { return claim.tested && claim.*is; });
    };
    return std::to_string(count(&Statement::holds)) + " of " + std::to_string(count(&Statement::tested));
}

Fit paper_fit(const Table& table, const std::string& features) {
    Fit fit;
    for (const Row& row : table.rows)
        for (const Cell& cell : row.cells) {
            if (row.keys.value("features", "") != features || !cell.paper || !cell.verdict()) continue;
            const double distance = std::abs(cell.mean - *cell.paper);
            fit.mean_distance += distance;
            fit.largest_distance = std::max(fit.largest_distance, distance);
            fit.within_tolerance += cell.verdict() == Agreement::kAgrees;
            ++fit.cells;
        }
    if (fit.cells) fit.mean_distance /= fit.cells;
    return fit;
}

FeatureFits::FeatureFits(const Table& table, FeatureKind otherwise)
    : sample(paper_fit(table, name_of(FeatureKind::kSample))),
      mean(paper_fit(table, name_of(FeatureKind::kMean))),
      headline(!has_paper()                                 ? otherwise
               : sample.mean_distance <= mean.mean_distance ? FeatureKind::kSample
                                                            : FeatureKind::kMean),
      other(headline == FeatureKind::kSample ? FeatureKind::kMean : FeatureKind::kSample) {}

std::string FeatureFits::told() const {
    return formatted(
        "Samples of q(z|x) lie %.1f points from the paper's cells on average (%d of %d within tolerance), means %.1f "
        "points (%d of %d).",
        100 * sample.mean_distance, sample.within_tolerance, sample.cells, 100 * mean.mean_distance,
        mean.within_tolerance, mean.cells);
}

void add_highlights(Report& report, std::size_t models, const Fit& fit, const std::vector<Statement>& claims) {
    Report::Pairs numbers = {{"models trained", std::to_string(models)}};
    if (fit.cells) {
        numbers.push_back({"trained cells that agree", formatted("%d of %d", fit.within_tolerance, fit.cells)});
        numbers.push_back({"mean distance from the paper", formatted("%.1f points", 100 * fit.mean_distance)});
    }
    numbers.push_back({"claims that hold", holding(claims) + " tested"});
    report.highlights(numbers);
}

void print_fit(const Table& table, const std::string& features) {
    const Fit fit = paper_fit(table, features);
    if (fit.cells)
        std::printf("%-6s features: %2d of %d cells agree with the paper, mean distance %.4f, largest %.4f\n",
                    features.c_str(), fit.within_tolerance, fit.cells, fit.mean_distance, fit.largest_distance);
}

Curves read_curves(const Experiment& experiment, const std::set<std::string>& replicas,
                   const std::vector<std::string>& terms) {
    const std::string& test_images = experiment.run().test_images;
    const bool of_test = terms.front().starts_with("test_");
    Curves curves;
    for (const Json& line : MetricsLog(experiment.out() / "metrics.jsonl").read()) {
        if (of_test && line.value("test_images", test_images) != test_images) continue;
        const std::string replica = line.value("replica", "");
        if (!replicas.contains(replica)) continue;
        double sum = 0;
        for (const std::string& term : terms) {
            const auto at = line.find(term);
            sum += at != line.end() && at->is_number() ? at->get<double>() : NAN;
        }
        curves[replica.substr(0, replica.find("-seed"))][line.value("epoch", 0)].push_back(sum);
    }
    return curves;
}

void add_point(Series& series, double x, const Cell& cell) {
    series.x.push_back(x);
    series.y.push_back(cell.mean);
    series.std.push_back(cell.n > 1 ? cell.std : 0);
}

std::vector<Series> series_of(const Curves& curves) {
    std::vector<Series> all;
    for (const auto& [model, epochs] : curves) {
        Series series{model, {}, {}, {}};
        for (const auto& [epoch, values] : epochs) add_point(series, epoch, values);
        all.push_back(std::move(series));
    }
    return all;
}

Axes half_width(const std::string& title, const std::string& x, const std::string& y) {
    return {.title = title, .x = x, .y = y, .width = 900, .height = 600};
}

}  // namespace warpvae

// Parts of what every program prints and of every report: tables, claims with their verdicts, the fit to the paper,
// learning curves.
#pragma once
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "host/core/phase.h"
#include "host/evaluate/elbo.h"
#include "host/evaluate/features.h"
#include "host/evaluate/statement.h"
#include "host/experiment/experiment.h"
#include "host/show/figure_file.h"
#include "host/show/image_grid.h"
#include "host/show/plot.h"
#include "host/show/report.h"
#include "host/show/table.h"

namespace warpvae {

/// Without rows yet, of this device.
Table empty_table(const std::string& paper, const std::string& title, const std::string& dataset, int decimals = 4);
/// Of each member of a row its `value`: a member pointer or a function.
template <class M, class V>
std::vector<double> values_over(const std::vector<M>& members, V value) {
    std::vector<double> values;
    for (const M& member : members) values.push_back(double(std::invoke(value, member)));
    return values;
}
template <class M, class V>
Cell cell_over(const std::string& test, const std::vector<M>& members, V value, std::optional<double> paper = {}) {
    return measured_cell(test, values_over(members, value), paper);
}
/// How many latents' divergence is above each of kCountedNats, of the members whose `latent_kl` (ElboSummary's) is
/// known.
template <class M, class V>
std::vector<Cell> counted_nats_cells(const std::vector<M>& members, V latent_kl) {
    std::vector<Cell> cells;
    for (const double nats : kCountedNats) {
        std::vector<double> counts;
        for (const M& member : members)
            if (const std::optional<std::vector<double>>& kl = std::invoke(latent_kl, member))
                counts.push_back(latents_above(*kl, nats));
        if (!counts.empty()) cells.push_back(measured_cell("above " + number_text(nats) + " nats", counts));
    }
    return cells;
}
/// Without the cells that were not measured and have no paper's value beside them, and without rows that have no
/// others: what needs labels, of images that have none.
Table measured_part(Table table);
/// Writes `name`.json and .md into the run's folder and prints the table; nothing for a table without rows.
void show_table(const std::filesystem::path& folder, const Table& table, const std::string& name = "table");
void print_claims(const std::string& heading, const std::vector<Statement>& claims);
void print_figures(const std::vector<FigureFile>& figures);
void append(std::vector<FigureFile>& all, const std::vector<FigureFile>& more);

/// "Mills (2024), measured on mnist, 3 seeds, the device's name": under a report's title.
std::string measured(const std::string& authors, const Experiment& experiment);
/// Adds the run's settings, writes report.html into its folder and says so.
void finish(Report& report, const Experiment& experiment);

/// What a run draws: PNG files in its folder's figures/, each with what it shows. While one lives, the run draws.
class Drawings {
  public:
    explicit Drawings(const Experiment& experiment) : folder_(experiment.out() / "figures") {}
    std::filesystem::path path(const std::string& name) const { return folder_ / (name + ".png"); }
    void add(const std::string& name, std::string caption) { files.push_back({path(name), std::move(caption)}); }
    void add_sheet(const std::string& name, const ImageGrid& sheet, std::string caption);
    /// Draws lines; nothing where there are none, or no gnuplot.
    void add_lines(const std::string& name, const Axes& axes, const std::vector<Series>& lines, std::string caption);
    /// Lines by epoch, half as wide as the report.
    void add_curves(const std::string& name, const std::string& title, const std::string& y,
                    const std::vector<Series>& lines, std::string caption);

    std::vector<FigureFile> files;

  private:
    const InPhase phase_{Phase::kFigures};
    const std::filesystem::path folder_;
};

void add_claims(Report& report, const std::vector<Statement>& claims);
/// A section of a table, if it has rows, and of the figures whose files' names begin with one of `prefixes`; nothing
/// where there is neither.
void add_section(Report& report, const std::string& heading, const std::string& text, const Table& table,
                 const std::vector<FigureFile>& figures = {}, const std::vector<std::string>& prefixes = {},
                 Report::Width width = Report::Width::half);
/// Those whose file's name begins so.
void add_figures(Report& report, const std::vector<FigureFile>& figures, const std::string& prefix,
                 Report::Width width);
/// "3 of 4": of those that are tested.
std::string holding(const std::vector<Statement>& claims);

/// How well measured cells fit the paper's, of the rows whose key "features" is `features`.
struct Fit {
    double mean_distance = 0, largest_distance = 0;  ///< in units of the cells
    int within_tolerance = 0, cells = 0;             ///< of those judged
};
Fit paper_fit(const Table& table, const std::string& features);
/// What a paper's classifier read of q(z|x) may be open: the fits of both kinds of feature, and which is better.
struct FeatureFits {
    /// `otherwise` is the better kind where the paper has no such cells.
    FeatureFits(const Table& table, FeatureKind otherwise);
    bool has_paper() const { return sample.cells > 0; }
    const Fit& best() const { return headline == FeatureKind::kSample ? sample : mean; }
    /// Both fits, as a sentence.
    std::string told() const;
    Fit sample, mean;
    FeatureKind headline, other;
};
/// A report's large numbers: models, cells that agree and how far they lie, claims that hold.
void add_highlights(Report& report, std::size_t models, const Fit& fit, const std::vector<Statement>& claims);
/// One line: how many cells agree and how far they lie.
void print_fit(const Table& table, const std::string& features);

/// metrics.jsonl of a run: of each model (a replica's name without its seed) the sum of some numbers of a line, by
/// epoch, over seeds. Of these replicas: the run may have others, of other settings.
using Curves = std::map<std::string, std::map<int, std::vector<double>>>;
Curves read_curves(const Experiment& experiment, const std::set<std::string>& replicas,
                   const std::vector<std::string>& terms);
/// Their names.
template <class R>
std::set<std::string> names_of(const std::vector<R>& replicas) {
    std::set<std::string> names;
    for (const R& replica : replicas) names.insert(replica.name());
    return names;
}
/// One more point of a line: mean and deviation over seeds.
void add_point(Series& series, double x, const Cell& cell);
inline void add_point(Series& series, double x, const std::vector<double>& values) {
    add_point(series, x, measured_cell("", values));
}
std::vector<Series> series_of(const Curves& curves);
/// Axes of a figure that takes half the report's width: two stand side by side.
Axes half_width(const std::string& title, const std::string& x, const std::string& y);

}  // namespace warpvae

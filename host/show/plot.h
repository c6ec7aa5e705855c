// Line, scatter and comparison plots as PNG: the one door to gnuplot, which is looked for in PATH when a plot is drawn.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace warpvae {

struct Axes {
    std::string title, x, y;  // labels; UTF-8, drawn as they are
    bool log_x = false, log_y = false;
    bool integer_x = false;          // tics at whole numbers only: epochs
    int width = 1400, height = 820;  // letters keep their size: 900 x 600 for a figure of half the page
};

/// One line; with `std` (as long as y) a band of one standard deviation lies behind it. Points that are not finite, or
/// not positive on a logarithmic axis, are left out. Series of one `colour` look related; -1: each its own.
struct Series {
    std::string name;
    std::vector<double> x, y, std;
    int colour = -1;
    bool dashed = false;
};

/// One category's values; `paper` is drawn as a hollow diamond beside the measured point and its error bar.
struct ComparisonPoint {
    std::string label;
    double mean = 0, std = 0;
    std::optional<double> paper;
};

/// A colour; the categories of all series are the labels in order of first appearance.
struct ComparisonSeries {
    std::string name;
    std::vector<ComparisonPoint> points;
};

/// Every plot returns true once `path` is written (whole), and false, with nothing written, if there is no gnuplot:
/// the first one warns of it.
/// Throws Error naming the file if gnuplot fails or the file cannot be written.
bool line_plot(const std::filesystem::path& path, const Axes& axes, const std::vector<Series>& series);

/// x, y [N], classes [N], one colour each (of more than ten the colours begin anew), one key entry for each class
/// that occurs, unless they are more than twenty.
bool scatter_plot(const std::filesystem::path& path, const Axes& axes, std::span<const float> x,
                  std::span<const float> y, std::span<const std::uint8_t> classes);

/// One small plot of several: points and, where `diagonal`, the line y = x. The points' ranges are one square then.
struct Panel {
    std::string title, x, y;  ///< labels
    std::vector<double> at_x, at_y;
    bool diagonal = false;
};
/// Panels row by row, `columns` in a row; of axes: title, width and height, all panels together.
bool scatter_panels(const std::filesystem::path& path, const Axes& axes, const std::vector<Panel>& panels, int columns);

bool comparison_plot(const std::filesystem::path& path, const Axes& axes, const std::vector<ComparisonSeries>& series);

}  // namespace warpvae

#include "host/show/plot.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "data/files.h"
#include "host/log.h"
#include "host/show/format.h"

extern char** environ;

namespace warpvae {
namespace {

namespace fs = std::filesystem;

// Ten colours that stay apart for colour-blind readers and in print; classes 0 to 9, or the first series.
constexpr const char* kColours[] = {"#3b6fb6", "#e07b39", "#3a9a5c", "#c8423f", "#8562b5",
                                    "#8c6450", "#d770ad", "#6f7680", "#b5a62b", "#2fa9bd"};
constexpr int kColourCount = 10;

/// A folder of our own under the system's temporary one, removed at the end.
struct ScratchFolder {
    fs::path path;
    ScratchFolder() {
        std::string name = (scratch_folder() / "warpvae-plot-XXXXXX").string();
        if (!::mkdtemp(name.data())) throw Error("cannot make a folder " + name + ": " + std::strerror(errno));
        path = name;
    }
    ~ScratchFolder() {
        std::error_code ignored;
        fs::remove_all(path, ignored);
    }
    ScratchFolder(const ScratchFolder&) = delete;
    ScratchFolder& operator=(const ScratchFolder&) = delete;
};

/// Runs gnuplot on the script in `folder`; its output and complaints go to files there. -1: there is no gnuplot.
int run_gnuplot(const fs::path& folder) {
    const std::string script = folder / "script", output = folder / "output", complaints = folder / "complaints";
    const std::array<const char*, 4> arguments{"gnuplot", "--default-settings", script.c_str(), nullptr};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_addopen(&actions, 2, complaints.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    pid_t child = 0;
    const int error =
        ::posix_spawnp(&child, "gnuplot", &actions, nullptr, const_cast<char* const*>(arguments.data()), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error) return -1;
    int status = 0;
    while (::waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) return 1;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) != 127 ? WEXITSTATUS(status) : WIFEXITED(status) ? -1 : 1;
}

[[noreturn]] void cannot_draw(const fs::path& path, const std::string& why) {
    throw Error("cannot draw " + path.string() + ": " + why);
}

bool draw(const fs::path& path, const std::string& script) {
    const ScratchFolder folder;
    write_file(folder.path / "script", script);
    const int status = run_gnuplot(folder.path);
    if (status < 0) {
        [[maybe_unused]] static const bool once = (log_warning("no gnuplot in PATH, so no plots"), true);
        return false;
    }
    const std::string png = read_file(folder.path / "output");
    if (status != 0 || !png.starts_with("\x89PNG")) {
        std::string said = read_file(folder.path / "complaints");
        std::replace(said.begin(), said.end(), '\n', ' ');
        cannot_draw(path, "gnuplot ended with status " + std::to_string(status) + ": " + said.substr(0, 300));
    }
    write_file(path, png);
    return true;
}

/// Text as gnuplot's single-quoted string, which knows no escapes but a doubled quote.
std::string gnuplot_string(const std::string& text) {
    std::string out = "'";
    for (const char c : text) {
        if (c == '\'') out += '\'';
        out += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
    }
    return out + "'";
}

std::string number(double value) { return formatted("%.9g", value); }

std::string colour(std::size_t i) { return std::string("rgb '") + kColours[i % kColourCount] + "'"; }

/// Terminal, fonts and grid: the look that all plots share. `font` is the size of letters.
std::string terminal(const Axes& axes, int font = 19) {
    const std::string size = std::to_string(axes.width) + "," + std::to_string(axes.height);
    return "if (strstrt(GPVAL_TERMINALS, 'pngcairo') > 0) { set terminal pngcairo noenhanced rounded size " + size +
           " font 'DejaVu Sans," + std::to_string(font) + "' background rgb '#ffffff' } else { set terminal png " +
           "noenhanced size " + size + " font 'DejaVu Sans," + std::to_string(font * 4 / 5) +
           "' }\n"
           "set encoding utf8\n"
           "set border 3 linewidth 1.4 linecolor rgb '#8a93a3'\n"
           "set tics nomirror scale 0.5 textcolor rgb '#4a5263'\n"
           "set grid x y linetype 1 linewidth 1 linecolor rgb '#e7eaf0'\n"
           "set xlabel textcolor rgb '#2a303c'\n"
           "set ylabel textcolor rgb '#2a303c' offset -0.5,0\n";
}

/// The same with the key, the title and the labels of a plot that has the sheet to itself.
std::string preamble(const Axes& axes) {
    std::string out = terminal(axes) +
                      "set key outside right center vertical Left reverse noenhanced samplen 1.6 spacing 1.35 "
                      "textcolor rgb '#2a303c'\n"
                      "set tmargin 3.4\n"
                      "set style fill transparent solid 0.16 noborder\n";
    out += "set label 1 " + gnuplot_string(axes.title) +
           " at graph 0, graph 1 left offset 0, 1.3 font ',24' textcolor rgb '#171b24'\n";
    out += "set xlabel " + gnuplot_string(axes.x) + "\nset ylabel " + gnuplot_string(axes.y) + "\n";
    if (axes.log_x) out += "set logscale x\n";
    if (axes.log_y) out += "set logscale y\n";
    return out;
}

/// What gnuplot is told where there is no point at all.
std::string nothing_to_draw(const Axes& axes) {
    Axes linear = axes;
    linear.log_x = linear.log_y = false;
    return preamble(linear) +
           "set label 2 'no finite values' at graph 0.5, 0.5 center textcolor rgb '#8a93a3'\n"
           "set xrange [0:1]\nset yrange [0:1]\nplot NaN notitle\n";
}

bool has_place(const Axes& axes, double x, double y) {
    return std::isfinite(x) && std::isfinite(y) && !(axes.log_x && x <= 0) && !(axes.log_y && y <= 0);
}

struct Range {
    double low = INFINITY, high = -INFINITY;
    void add(double v) {
        low = std::min(low, v);
        high = std::max(high, v);
    }
};

/// Points as lines of a data block, and where they lie.
struct Points {
    std::string lines;
    Range x, y;
    void add(double at_x, double at_y, const std::string& more = "") {
        x.add(at_x), y.add(at_y);
        lines += number(at_x) + " " + number(at_y) + more + "\n";
    }
};

/// An axis ('x' or 'y') over a range, with some room.
std::string range_of(const char* axis, Range r) {
    const double room = r.high > r.low ? 0.04 * (r.high - r.low) : 1;
    return std::string("set ") + axis + "range [" + number(r.low - room) + ":" + number(r.high + room) + "]\n";
}

/// Tics of an axis at 1, 2 or 5 times a power of ten, three to eight of them: a panel has no room for more.
std::string few_tics(const char* axis, Range r) {
    const double room = std::max(r.high - r.low, 1e-300) / 3, power = std::pow(10, std::floor(std::log10(room)));
    const double step = power * (room >= 5 * power ? 5 : room >= 2 * power ? 2 : 1);
    return std::string("set ") + axis + "tics " + number(r.high > r.low ? step : 1) + "\n";
}

/// Data blocks and the plot command that draws them.
struct Script {
    std::string data, plot;
    int blocks = 0;

    std::string block(const std::string& lines) {
        const std::string name = "$block" + std::to_string(blocks++);
        data += name + " << END\n" + lines + "END\n";
        return name;
    }
    void add(const std::string& what) { plot += (plot.empty() ? "plot " : ", \\\n  ") + what; }
    std::string whole(const std::string& head) const { return data + head + plot + "\n"; }
};

}  // namespace

bool line_plot(const fs::path& path, const Axes& axes, const std::vector<Series>& series) {
    Script script;
    Range x_range;
    std::vector<std::pair<std::string, std::string>> lines;  // block, style
    for (std::size_t s = 0; s < series.size(); s++) {
        const Series& one = series[s];
        const std::string ink = colour(one.colour < 0 ? s : std::size_t(one.colour));
        if (one.x.size() != one.y.size() || (!one.std.empty() && one.std.size() != one.y.size())) {
            cannot_draw(path, "series " + one.name + " has columns of different lengths");
        }
        Points points;
        std::string band;
        for (std::size_t i = 0; i < one.x.size(); i++) {
            const double x = one.x[i], y = one.y[i];
            if (!has_place(axes, x, y)) continue;
            x_range.add(x);
            points.add(x, y);
            if (one.std.empty() || !std::isfinite(one.std[i])) continue;
            const double low = axes.log_y ? std::max(y - one.std[i], y * 1e-3) : y - one.std[i];
            band += number(x) + " " + number(low) + " " + number(y + one.std[i]) + "\n";
        }
        if (points.lines.empty()) continue;
        if (!band.empty())
            script.add(script.block(band) + " using 1:2:3 with filledcurves linecolor " + ink + " notitle");
        const bool single = std::count(points.lines.begin(), points.lines.end(), '\n') == 1;
        lines.emplace_back(script.block(points.lines),
                           std::string(" using 1:2 with ") +
                               (single ? "points pointtype 7 pointsize 1.4" : "lines linewidth 3") +
                               (one.dashed && !single ? " dashtype (9, 5)" : "") + " linecolor " + ink + " title " +
                               gnuplot_string(one.name));
    }
    for (const auto& [block, style] : lines) script.add(block + style);  // above every band
    if (lines.empty()) return draw(path, nothing_to_draw(axes));
    std::string head = preamble(axes);
    if (series.size() == 1) head += "unset key\n";
    if (x_range.high > x_range.low) {
        head += "set xrange [" + number(x_range.low) + ":" + number(x_range.high) + "]\n";
    } else if (!axes.log_x) {
        head += "set xrange [" + number(x_range.low - 1) + ":" + number(x_range.high + 1) + "]\n";
    }
    if (axes.integer_x) {
        const double step = std::max(1.0, std::ceil((x_range.high - x_range.low) / 10));
        head += "set xtics " + number(step) + "\n";
    }
    return draw(path, script.whole(head));
}

bool scatter_plot(const fs::path& path, const Axes& axes, std::span<const float> x, std::span<const float> y,
                  std::span<const std::uint8_t> classes) {
    if (x.size() != y.size() || x.size() != classes.size()) {
        cannot_draw(path, "its x, y and classes have different lengths");
    }
    // All points are one block in the order they came, so no class is drawn over all others.
    Points points;
    std::array<bool, 256> seen{};
    for (std::size_t i = 0; i < x.size(); i++) {
        if (!has_place(axes, x[i], y[i])) continue;
        seen[classes[i]] = true;
        points.add(x[i], y[i], " " + std::to_string(std::stoul(kColours[classes[i] % kColourCount] + 1, nullptr, 16)));
    }
    if (points.lines.empty()) return draw(path, nothing_to_draw(axes));
    Script script;
    const double count = double(x.size());
    const double size = std::clamp(1.6 - 0.3 * std::log10(count + 1), 0.35, 1.2);
    script.add(script.block(points.lines) + " using 1:2:3 with points pointtype 7 pointsize " + number(size) +
               " linecolor rgb variable notitle");
    const bool has_key = std::ranges::count(seen, true) <= 2 * kColourCount;  // of more no key tells them apart
    for (std::size_t c = 0; c < seen.size(); c++) {
        if (seen[c] && has_key) {
            script.add("NaN with points pointtype 7 pointsize 1.6 linecolor " + colour(c) + " title " +
                       gnuplot_string(std::to_string(c)));
        }
    }
    std::string head = preamble(axes);
    if (!axes.log_x) head += range_of("x", points.x);
    if (!axes.log_y) head += range_of("y", points.y);
    return draw(path, script.whole(head));
}

bool scatter_panels(const fs::path& path, const Axes& axes, const std::vector<Panel>& panels, int columns) {
    if (panels.empty() || columns < 1) return draw(path, nothing_to_draw(axes));
    const std::size_t across = std::size_t(columns), down = (panels.size() + across - 1) / across;
    Script script;  // its data come first: gnuplot takes none within a multiplot
    std::string plots;
    for (const Panel& panel : panels) {
        if (panel.at_x.size() != panel.at_y.size())
            cannot_draw(path, "panel " + panel.title + " has columns of different lengths");
        Points points;
        for (std::size_t i = 0; i < panel.at_x.size(); i++)
            if (std::isfinite(panel.at_x[i]) && std::isfinite(panel.at_y[i])) points.add(panel.at_x[i], panel.at_y[i]);
        plots += "set title " + gnuplot_string(panel.title) + " textcolor rgb '#171b24'\nset xlabel " +
                 gnuplot_string(panel.x) + "\nset ylabel " + gnuplot_string(panel.y) + "\n";
        if (points.lines.empty()) {
            plots += "set xrange [0:1]\nset yrange [0:1]\nset xtics 1\nset ytics 1\nplot NaN notitle\n";
            continue;
        }
        if (panel.diagonal) {
            points.x.add(points.y.low);
            points.x.add(points.y.high);
            points.y = points.x;
        }
        plots += range_of("x", points.x) + few_tics("x", points.x) + range_of("y", points.y) + few_tics("y", points.y) +
                 "plot ";
        if (panel.diagonal) plots += "x with lines linewidth 1.5 linecolor rgb '#8a93a3' notitle, ";
        const double size = std::clamp(1.4 - 0.3 * std::log10(double(panel.at_x.size()) + 1), 0.3, 1.0);
        plots += script.block(points.lines) + " using 1:2 with points pointtype 7 pointsize " + number(size) +
                 " linecolor rgb '#a03b6fb6' notitle\n";  // half transparent
    }
    const std::string head = terminal(axes, 15) + "unset key\nset multiplot layout " + std::to_string(down) + "," +
                             std::to_string(columns) + " title " + gnuplot_string(axes.title) +
                             " font ',20' textcolor rgb '#171b24' noenhanced\n";
    return draw(path, script.whole(head + plots + "unset multiplot\n"));
}

bool comparison_plot(const fs::path& path, const Axes& axes, const std::vector<ComparisonSeries>& series) {
    std::vector<std::string> labels;
    for (const ComparisonSeries& one : series) {
        for (const ComparisonPoint& point : one.points) {
            if (std::find(labels.begin(), labels.end(), point.label) == labels.end()) labels.push_back(point.label);
        }
    }
    Script script;
    bool any_paper = false;
    for (std::size_t s = 0; s < series.size(); s++) {
        // Series of one category stand side by side; the paper's mark stands just left of the measured one.
        const double offset = (double(s) - 0.5 * double(series.size() - 1)) * 0.7 / double(series.size());
        const double beside = 0.14 / double(series.size());
        std::string measured, paper;
        for (const ComparisonPoint& point : series[s].points) {
            const auto label = std::find(labels.begin(), labels.end(), point.label) - labels.begin();
            const double x = double(label) + offset;
            if (std::isfinite(point.mean)) {
                measured += number(x + beside) + " " + number(point.mean) + " " +
                            number(std::isfinite(point.std) ? point.std : 0) + "\n";
            }
            if (point.paper && std::isfinite(*point.paper))
                paper += number(x - beside) + " " + number(*point.paper) + "\n";
        }
        any_paper |= !paper.empty();
        if (!paper.empty()) {
            script.add(script.block(paper) +
                       " using 1:2 with points pointtype 12 pointsize 1.9 linewidth 2 linecolor " + colour(s) +
                       " notitle");
        }
        if (!measured.empty()) {
            script.add(script.block(measured) + " using 1:2:3 with yerrorbars pointtype 7 pointsize 1.3 linewidth 2 " +
                       "linecolor " + colour(s) + " title " + gnuplot_string(series[s].name));
        }
    }
    if (script.plot.empty()) return draw(path, nothing_to_draw(axes));
    if (any_paper) {
        script.add("NaN with points pointtype 7 pointsize 1.3 linecolor rgb '#4a5263' title 'measured ± std'");
        script.add("NaN with points pointtype 12 pointsize 1.9 linewidth 2 linecolor rgb '#4a5263' title 'paper'");
    }
    std::string head = preamble(axes);
    std::size_t letters = 0;
    for (const std::string& label : labels) letters += label.size() + 2;
    const bool turned = int(letters) * 12 > axes.width * 7 / 10;
    head += std::string("set xtics ") + (turned ? "rotate by -35 left " : "") + "(";
    for (std::size_t i = 0; i < labels.size(); i++)
        head += (i ? ", " : "") + gnuplot_string(labels[i]) + " " + std::to_string(i);
    head += ")\nset grid noxtics\nset bars 0.5\nset xrange [-0.6:" + number(double(labels.size()) - 0.4) + "]\n";
    // Thin lines between categories instead of a grid through them.
    for (std::size_t i = 1; i < labels.size(); i++) {
        const std::string x = number(double(i) - 0.5);
        head +=
            "set arrow from first " + x + ", graph 0 to first " + x + ", graph 1 nohead back linecolor rgb '#e7eaf0'\n";
    }
    return draw(path, script.whole(head));
}

}  // namespace warpvae

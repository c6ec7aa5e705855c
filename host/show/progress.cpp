#include "host/show/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <iostream>

#include "host/show/format.h"

namespace warpvae {
namespace {

constexpr double kRedrawSeconds = 0.1, kLineSeconds = 10;
constexpr int kBarColumns = 28, kLeastBarColumns = 6;
constexpr char kClearLine[] = "\r\033[K";

bool is_terminal() {
    const char* term = std::getenv("TERM");
    return ::isatty(STDERR_FILENO) == 1 && (!term || std::strcmp(term, "dumb") != 0);
}

int terminal_columns() {
    winsize size{};
    return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

double steady_seconds() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Three significant digits, thousands as k, M, G.
std::string short_number(double value) {
    constexpr const char* kSuffix[] = {"", "k", "M", "G", "T"};
    std::size_t i = 0;
    for (; std::abs(value) >= 999.5 && i + 1 < std::size(kSuffix); i++) value /= 1000;
    const char* const format = value >= 99.95 || value == std::floor(value) ? "%.0f%s"
                               : value >= 9.995                             ? "%.1f%s"
                                                                            : "%.2f%s";
    return formatted(format, value, kSuffix[i]);
}

/// "1.5k steps", "2.3 MB"
std::string amount(double value, const std::string& unit) {
    std::string text = short_number(value);
    if (unit != "bytes") return text + " " + unit;
    if (!std::isalpha(static_cast<unsigned char>(text.back()))) return text + " B";
    const char suffix = text.back() == 'k' ? 'K' : text.back();
    text.back() = ' ';
    return text + suffix + "B";
}

/// The first `columns` characters of UTF-8 text.
std::string cut(const std::string& text, std::size_t columns) {
    std::size_t i = 0;
    for (std::size_t seen = 0; i < text.size(); i++) {
        if ((text[i] & 0xc0) != 0x80 && seen++ == columns) break;
    }
    return text.substr(0, i);
}

}  // namespace

std::string clock_time(double seconds) {
    const int whole = int(std::ceil(std::clamp(seconds, 0.0, 1e9)));
    if (whole >= 3600) return formatted("%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60);
    return formatted("%d:%02d", whole / 60, whole % 60);
}

Progress::Progress(Options options) : options_(std::move(options)) {
    if (!options_.out) options_.out = &std::cerr;
    if (!options_.terminal) options_.terminal = is_terminal();
    if (!options_.seconds) options_.seconds = steady_seconds;
    if (!options_.columns) options_.columns = terminal_columns;
    began_ = options_.seconds();
    // A bar appears with the first update, a line only after its ten seconds.
    drawn_ = *options_.terminal ? -HUGE_VAL : began_;
}

void Progress::update(std::int64_t done, std::string_view text) {
    done_ = options_.total > 0 ? std::min(done, options_.total) : done;
    if (options_.quiet) return;
    const double now = options_.seconds();
    if (now - drawn_ < (*options_.terminal ? kRedrawSeconds : kLineSeconds)) return;
    drawn_ = now;
    if (*options_.terminal) {
        *options_.out << kClearLine << bar(now, text) << std::flush;
        shown_ = true;
    } else {
        *options_.out << options_.label << (options_.label.empty() ? "" : "  ") << status(now, text) << std::endl;
    }
}

void Progress::finish() {
    if (shown_) *options_.out << kClearLine << std::flush;
    shown_ = false;
}

std::string Progress::status(double now, std::string_view text) const {
    std::string out;
    const auto add = [&](const std::string& part) { out += (out.empty() ? "" : "  ") + part; };
    if (options_.total > 0)
        add(formatted("%3d%%", int(done_ * 100.0 / double(options_.total))));
    else
        add(amount(double(done_), options_.unit));
    const double elapsed = now - began_, worked = double(done_ - options_.start);
    if (elapsed > 0 && worked > 0) {
        const double rate = worked / elapsed;
        add(amount(rate, options_.unit) + "/s");
        if (options_.total > 0) add(clock_time(double(options_.total - done_) / rate) + " left");
    }
    if (!text.empty()) add(std::string(text));
    return out;
}

std::string Progress::bar(double now, std::string_view text) const {
    // The last column stays free: some terminals wrap when it is written.
    const auto columns = std::size_t(std::max(options_.columns() - 1, 1));
    const std::string tail = status(now, text);
    std::string out = options_.label.empty() ? "" : options_.label + " ";
    const std::size_t used = display_width(out) + display_width(tail) + 1;
    if (options_.total > 0 && used + kLeastBarColumns <= columns) {
        const auto width = int(std::min<std::size_t>(kBarColumns, columns - used));
        const int halves = int(2.0 * width * double(done_) / double(options_.total));
        for (int i = 0; i < width; i++) out += 2 * i + 1 < halves ? "━" : 2 * i < halves ? "╸" : "─";
        out += " ";
    }
    return cut(out + tail, columns);
}

}  // namespace warpvae

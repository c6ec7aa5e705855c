// A progress bar for long work, on standard error: how far, how fast, how much longer, and one field of the caller's (a
// loss).
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

namespace warpvae {

/// On a terminal the bar is redrawn at most ten times a second and leaves an empty line behind; elsewhere (a file, a
/// pipe) a plain line follows at most every ten seconds; with `quiet` nothing is written. Not for several threads at
/// once.
class Progress {
  public:
    struct Options {
        std::string label;           // "epoch 3 of 10"
        std::int64_t total = 0;      // units of work; 0 where it is not known: no bar and no time left
        std::int64_t start = 0;      // already done before: a resumed run or download
        std::string unit = "steps";  // for the rate; "bytes" is shown as KB, MB, GB
        bool quiet = false;

        // For tests; the defaults are standard error, what it is connected to, a steady clock and its width.
        std::ostream* out = nullptr;
        std::optional<bool> terminal = {};
        std::function<double()> seconds = {};
        std::function<int()> columns = {};
    };

    explicit Progress(Options options);
    ~Progress() { finish(); }
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    /// `done` of `total` units; cheap enough to call at every step.
    void update(std::int64_t done, std::string_view text = "");
    /// Clears the bar. The destructor does so too.
    void finish();

  private:
    std::string status(double now, std::string_view text) const;
    std::string bar(double now, std::string_view text) const;

    Options options_;
    std::int64_t done_ = 0;
    double began_ = 0, drawn_ = 0;
    bool shown_ = false;
};

/// "0:07", "12:34", "3:05:00"
std::string clock_time(double seconds);

}  // namespace warpvae

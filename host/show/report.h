// One HTML page that holds a whole run: text, tables, claims and pictures, with nothing to load from anywhere.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/show/table.h"

namespace warpvae {

enum class Verdict { holds, fails, untested };

/// Parts appear in the order of the calls. All text is plain UTF-8 and is escaped here.
class Report {
  public:
    enum class Width { full, half };
    using Pairs = std::vector<std::pair<std::string, std::string>>;

    explicit Report(std::string title, std::string subtitle = "");

    /// A new heading, and an entry in the contents.
    void section(std::string_view heading);
    /// Text; a blank line starts a new paragraph, `backquotes` set code.
    void paragraph(std::string_view text);
    /// A few large numbers side by side: {"cells that agree", "28 of 32"}.
    void highlights(const Pairs& numbers);
    /// A list of settings.
    void key_values(const Pairs& pairs);
    /// The measured numbers beside the paper's, with verdicts.
    void table(const Table& table);
    /// Any other table: the first column is text, the others are numbers aligned to the right.
    void table(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows,
               std::string_view caption = "");
    /// A PNG, embedded. Figures of half width that follow each other stand side by side where there is room.
    void figure(std::string_view png, std::string_view caption, Width width = Width::full);
    /// A statement of the paper, whether it holds here, and the numbers that say so.
    void claim(std::string_view text, Verdict verdict, std::string_view evidence);

    std::string html() const;
    /// Writes the page whole. Throws Error naming the file.
    void write(const std::filesystem::path& path) const;

  private:
    enum class Run { none, figures, claims };  // neighbours of one kind share a box
    void begin(Run run);
    /// Names and values as a list of this CSS class; `entry` opens each.
    void list(const Pairs& pairs, const char* kind, const char* entry);

    std::string title_, subtitle_, body_;
    std::vector<std::string> sections_;
    Run run_ = Run::none;
};

}  // namespace warpvae

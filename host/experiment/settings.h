// The settings of a program, each declared once: its name, value, range and help, and what it decides. The command
// line, config.toml and what a checkpoint or a result depends on all come from this list.
#pragma once
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/error.h"
#include "host/experiment/setting_format.h"

namespace warpvae {

/// What changes with a setting. A setting may decide several.
enum Decides : unsigned {
    kNothing = 0,     ///< how the program works, where it writes, which models it trains
    kData = 1,        ///< the images; results depend on the images' digests, not on these names
    kTraining = 2,    ///< the weights
    kEvaluation = 4,  ///< what is read from trained weights
};

/// Names of settings and their values as text, in an order that is kept.
using Values = std::vector<std::pair<std::string, std::string>>;

struct Setting {
    /// Where the value comes from; a later one is never replaced by an earlier one.
    enum class Source { kDefault, kPreset, kConfig, kCommandLine };

    std::string name;    ///< without dashes: in config.toml, and on the command line
    std::string called;  ///< what its commands call it, where another setting has that name; empty: as `name`
    std::string was;     ///< what earlier versions called it in config.toml; empty: the same
    std::string before;  ///< what programs did before they had the setting; empty: they always had it
    std::string type, help, group;
    std::string wanted;  ///< what the value must be
    unsigned decides = kNothing;
    std::function<std::string()> text;                   ///< the value as config.toml has it
    std::function<bool(const std::string&)> try_assign;  ///< false, and nothing changed, if it is no such value
    bool is_flag = false;
    bool grows = false;                   ///< a run may be gone on with under another value (epochs)
    std::vector<std::string> commands;    ///< that take it; none: all
    std::vector<std::string> statements;  ///< that it decides, of one that decides kNothing else; "*": all
    Source source = Source::kDefault;

    /// Throws UsageError naming the setting and what it must be.
    void assign(const std::string& value, Source from);
    Setting& only(std::vector<std::string> of) {
        commands = std::move(of);
        return *this;
    }
    /// The setting is younger than some runs, which go on where its value is `what_was`: nothing depends on that one.
    Setting& came_as(std::string what_was) {
        before = std::move(what_was);
        return *this;
    }
    Setting& renamed_from(std::string earlier) {
        was = std::move(earlier);
        return *this;
    }
    /// On the command line it is this, with its own commands and no others.
    Setting& as(std::string word) {
        called = std::move(word);
        return *this;
    }
    /// It changes no model and no result that is kept, but what these statements say; "*": all of them.
    Setting& of_statements(std::vector<std::string> ids) {
        statements = std::move(ids);
        return *this;
    }
    const std::string& word() const { return called.empty() ? name : called; }
    Setting& may_grow() {
        grows = true;
        return *this;
    }
    bool is_of(std::string_view command) const;
};

class Settings {
  public:
    /// What follows stands under this heading in --help.
    void group(std::string heading) { group_ = std::move(heading); }

    template <class T>
    Setting& add(std::string name, T& value, unsigned decides, Format<T> format, std::string help) {
        Setting& s = add_named(std::move(name), decides, format.type, format.wanted, std::move(help));
        s.text = [&value, format] { return format.write(value); };
        s.try_assign = [&value, format](const std::string& text) {
            const std::optional<T> read = format.read(text);
            if (read) value = *read;
            return read.has_value();
        };
        return s;
    }
    /// Several values with commas between them; the same value twice is one, unless it is a sequence.
    template <class T>
    Setting& add(std::string name, std::vector<T>& list, unsigned decides, Format<T> format, std::string help,
                 bool is_sequence = false) {
        Setting& s = add_named(std::move(name), decides, format.type[0] == '{' ? "LIST of " + format.type : "LIST",
                               format.wanted + ", or several with commas between them", std::move(help));
        s.text = [&list, format] { return joined(list, format); };
        s.try_assign = [&list, format, is_sequence](const std::string& text) {
            std::vector<T> read;
            for (const std::string& part : split(text)) {
                const std::optional<T> value = format.read(part);
                if (!value) return false;
                if (is_sequence || std::find(read.begin(), read.end(), *value) == read.end()) read.push_back(*value);
            }
            list = std::move(read);
            return true;
        };
        return s;
    }
    /// The widths of layers: the same value may come twice.
    template <class T>
    Setting& add_sequence(std::string name, std::vector<T>& list, unsigned decides, Format<T> format,
                          std::string help) {
        return add(std::move(name), list, decides, std::move(format), std::move(help), true);
    }
    Setting& flag(std::string name, bool& value, unsigned decides, std::string help);

    std::deque<Setting>& all() { return settings_; }
    const std::deque<Setting>& all() const { return settings_; }
    /// Throws UsageError where there is none, with the name that may have been meant.
    Setting& at(std::string_view name);

    /// Assigns values that come from `where` (config.toml, --quick), except to settings that a later source has set.
    /// Throws UsageError naming `where` for a setting that is not known or a value that it cannot have.
    void apply(const Values& values, Setting::Source from, const std::string& where);

    /// The values of all settings that decide any of `what`. A replica's `own` values take the place of the lists that
    /// it is one of; an own value that is empty means that the setting does not matter to it, and one whose name is no
    /// setting's is added to what decides training.
    Values that_decide(unsigned what, const Values& own = {}) const;
    /// Those that decide this statement alone: "draws = 500, likelihood-images = 20".
    std::string of_statement(const std::string& id) const;
    /// Every setting with a value, for config.toml and the report.
    Values resolved() const;

  private:
    static std::vector<std::string> split(const std::string& text);
    template <class T>
    static std::string joined(const std::vector<T>& list, const Format<T>& format) {
        std::string out;
        for (const T& value : list) out += (out.empty() ? "" : ",") + format.write(value);
        return out;
    }
    Setting& add_named(std::string name, unsigned decides, std::string type, std::string wanted, std::string help);

    std::deque<Setting> settings_;  // references to its members stay valid
    std::string group_;
};

/// The first setting in which `found` differs from `expected`, as "learning-rate = 0.1, not 1"; empty if they agree.
std::string difference(const Values& expected, const Values& found, const std::vector<std::string>& except = {});

}  // namespace warpvae

// config.toml: every resolved setting of a run, written and read, such that `--config config.toml` runs it again. The
// one door to toml++.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace warpvae {

/// A setting's value as config.toml has it: a string, quoted, on one line. Throws Error where the text is not UTF-8,
/// which is all that TOML holds.
std::string toml_string(const std::string& text);

/// A setting as read: its values as a command line would have them, several for an array.
struct ConfigEntry {
    std::vector<std::string> tables;  ///< the names of the tables that it stands in, none at the top
    std::string key;
    std::vector<std::string> values;
};

/// All settings of a TOML text, in its order. Throws Error naming `name` and the line: not TOML, not UTF-8, or a value
/// that no option can have (a date, a list of tables).
std::vector<ConfigEntry> read_config(std::string_view text, const std::string& name);

}  // namespace warpvae

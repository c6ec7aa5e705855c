// config.toml: every resolved setting of a run, written and read, such that `--config config.toml` runs it again. The
// one door to toml++.
#pragma once
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace warpvae {

namespace toml {
std::string value(bool flag);
std::string value(std::int64_t number);
std::string value(std::uint64_t number);  // quoted where TOML's integers, of 64 bits with a sign, end
std::string value(double number);         // the shortest text that reads back as the same double
/// Quoted, all on one line. Throws Error where the text is not UTF-8, which is all that TOML holds.
std::string value(std::string_view text);
inline std::string value(const char* text) { return value(std::string_view(text)); }
inline std::string value(const std::string& text) { return value(std::string_view(text)); }
inline std::string value(float number) { return value(static_cast<double>(number)); }
template <std::integral T>
std::string value(T number) {
    if constexpr (std::is_signed_v<T>) return value(static_cast<std::int64_t>(number));
    return value(static_cast<std::uint64_t>(number));
}
template <class T>
std::string value(const std::vector<T>& list) {
    std::string out = "[";
    for (const T& item : list) out += (out.size() > 1 ? ", " : "") + value(item);
    return out + "]";
}
}  // namespace toml

/// Lines in the order of the calls. Keys are long option names without dashes.
class ConfigFile {
  public:
    /// A `#` line above what follows.
    ConfigFile& comment(std::string_view text);
    /// key = value. Throws Error on a key that is not of letters, digits, - and _, or that this table has already.
    template <class T>
    ConfigFile& set(std::string_view key, const T& value) {
        return set_text(key, toml::value(value));
    }
    /// Starts [name]: a subcommand's settings, or notes like [provenance] that a program ignores by
    /// `app.allow_config_extras(true)`.
    ConfigFile& table(std::string_view name);

    const std::string& text() const { return text_; }
    /// Written whole. Throws Error naming the file.
    void write(const std::filesystem::path& path) const;

  private:
    ConfigFile& set_text(std::string_view key, const std::string& value);

    std::string text_;
    std::vector<std::string> keys_, tables_;
};

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

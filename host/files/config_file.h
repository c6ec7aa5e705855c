// config.toml: every resolved setting of a run, such that `--config config.toml` runs it again.
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
std::string value(std::uint64_t number);
std::string value(double number);  // the shortest text that reads back as the same double
/// Quoted so that TOML and CLI11 2.1 read the same text. CLI11 2.1 knows no escapes and cuts values at '#': text with
/// '#', a control character or both kinds of quotes is right as TOML and for newer CLI11 only.
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

}  // namespace warpvae

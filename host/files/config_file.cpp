#include "host/files/config_file.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "data/files.h"

namespace warpvae {
namespace toml {

std::string value(bool flag) { return flag ? "true" : "false"; }

std::string value(std::int64_t number) { return std::to_string(number); }

std::string value(std::uint64_t number) { return std::to_string(number); }

std::string value(double number) {
    if (std::isnan(number)) return "nan";
    if (std::isinf(number)) return number > 0 ? "inf" : "-inf";
    char text[40];
    const auto end = std::to_chars(text, text + sizeof text, number).ptr;
    std::string out(text, end);
    if (out.find_first_of(".e") == out.npos) out += ".0";  // a TOML float has a point or an exponent
    return out;
}

std::string value(std::string_view text) {
    const auto control = [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; };
    const bool escapes = std::any_of(text.begin(), text.end(), control) || text.find('#') != text.npos;
    if (!escapes && text.find_first_of("\"\\") != text.npos && text.find('\'') == text.npos) {
        return "'" + std::string(text) + "'";  // a literal string: nothing is special inside
    }
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (control(c) || c == '#') {
            char code[8];
            std::snprintf(code, sizeof code, "\\u%04X", static_cast<unsigned>(static_cast<unsigned char>(c)));
            out += code;
        } else {
            out += c;
        }
    }
    return out + "\"";
}

}  // namespace toml

namespace {

void check_key(std::string_view key) {
    const bool bare = std::all_of(key.begin(), key.end(), [](unsigned char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    });
    if (key.empty() || !bare) throw Error("config key '" + std::string(key) + "' is not of letters, digits, - and _");
}

void claim(std::vector<std::string>& names, std::string_view name, const char* what) {
    if (std::find(names.begin(), names.end(), name) != names.end()) {
        throw Error(std::string("config ") + what + " '" + std::string(name) + "' is given twice");
    }
    names.emplace_back(name);
}

}  // namespace

ConfigFile& ConfigFile::comment(std::string_view text) {
    text_ += "# ";
    for (const char c : text) {
        if (c == '\n') {
            text_ += "\n# ";
        } else {
            text_ += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
        }
    }
    text_ += "\n";
    return *this;
}

ConfigFile& ConfigFile::table(std::string_view name) {
    check_key(name);
    claim(tables_, name, "table");
    keys_.clear();
    text_ += (text_.empty() ? "[" : "\n[") + std::string(name) + "]\n";
    return *this;
}

ConfigFile& ConfigFile::set_text(std::string_view key, const std::string& value) {
    check_key(key);
    claim(keys_, key, "key");
    text_ += std::string(key) + " = " + value + "\n";
    return *this;
}

void ConfigFile::write(const std::filesystem::path& path) const { write_file(path, text_); }

}  // namespace warpvae

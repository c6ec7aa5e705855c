#include "host/files/config_file.h"

#include <toml++/toml.h>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>
#include <string>

#include "data/files.h"

namespace warpvae {
namespace toml {

std::string value(bool flag) { return flag ? "true" : "false"; }

std::string value(std::int64_t number) { return std::to_string(number); }

std::string value(std::uint64_t number) {
    const std::string digits = std::to_string(number);
    return number > std::uint64_t(std::numeric_limits<std::int64_t>::max()) ? '"' + digits + '"' : digits;
}

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
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += {'\\', c};
        } else if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') {
            char code[8];
            std::snprintf(code, sizeof code, "\\u%04X", unsigned(static_cast<unsigned char>(c)));
            out += code;
        } else {
            out += c;
        }
    }
    out += '"';
    try {
        [[maybe_unused]] const ::toml::table read_back = ::toml::parse("text = " + out);
    } catch (const ::toml::parse_error&) {
        throw Error(out + " is not UTF-8, so config.toml cannot hold it: give the file or folder another name");
    }
    return out;
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
        if (c == '\n')
            text_ += "\n# ";
        else
            text_ += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
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

namespace {

/// Entries by line: toml++ keeps a table's keys in the order of the alphabet.
struct LinedEntry {
    ConfigEntry entry;
    ::toml::source_position begin;
};

[[noreturn]] void fail(const std::string& name, std::size_t line, std::string_view what) {
    std::string text = name + ", line " + std::to_string(line) + ": " + std::string(what);
    for (char& c : text)  // it may quote what it found: a line's end, say
        if (static_cast<unsigned char>(c) < ' ') c = ' ';
    throw Error(text);
}

std::string text_of(const ::toml::node& node, const std::string& key, const std::string& name) {
    if (const auto* text = node.as_string()) return text->get();
    if (const auto* number = node.as_integer()) return toml::value(number->get());
    if (const auto* number = node.as_floating_point()) return toml::value(number->get());
    if (const auto* flag = node.as_boolean()) return toml::value(flag->get());
    fail(name, node.source().begin.line, key + " is neither text, a number, true or false, nor a list of those");
}

void collect(const ::toml::table& table, const std::vector<std::string>& tables, const std::string& name,
             std::vector<LinedEntry>& out) {
    for (const auto& [key_of, node] : table) {
        const std::string key(key_of.str());
        if (const ::toml::table* inner = node.as_table()) {
            std::vector<std::string> names = tables;
            names.push_back(key);
            collect(*inner, names, name, out);
            continue;
        }
        ConfigEntry entry{tables, key, {}};
        if (const ::toml::array* list = node.as_array())
            for (const ::toml::node& item : *list) entry.values.push_back(text_of(item, key, name));
        else
            entry.values.push_back(text_of(node, key, name));
        out.push_back({std::move(entry), node.source().begin});
    }
}

}  // namespace

std::vector<ConfigEntry> read_config(std::string_view text, const std::string& name) {
    std::vector<LinedEntry> found;
    try {
        collect(::toml::parse(text), {}, name, found);
    } catch (const ::toml::parse_error& error) {
        fail(name, error.source().begin.line, error.description());
    }
    std::stable_sort(found.begin(), found.end(),
                     [](const LinedEntry& a, const LinedEntry& b) { return a.begin < b.begin; });
    std::vector<ConfigEntry> entries;
    for (LinedEntry& entry : found) entries.push_back(std::move(entry.entry));
    return entries;
}

}  // namespace warpvae

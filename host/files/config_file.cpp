#include "host/files/config_file.h"

#include <toml++/toml.h>
#include <algorithm>
#include <charconv>
#include <sstream>

#include "data/error.h"

namespace warpvae {
namespace {

/// Entries by line: toml++ keeps a table's keys in the order of the alphabet.
struct LinedEntry {
    ConfigEntry entry;
    toml::source_position begin;
};

[[noreturn]] void fail(const std::string& name, std::size_t line, std::string_view what) {
    std::string text = name + ", line " + std::to_string(line) + ": " + std::string(what);
    for (char& c : text)  // it may quote what it found: a line's end, say
        if (static_cast<unsigned char>(c) < ' ') c = ' ';
    throw Error(text);
}

std::string text_of(const toml::node& node, const std::string& key, const std::string& name) {
    if (const auto* text = node.as_string()) return text->get();
    if (const auto* number = node.as_integer()) return std::to_string(number->get());
    if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
    if (const auto* number = node.as_floating_point()) {
        char text[40];
        return {text, std::to_chars(text, text + sizeof text, number->get()).ptr};
    }
    fail(name, node.source().begin.line, key + " is neither text, a number, true or false, nor a list of those");
}

void collect(const toml::table& table, const std::vector<std::string>& tables, const std::string& name,
             std::vector<LinedEntry>& out) {
    for (const auto& [key_of, node] : table) {
        const std::string key(key_of.str());
        if (const toml::table* inner = node.as_table()) {
            std::vector<std::string> names = tables;
            names.push_back(key);
            collect(*inner, names, name, out);
            continue;
        }
        ConfigEntry entry{tables, key, {}};
        if (const toml::array* list = node.as_array())
            for (const toml::node& item : *list) entry.values.push_back(text_of(item, key, name));
        else
            entry.values.push_back(text_of(node, key, name));
        out.push_back({std::move(entry), node.source().begin});
    }
}

}  // namespace

std::string toml_string(const std::string& text) {
    std::ostringstream out;
    out << toml::toml_formatter(toml::value(text), toml::format_flags::allow_unicode_strings);
    if (toml::parse("text = " + out.str())["text"] != text)
        throw Error(out.str() + " is not UTF-8, so config.toml cannot hold it: give the file or folder another name");
    return out.str();
}

std::vector<ConfigEntry> read_config(std::string_view text, const std::string& name) {
    std::vector<LinedEntry> found;
    try {
        collect(toml::parse(text), {}, name, found);
    } catch (const toml::parse_error& error) {
        fail(name, error.source().begin.line, error.description());
    }
    std::stable_sort(found.begin(), found.end(),
                     [](const LinedEntry& a, const LinedEntry& b) { return a.begin < b.begin; });
    std::vector<ConfigEntry> entries;
    for (LinedEntry& entry : found) entries.push_back(std::move(entry.entry));
    return entries;
}

}  // namespace warpvae

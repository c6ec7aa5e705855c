#include "host/experiment/settings.h"

#include <array>

namespace warpvae {
namespace {

/// How many letters turn one word into the other.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
        }
    }
    return row[b.size()];
}

const std::string* value_of(const Values& values, const std::string& name) {
    for (const auto& [key, value] : values)
        if (key == name) return &value;
    return nullptr;
}

}  // namespace

std::string number_text(double x) {
    std::array<char, 40> text;
    const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), x);
    return {text.data(), end};
}

Format<double> number(Range64 range, std::string type) {
    const bool bounded = std::isfinite(range.high);
    std::string wanted = "a number";
    if (bounded)
        wanted += " from " + number_text(range.low) + " to " + number_text(range.high);
    else if (std::isfinite(range.low))
        wanted += (range.above ? " above " : " of at least ") + number_text(range.low);
    return {[=](const std::string& text) -> std::optional<double> {
                double value = 0;
                const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
                if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return {};
                if (value < range.low || value > range.high || (range.above && value == range.low)) return {};
                return value;
            },
            number_text, std::move(type), wanted};
}

Format<std::string> word(const std::vector<std::string>& words) {
    std::string names;
    for (const std::string& name : words) names += (names.empty() ? "" : ", ") + name;
    return {[words](const std::string& text) -> std::optional<std::string> {
                if (std::find(words.begin(), words.end(), text) == words.end()) return {};
                return text;
            },
            [](const std::string& value) { return value; }, "NAME", "one of " + names};
}

Format<std::string> any_text(std::string type) {
    return {[](const std::string& text) { return std::optional<std::string>(text); },
            [](const std::string& value) { return value; }, std::move(type), "a text"};
}

// --- one setting -----------------------------------------------------------------------------------------------------

void Setting::assign(const std::string& value, Source from) {
    if (from < source) return;
    if (!try_assign(value)) throw UsageError("--" + word() + " " + value + ": it must be " + wanted + " (see --help)");
    source = from;
}

bool Setting::is_of(std::string_view command) const {
    return commands.empty() || std::find(commands.begin(), commands.end(), command) != commands.end();
}

// --- the list --------------------------------------------------------------------------------------------------------

Setting& Settings::add_named(std::string name, unsigned decides, std::string type, std::string wanted,
                             std::string help) {
    Setting& s = settings_.emplace_back();
    s.name = std::move(name), s.decides = decides, s.type = std::move(type), s.wanted = std::move(wanted);
    s.help = std::move(help), s.group = group_;
    return s;
}

Setting& Settings::flag(std::string name, bool& value, unsigned decides, std::string help) {
    Setting& s =
        add(std::move(name), value, decides, one_of<bool>({{"true", true}, {"false", false}}), std::move(help));
    s.is_flag = true;
    return s;
}

Setting& Settings::at(std::string_view name) {
    const Setting* nearest = nullptr;
    for (Setting& s : settings_) {
        if (s.name == name || (!s.was.empty() && s.was == name)) return s;
        if (!nearest || distance(s.name, name) < distance(nearest->name, name)) nearest = &s;
    }
    const bool meant = nearest && distance(nearest->name, name) <= 2;
    throw UsageError("there is no setting \"" + std::string(name) + "\"" +
                     (meant ? ", is " + nearest->name + " meant?" : ""));
}

void Settings::apply(const Values& values, Setting::Source from, const std::string& where) {
    for (const auto& [name, value] : values) {
        try {
            at(name).assign(value, from);
        } catch (const UsageError& e) {
            throw UsageError(where + ": " + e.what());
        }
    }
}

Values Settings::that_decide(unsigned what, const Values& own) const {
    Values out;
    for (const Setting& s : settings_) {
        const std::string* replaced = value_of(own, s.name);
        if (!(s.decides & what) || (replaced && replaced->empty())) continue;
        const std::string value = replaced ? *replaced : s.text();
        if (s.before.empty() || value != s.before) out.emplace_back(s.name, value);
    }
    if (!(what & kTraining)) return out;
    for (const auto& [name, value] : own)
        if (!value.empty() &&
            std::none_of(settings_.begin(), settings_.end(), [&, &n = name](const Setting& s) { return s.name == n; }))
            out.emplace_back(name, value);
    return out;
}

Values Settings::resolved() const {
    Values out;
    for (const Setting& s : settings_)
        if (const std::string value = s.text(); !value.empty()) out.emplace_back(s.name, value);
    return out;
}

std::string Settings::of_statement(const std::string& id) const {
    std::string out;
    for (const Setting& s : settings_)
        for (const std::string& statement : s.statements)
            if (statement == id || statement == "*") out += (out.empty() ? "" : ", ") + s.name + " = " + s.text();
    return out;
}

std::vector<std::string> Settings::split(const std::string& text) {
    std::vector<std::string> parts(1);
    for (const char c : text)
        if (c == ',')
            parts.emplace_back();
        else if (c != ' ')
            parts.back() += c;
    return parts;
}

std::string difference(const Values& expected, const Values& found, const std::vector<std::string>& except) {
    const auto is_left_out = [&](const std::string& name) {
        return std::find(except.begin(), except.end(), name) != except.end();
    };
    for (const auto& [name, value] : expected) {
        if (is_left_out(name)) continue;
        const std::string* other = value_of(found, name);
        if (!other) return "no " + name + ", not " + value;
        if (*other != value) return name + " = " + *other + ", not " + value;
    }
    for (const auto& [name, value] : found)
        if (!is_left_out(name) && !value_of(expected, name)) return name + " = " + value + ", which this run has not";
    return "";
}

}  // namespace warpvae

// Another value of any setting, so that tests may walk through all settings of all programs.
#pragma once
#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "host/experiment/settings.h"

namespace warpvae::test {

/// The choices of a setting that is "one of a, b, c" from the one after its value on, then those before.
inline std::vector<std::string> other_choices(const Setting& setting) {
    const std::string beginning = "one of ", all = setting.wanted.substr(0, setting.wanted.find(", or several"));
    if (!all.starts_with(beginning)) return {};
    std::istringstream names(all.substr(beginning.size()));
    std::vector<std::string> choices;
    for (std::string name; std::getline(names >> std::ws, name, ',');) choices.push_back(name);
    const auto now = std::find(choices.begin(), choices.end(), setting.text());
    if (now != choices.end()) std::rotate(choices.begin(), now + 1, choices.end());
    return choices;
}

/// Text of another value that the setting may have; its value stays. Empty where none is known.
inline std::string other_value(Setting& setting) {
    const std::string old = setting.text();
    std::vector<std::string> candidates = other_choices(setting);
    if (const auto comma = old.rfind(','); comma != old.npos)
        candidates.insert(candidates.begin(), old.substr(0, comma));
    if (setting.wanted.starts_with("a text")) candidates.push_back(old + "x");
    const double value = std::strtod(old.c_str(), nullptr);
    if (setting.wanted.starts_with("a whole number"))
        candidates.insert(candidates.end(), {number_text(value + 1), number_text(value - 1)});
    else
        candidates.insert(candidates.end(), {number_text(value * 1.5), number_text(value / 2), "0.125", "1", "0,2"});
    for (const std::string& other : candidates) {
        if (!setting.try_assign(other)) continue;
        const std::string now = setting.text();
        setting.try_assign(old);
        if (now != old) return other;
    }
    return "";
}

}  // namespace warpvae::test
